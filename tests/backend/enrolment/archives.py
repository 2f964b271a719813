"""Archives of register photographs, and the worker that reads them."""

import io
import zipfile
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import httpx

from backend.enrolment.faces import load_engine
from backend.enrolment.register.imports.job import read_archive
from backend.kit.db import Database, Scope
from tests.backend.households.town import Town


def packed(files: Iterable[tuple[str | zipfile.ZipInfo, bytes]], *, packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", packing) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return target.getvalue()


async def number(town: Town, member_id: UUID, register_number: str) -> None:
    """Give a member his number in the register."""
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await conn.execute(
            "UPDATE member SET register_number = $3 WHERE community_id = $1 AND member_id = $2",
            town.community_id, member_id, register_number,
        )  # fmt: skip


async def send(town: Town, archive: bytes, *, kind: str = "application/zip") -> httpx.Response:
    return await town.office.post(
        f"{town.staff_path}/register-photos/imports", content=archive, headers={"Content-Type": kind}
    )


async def work_off(town: Town, worker_db: Database, import_id: str) -> dict[str, Any]:
    """What the worker does with an archive, and what staff are shown then."""
    resources = town.world.resources
    await read_archive(
        worker_db,
        resources.keys,
        resources.objects,
        lambda: load_engine(None, None),
        community_id=town.community_id,
        import_id=UUID(import_id),
        clock=town.world.clock,
    )
    answer = await town.office.get(f"{town.staff_path}/register-photos/imports/{import_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def imported(
    town: Town, worker_db: Database, files: Iterable[tuple[str | zipfile.ZipInfo, bytes]]
) -> dict[str, Any]:
    answer = await send(town, packed(files))
    assert answer.status_code == 202, answer.text
    return await work_off(town, worker_db, answer.json()["import_id"])


async def report(town: Town, import_id: str) -> dict[str, str]:
    """By file, what became of it."""
    answer = await town.office.get(f"{town.staff_path}/register-photos/imports/{import_id}/lines?limit=200")
    assert answer.status_code == 200, answer.text
    assert all(line["messages"]["zh-CN"] and line["messages"]["en"] for line in answer.json()["lines"])
    return {line["file_name"]: line["outcome"] for line in answer.json()["lines"]}


async def keep(town: Town, member_id: UUID, photo: bytes) -> httpx.Response:
    """Give the office's photograph of one member."""
    return await town.office.put(
        f"{town.staff_path}/members/{member_id}/register-photo", content=photo, headers={"Content-Type": "image/jpeg"}
    )

"""Files of a register, and an office that imports them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from backend.households.imports.running import Runner
from backend.kit.db import Database
from backend.privacy import imported
from backend.visitors import service as visitors
from tests.backend.households.town import Town

__all__ = ["HEADER", "SPOUSE", "TENANT", "Office", "homes", "household", "sheet"]

HEADER = "楼栋,单元,房号,合同编号,人员编号,姓名,手机号,关系,租期开始,租期结束"
TENANT = "1号楼,1单元,101,T-1,P-1,王某,{phone},承租人,2026-01-01,2027-12-31"
SPOUSE = "1号楼,1单元,101,T-1,P-2,李某,,配偶,2026-01-01,2027-12-31"


def sheet(*lines: str, header: str = HEADER, encoding: str = "utf-8") -> bytes:
    """A file of these lines."""
    return "".join(f"{line}\r\n" for line in (header, *lines)).encode(encoding)


class Office(msgspec.Struct, frozen=True):
    """A town's office with a worker."""

    town: Town
    worker_db: Database

    @property
    def runner(self) -> Runner:
        resources = self.town.world.resources
        return Runner(
            self.worker_db,
            resources.keys,
            resources.objects,
            self.town.world.clock,
            end_member=imported.end_member,
            end_tenancy=imported.end_tenancy,
            follow=visitors.follow_households,
        )

    async def begin(self, content: bytes, **options: object) -> str:
        """An import with its file, not run yet."""
        body = {"community_id": str(self.town.community_id), "dry_run": False, **options}
        begun = await self.town.office.post("/staff/v1/imports", json=body)
        assert begun.status_code == 201, begun.text
        import_id = str(begun.json()["import_id"])
        sent = await self.town.office.put(
            f"/staff/v1/imports/{import_id}/file", content=content, headers={"Content-Type": "text/csv"}
        )
        assert sent.status_code == 202, sent.text
        return import_id

    async def run(self, import_id: str) -> dict[str, Any]:
        await self.runner.run(UUID(import_id))
        return await self.read(import_id)

    async def read(self, import_id: str) -> dict[str, Any]:
        answer = await self.town.office.get(f"/staff/v1/imports/{import_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def imported(self, content: bytes, **options: object) -> dict[str, Any]:
        return await self.run(await self.begin(content, **options))

    async def report(self, import_id: str) -> list[dict[str, Any]]:
        answer = await self.town.office.get(f"/staff/v1/imports/{import_id}/report")
        assert answer.status_code == 200, answer.text
        return [msgspec.json.decode(line) for line in answer.content.splitlines()]

    async def problems(self, import_id: str) -> Sequence[tuple[int, str, str | None]]:
        """Line, code and column of what was refused."""
        return [
            (line["line"], line["code"], line["column"])
            for line in await self.report(import_id)
            if line["outcome"] == "refused"
        ]


async def homes(town: Town) -> dict[tuple[str, str, str], dict[str, Any]]:
    """The homes of the town, by building, unit and label."""
    answer = await town.office.get(f"{town.staff_path}/homes")
    return {(home["building"], home["unit"], home["label"]): home for home in answer.json()["homes"]}


async def household(town: Town, place: tuple[str, str, str]) -> list[dict[str, Any]]:
    """The tenancies of a home, with their members."""
    home = (await homes(town))[place]
    answer = await town.office.get(f"{town.staff_path}/homes/{home['home_id']}")
    found: list[dict[str, Any]] = answer.json()["tenancies"]
    return found

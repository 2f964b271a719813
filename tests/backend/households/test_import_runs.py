"""A file on its way through the worker: killed, taken over, cancelled, left lying; and what rests of it."""

from uuid import UUID

import pytest

from backend.households.imports import batches, reader, service
from backend.households.imports.schemas import parse_options
from backend.kit.db import Scope
from tests.backend.households.sheets import SPOUSE, TENANT, Office, homes, sheet


async def left_of(office: Office, import_id: str) -> int:
    objects = office.town.world.resources.objects
    return len([name async for name in objects.list(f"register-imports/{import_id}/")])


@pytest.mark.parametrize(
    "content, status, code",
    [
        (b"PK\x03\x04" + bytes(1000), 415, "file-not-text"),
        (b"\xff\xfe" + "楼栋".encode("utf-16-le"), 415, "file-not-text"),
        (b"", 422, "file-empty"),
    ],
)
async def test_what_is_no_text_is_refused_at_once(office: Office, content: bytes, status: int, code: str) -> None:
    begun = await office.town.office.post("/staff/v1/imports", json={})
    path = f"/staff/v1/imports/{begun.json()['import_id']}/file"
    answer = await office.town.office.put(path, content=content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    # It is not over: the right file may follow.
    assert (await office.town.office.put(path, content=sheet(SPOUSE))).status_code == 202
    twice = await office.town.office.put(path, content=sheet(SPOUSE))
    assert (twice.status_code, twice.json()["code"]) == (409, "import-not-open")


async def test_a_run_that_was_killed_goes_on_where_it_stood(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    world = office.town.world
    monkeypatch.setattr(reader, "BATCH", 2)
    lines = [f"1号楼,,{n},T-{n},P-{n},某某,{world.new_phone()},承租人,2026-01-01," for n in range(1, 10)]
    import_id = await office.begin(sheet(*lines))
    for done_so_far in (0, 2, 4):
        runner = office.runner
        begun = await runner._begin(UUID(import_id))
        assert begun is not None
        options, key = parse_options(begun), await world.resources.keys.person_key(UUID(import_id))
        if begun.read_at is None:
            await runner._read(begun, options, key)
        assert (await office.read(import_id))["done"] == done_so_far
        async with office.worker_db.transaction(Scope(platform=True)) as conn:
            found = await batches.list_batches(conn, import_id=UUID(import_id))
        waiting = [batch for batch in found if batch.done_at is None]
        await runner._batch(begun, options, key, waiting[0])
    done = await office.run(import_id)
    assert (done["state"], done["created"], done["lines"], done["done"]) == ("done", 9, 9, 9)
    assert [line["line"] for line in await office.report(import_id)] == list(range(2, 11))


async def test_a_run_that_was_taken_over_writes_nothing_more(office: Office) -> None:
    import_id = await office.begin(sheet(TENANT.format(phone=office.town.world.new_phone())))
    slow = await office.runner._begin(UUID(import_id))
    assert slow is not None
    done = await office.run(import_id)
    assert done["created"] == 1
    await office.runner._finish(slow, "failed", "late")
    assert (await office.read(import_id))["state"] == "done"


async def test_a_cancelled_import_stops_and_its_file_is_destroyed(office: Office) -> None:
    town, world = office.town, office.town.world
    import_id = await office.begin(sheet(TENANT.format(phone=world.new_phone())))
    cancelled = await town.office.post(f"/staff/v1/imports/{import_id}/cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert (await office.run(import_id))["state"] == "cancelled"
    assert await homes(town) == {}
    assert await left_of(office, import_id) == 1
    await service.shred(office.worker_db, world.resources.keys, world.resources.objects, now=world.clock())
    assert await left_of(office, import_id) == 0


async def test_a_file_that_nobody_confirms_is_destroyed_after_seven_days(office: Office) -> None:
    world = office.town.world
    checked = await office.imported(sheet(TENANT.format(phone=world.new_phone())), dry_run=True)
    keys, objects = world.resources.keys, world.resources.objects
    assert await service.shred(office.worker_db, keys, objects, now=world.clock()) == 0
    now = world.clock.advance(days=7, seconds=1)
    assert await service.shred(office.worker_db, keys, objects, now=now) == 1
    async with office.worker_db.transaction(Scope(platform=True)) as conn:
        sealed = await conn.fetchval("SELECT count(sealed) FROM register_import_batch")
        state = await conn.fetchval("SELECT state FROM register_import")
    assert (sealed, state, await left_of(office, checked["import_id"])) == (0, "expired", 0)


async def test_nothing_of_the_file_rests_in_the_clear(office: Office) -> None:
    phone = office.town.world.new_phone()
    import_id = await office.begin(sheet(TENANT.format(phone=phone), "王某 broken"), dry_run=True)
    await office.run(import_id)
    objects = office.town.world.resources.objects
    kept = [await objects.get(name) async for name in objects.list(f"register-imports/{import_id}/")]
    async with office.worker_db.transaction(Scope(platform=True)) as conn:
        rows = await conn.fetch("SELECT sealed, outcome FROM register_import_batch")
    kept += [bytes(value) for row in rows for value in row.values() if value is not None]
    assert kept
    for needle in (phone.encode(), "王某".encode()):
        assert not any(needle in one for one in kept)

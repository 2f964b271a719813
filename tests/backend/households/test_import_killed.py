"""A worker is killed while it imports; others finish what it began, and nothing is done twice or lost."""

import os
import random
import signal
from pathlib import Path

import pytest

from backend.kit.clock import utc_now
from backend.kit.db import Database, Scope
from backend.settings import Settings
from tests.backend.households.sheets import Office, sheet
from tests.backend.households.town import build_town
from tests.backend.processes import Workers, until
from tests.backend.world import World

_LINES = 12_000


@pytest.mark.deep
async def test_an_import_survives_the_deaths_of_its_workers(
    world: World, worker_db: Database, settings: Settings, tmp_path: Path
) -> None:
    # The worker's clock is the machine's: by it a file of the test's usual time would have waited too long.
    world.clock.now = utc_now()
    office = Office(await build_town(world), worker_db)
    workers = Workers(settings, tmp_path / "worker.log")
    lines = [f"{n % 40}号楼,,{n},T-{n},P-{n},某某,,其他,2026-01-01," for n in range(_LINES)]
    import_id = await office.begin(sheet(*lines))
    moments = random.Random(20261101)

    async def further(than: int) -> bool:
        return int((await office.read(import_id))["done"]) > than

    try:
        for part in range(4):
            process = await workers.start()
            at_least = part * _LINES // 6 + moments.randrange(500)
            await until(lambda at_least=at_least: further(at_least), workers)  # type: ignore[misc]  # bound at once
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
        await workers.start()

        async def done() -> bool:
            return (await office.read(import_id))["state"] not in ("waiting", "applying")

        await until(done, workers)
    finally:
        await workers.stop()
    found = await office.read(import_id)
    assert (found["state"], found["created"], found["refused"]) == ("done", _LINES, 0)
    assert [line["line"] for line in await office.report(import_id)] == list(range(2, _LINES + 2))
    async with worker_db.transaction(Scope(community_id=office.town.community_id)) as conn:
        assert await conn.fetchval("SELECT count(*) FROM member") == _LINES
        assert await conn.fetchval("SELECT count(*) FROM tenancy") == _LINES

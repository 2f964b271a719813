"""Which of two databases was set back is seen by a number that both hold."""

import asyncio

import pytest

from backend.health import watermark
from backend.health.errors import DataSetBack, KeysSetBack, NotReady
from backend.health.service import Readiness, checks
from backend.kit.db import Database, Scope
from backend.resources import Resources
from tests.backend.world import World


async def put(db: Database, mark: int) -> None:
    """The number, as an older copy of the database holds it."""
    async with db.transaction(Scope(platform=True)) as conn:
        await conn.execute(
            "INSERT INTO watermark (mark) VALUES ($1) ON CONFLICT (one) DO UPDATE SET mark = excluded.mark", mark
        )


async def marks(data: Database, keys: Database) -> list[int]:
    found = []
    for db in (data, keys):
        async with db.transaction(Scope(platform=True), read_only=True) as conn:
            found.append(await conn.fetchval("SELECT coalesce(max(mark), 0) FROM watermark"))
    return found


async def test_both_begin_level_and_rise_together(world: World, worker_db: Database) -> None:
    keys = world.resources.keys.db
    await watermark.require_level(worker_db, keys)
    for step in (1, 2):
        await watermark.raise_marks(worker_db, keys)
        assert await marks(worker_db, keys) == [step, step]


async def test_killed_between_the_two_it_is_gone_on_with(world: World, worker_db: Database) -> None:
    keys = world.resources.keys.db
    await put(worker_db, 8)
    await put(keys, 7)
    await watermark.require_level(worker_db, keys)
    await watermark.raise_marks(worker_db, keys)
    assert await marks(worker_db, keys) == [9, 9]


@pytest.mark.parametrize(
    "data, keys, found", [(6, 7, DataSetBack), (0, 1, DataSetBack), (9, 7, KeysSetBack), (2, 0, KeysSetBack)]
)
async def test_the_one_that_was_set_back_is_named_and_never_raised(
    world: World, worker_db: Database, resources: Resources, data: int, keys: int,
    found: type[DataSetBack] | type[KeysSetBack],
) -> None:  # fmt: skip
    key_store = world.resources.keys.db
    await put(worker_db, data)
    await put(key_store, keys)
    with pytest.raises(found):
        await watermark.require_level(worker_db, key_store)
    with pytest.raises(found):
        await watermark.raise_marks(worker_db, key_store)
    assert await marks(worker_db, key_store) == [data, keys]
    with pytest.raises(NotReady):
        await Readiness(checks(resources.schema, resources.objects)).require()
    await watermark.level_marks(worker_db, key_store)
    await watermark.raise_marks(worker_db, key_store)
    await Readiness(checks(resources.schema, resources.objects)).require()


async def test_two_leaders_at_once_and_who_looks_meanwhile_raise_no_false_alarm(
    world: World, worker_db: Database
) -> None:
    keys = world.resources.keys.db
    done = asyncio.Event()

    async def lead() -> None:
        for _ in range(40):
            await watermark.raise_marks(worker_db, keys)

    async def look() -> None:
        while not done.is_set():
            await watermark.require_level(worker_db, keys)

    looking = [asyncio.create_task(look()) for _ in range(2)]
    await asyncio.gather(lead(), lead())
    done.set()
    await asyncio.gather(*looking)
    reached, level = await marks(worker_db, keys)
    assert reached == level >= 40

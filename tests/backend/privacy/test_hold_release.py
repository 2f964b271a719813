"""What a hold kept is destroyed at its end, whatever is away or cut off, and once."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from backend.kit.db import Database
from backend.privacy.holds.release import release_ended, sweep
from backend.privacy.holds.rules import held_key
from backend.privacy.saga import Saga
from tests.backend.privacy.ending import Away
from tests.backend.privacy.faces import ALL, left_of
from tests.backend.privacy.held import (
    has_key,
    hold,
    moved_out,
    objects_of,
    release,
    town_with_officer,
)
from tests.backend.world import World
from tests.databases import DatabaseUrls


async def test_a_crash_while_a_hold_is_set_leaves_none_and_is_swept(
    world: World, worker_db: Database, database_urls: DatabaseUrls
) -> None:
    town, tenant, officer = await town_with_officer(world)
    kept = await hold(town, officer, tenant)
    # As it stands when the process is killed between the copies and the row.
    orphan = uuid4()
    await world.resources.keys.ensure_person_key(orphan, owner_id=town.community_id)
    written_s = int(world.clock().timestamp())
    await world.resources.objects.put(held_key(orphan, uuid4(), written_s=written_s), b"sealed")
    keys, objects = world.resources.keys, world.resources.objects
    assert await sweep(worker_db, keys, objects, now=world.clock()) == 0
    assert await sweep(worker_db, keys, objects, now=world.clock() + timedelta(hours=2)) == 1
    assert not await has_key(world, str(orphan))
    assert await has_key(world, kept["hold_id"])
    assert len(await objects_of(world)) == 3
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == ALL


async def test_a_store_that_is_away_delays_the_release_and_skips_nothing(
    world: World, worker_db: Database, saga: Saga
) -> None:
    town, tenant, officer = await town_with_officer(world)
    made = await hold(town, officer, tenant)
    erasure_id = UUID(await moved_out(town, tenant, saga))
    await officer.post(f"{town.staff_path}/holds/{made['hold_id']}/end")
    objects = Away(world.resources.objects, refused={f"held/{made['hold_id']}/"})
    assert await release_ended(worker_db, world.resources.keys, objects, now=world.clock()) == 0
    assert await has_key(world, made["hold_id"])
    assert not await saga.resume(erasure_id)
    objects.refused = ()
    assert await release_ended(worker_db, world.resources.keys, objects, now=world.clock()) == 1
    assert await saga.resume(erasure_id)


async def test_two_workers_release_a_hold_once(world: World, worker_db: Database) -> None:
    town, tenant, officer = await town_with_officer(world)
    made = await hold(town, officer, tenant)
    await officer.post(f"{town.staff_path}/holds/{made['hold_id']}/end")
    done = await asyncio.gather(*(release(world, worker_db) for _ in range(3)))
    assert sum(done) == 1
    entries = (await town.office.get(f"{town.staff_path}/audit")).json()["entries"]
    assert sum(entry["action"] == "hold.release" for entry in entries) == 1


async def test_no_role_but_the_worker_says_that_a_hold_is_released(world: World, database_urls: DatabaseUrls) -> None:
    town, tenant, officer = await town_with_officer(world)
    await hold(town, officer, tenant)
    conn: asyncpg.Connection[Any] = await asyncpg.connect(database_urls.api)
    try:
        await conn.execute("SET doorward.platform = 'on'")
        await conn.execute(f"SET doorward.community = '{town.community_id}'")
        for statement in (
            "UPDATE legal_hold SET released_at = now()",
            "DELETE FROM legal_hold",
            "DELETE FROM hold_photo",
            "UPDATE legal_hold SET told = true",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.execute(statement)
    finally:
        await conn.close()

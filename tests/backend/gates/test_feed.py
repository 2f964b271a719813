"""Who is woken by what a community's roster has gone through, and how often."""

import asyncio
from uuid import UUID, uuid4

import asyncpg
import pytest

from backend.gates import feed as feeding
from backend.gates.feed import RosterFeed
from backend.kit.db import Database

CHANGES = 20


async def told_of(feed: RosterFeed, community_id: UUID, changes: int, told: list[int]) -> None:
    """Follow as a gate does until so many were heard; how many at each round."""
    while sum(told) < changes:
        generation = feed.generation(community_id)
        await feed.wait(community_id, uuid4(), since=generation, seconds=60)
        told.append(feed.generation(community_id)[1] - sum(told))


async def test_changes_without_a_pause_are_told_together_and_none_is_forgotten(
    worker_db: Database, owner: "asyncpg.Connection[asyncpg.Record]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "_PACE_S", 2.0)
    community_id, told = uuid4(), list[int]()
    feed = RosterFeed(worker_db)
    async with feed.running():
        await feed.wait(community_id, uuid4(), since=(0, 0), seconds=60)
        following = asyncio.create_task(told_of(feed, community_id, CHANGES, told))
        await asyncio.sleep(0)
        for _ in range(CHANGES):
            await owner.execute("SELECT pg_notify('roster', $1)", str(community_id))
            # So that each would be told by itself.
            await asyncio.sleep(0.02)
        await asyncio.wait_for(following, 60)
    # The first by itself and at once, what came after it in its turn.
    assert sum(told) == CHANGES
    assert len(told) <= CHANGES // 2


async def test_another_community_s_changes_put_nobody_off(
    worker_db: Database, owner: "asyncpg.Connection[asyncpg.Record]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "_PACE_S", 3600.0)
    busy, quiet = uuid4(), uuid4()
    feed = RosterFeed(worker_db)
    async with feed.running():
        await feed.wait(busy, uuid4(), since=(0, 0), seconds=60)
        following = [asyncio.create_task(told_of(feed, one, 1, [])) for one in (busy, quiet)]
        await asyncio.sleep(0)
        await owner.execute("SELECT pg_notify('roster', $1)", str(busy))
        await asyncio.wait_for(following[0], 60)
        assert feed.rest(busy) > 0
        assert feed.rest(quiet) == 0
        await owner.execute("SELECT pg_notify('roster', $1)", str(quiet))
        await asyncio.wait_for(following[1], 60)

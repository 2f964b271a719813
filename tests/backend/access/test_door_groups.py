"""Grants that are limited to the doors of some groups."""

from uuid import UUID, uuid4

import pytest

from backend.access import service as access
from backend.doors import service as doors
from backend.doors.errors import DoorGroupInUse, DoorGroupUnknown
from backend.kit.db import Database, Scope
from gate_sdk.wire import GrantKind, decode_entry
from tests.backend.access.town import NOW, Town


async def group(town: Town, community_id: UUID, name: str) -> UUID:
    async with town.db.transaction(Scope(community_id=community_id)) as conn:
        return await doors.create_group(conn, community_id=community_id, name=name, now=NOW)


async def limited(town: Town, community_id: UUID, subject: UUID, groups: list[UUID] | None, source: UUID) -> None:
    async with town.db.transaction(Scope(community_id=community_id)) as conn:
        await access.grant(
            conn, community_id=community_id, subject_id=subject, kind=GrantKind.RESIDENT, source="staff",
            source_id=source, valid_from=NOW, valid_until=None, now=NOW, door_groups=groups,
        )  # fmt: skip


async def body(db: Database, community_id: UUID, subject: UUID) -> bytes:
    async with db.transaction(Scope(community_id=community_id)) as conn:
        found: bytes = await conn.fetchval(
            "SELECT body FROM roster WHERE community_id = $1 AND subject_id = $2", community_id, subject
        )
    return found


async def test_the_roster_names_the_groups_of_a_limited_grant_and_none_of_another(town: Town) -> None:
    community_id = await town.community()
    first, second = await group(town, community_id, "Gardens"), await group(town, community_id, "Garage")
    subject, source = await town.subject(community_id), uuid4()
    await limited(town, community_id, subject, [second, first, second], source)
    (grant,) = decode_entry(await body(town.db, community_id, subject)).grants
    assert grant.doors == tuple(sorted((first, second)))

    unlimited = await town.subject(community_id)
    await limited(town, community_id, unlimited, None, uuid4())
    stored = await body(town.db, community_id, unlimited)
    assert b"doors" not in stored
    assert decode_entry(stored).grants[0].doors is None


async def test_groups_that_are_not_the_communitys_are_refused(town: Town) -> None:
    here, there = await town.community(), await town.community()
    elsewhere = await group(town, there, "Gardens")
    subject = await town.subject(here)
    for wrong in ([elsewhere], [uuid4()], [], [uuid4() for _ in range(17)]):
        with pytest.raises(DoorGroupUnknown):
            await limited(town, here, subject, wrong, uuid4())


async def test_a_group_stays_as_long_as_a_grant_names_it(town: Town) -> None:
    community_id = await town.community()
    gardens, source = await group(town, community_id, "Gardens"), uuid4()
    await limited(town, community_id, await town.subject(community_id), [gardens], source)
    with pytest.raises(DoorGroupInUse):
        async with town.db.transaction(Scope(community_id=community_id)) as conn:
            await doors.delete_group(conn, community_id=community_id, group_id=gardens, now=NOW)
    async with town.db.transaction(Scope(community_id=community_id)) as conn:
        await access.end_grants(conn, community_id=community_id, source="staff", source_id=source, now=NOW)
        await doors.delete_group(conn, community_id=community_id, group_id=gardens, now=NOW)

"""Rules of doors and door groups. Whoever changes something here publishes the plan in the same transaction."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from backend.doors import repository
from backend.doors.errors import (
    DoorExists,
    DoorGroupExists,
    DoorGroupInUse,
    DoorGroupNotFound,
    DoorGroupUnknown,
    DoorInUse,
    DoorNotFound,
    TooManyDoors,
)
from backend.doors.repository import DoorRow, GroupRow
from backend.kit.db import Connection

__all__ = [
    "MOST_DOORS",
    "MOST_GROUPS",
    "MOST_GROUPS_OF_ONE",
    "change_door",
    "change_group",
    "create_door",
    "create_group",
    "delete_door",
    "delete_group",
    "get_door",
    "get_group",
    "require_groups",
]

# Far above what a community of 10,000 people has; a plan stays below a megabyte.
MOST_DOORS = 400
MOST_GROUPS = 100
# Of one door, and of one right to enter.
MOST_GROUPS_OF_ONE = 16


async def get_door(conn: Connection, *, community_id: UUID, door_id: UUID) -> DoorRow:
    """One door.

    Raises:
        DoorNotFound: there is no such door.
    """
    row = await repository.get_door(conn, community_id=community_id, door_id=door_id)
    if row is None:
        raise DoorNotFound
    return row


async def get_group(conn: Connection, *, community_id: UUID, group_id: UUID) -> GroupRow:
    """One group.

    Raises:
        DoorGroupNotFound: there is no such group.
    """
    row = await repository.get_group(conn, community_id=community_id, group_id=group_id)
    if row is None:
        raise DoorGroupNotFound
    return row


async def create_door(
    conn: Connection, *, community_id: UUID, name: str, groups: Sequence[UUID], now: datetime
) -> UUID:
    """A new door in those groups.

    Raises:
        DoorExists: there is one of that name.
        DoorGroupUnknown: a group is not the community's.
        TooManyDoors: there are :data:`MOST_DOORS`.
    """
    await _require_some(conn, community_id, groups)
    try:
        door_id = await repository.insert_door(conn, community_id=community_id, name=name, most=MOST_DOORS, now=now)
    except asyncpg.UniqueViolationError:
        raise DoorExists from None
    if door_id is None:
        raise TooManyDoors
    await repository.replace_groups_of_door(conn, community_id=community_id, door_id=door_id, groups=groups)
    return door_id


async def change_door(
    conn: Connection, *, community_id: UUID, door_id: UUID, name: str, groups: Sequence[UUID]
) -> None:
    """Give a door that name and those groups.

    Raises:
        DoorNotFound: there is no such door.
        DoorExists: another has that name.
        DoorGroupUnknown: a group is not the community's.
    """
    await _require_some(conn, community_id, groups)
    try:
        found = await repository.update_door(conn, community_id=community_id, door_id=door_id, name=name)
    except asyncpg.UniqueViolationError:
        raise DoorExists from None
    if not found:
        raise DoorNotFound
    await repository.replace_groups_of_door(conn, community_id=community_id, door_id=door_id, groups=groups)


async def delete_door(conn: Connection, *, community_id: UUID, door_id: UUID) -> None:
    """Delete a door.

    Raises:
        DoorNotFound: there is no such door.
        DoorInUse: a gate stands at it.
    """
    if await repository.has_gates(conn, community_id=community_id, door_id=door_id):
        raise DoorInUse
    try:
        found = await repository.delete_door(conn, community_id=community_id, door_id=door_id)
    except asyncpg.ForeignKeyViolationError:
        # A gate was put there meanwhile.
        raise DoorInUse from None
    if not found:
        raise DoorNotFound


async def create_group(conn: Connection, *, community_id: UUID, name: str, now: datetime) -> UUID:
    """A new group without doors.

    Raises:
        DoorGroupExists: there is one of that name.
        TooManyDoors: there are :data:`MOST_GROUPS`.
    """
    try:
        group_id = await repository.insert_group(conn, community_id=community_id, name=name, most=MOST_GROUPS, now=now)
    except asyncpg.UniqueViolationError:
        raise DoorGroupExists from None
    if group_id is None:
        raise TooManyDoors
    return group_id


async def change_group(conn: Connection, *, community_id: UUID, group_id: UUID, name: str) -> None:
    """Rename a group.

    Raises:
        DoorGroupNotFound: there is no such group.
        DoorGroupExists: another has that name.
    """
    try:
        found = await repository.update_group(conn, community_id=community_id, group_id=group_id, name=name)
    except asyncpg.UniqueViolationError:
        raise DoorGroupExists from None
    if not found:
        raise DoorGroupNotFound


async def delete_group(conn: Connection, *, community_id: UUID, group_id: UUID, now: datetime) -> None:
    """Delete a group with its hours; its doors stay.

    Raises:
        DoorGroupNotFound: there is no such group.
        DoorGroupInUse: a right to enter or an emergency names it.
    """
    # First the row, which whoever makes a right for the group keeps from being deleted; then who names it.
    if not await repository.delete_group(conn, community_id=community_id, group_id=group_id):
        raise DoorGroupNotFound
    if await repository.group_in_use(conn, community_id=community_id, group_id=group_id, now=now):
        raise DoorGroupInUse


async def require_groups(conn: Connection, *, community_id: UUID, limits: Sequence[Sequence[UUID]]) -> None:
    """Go on only if each of ``limits`` names 1 to 16 door groups of the community.

    Raises:
        DoorGroupUnknown: one does not.
    """
    if any(not 0 < len(set(limit)) <= MOST_GROUPS_OF_ONE for limit in limits):
        raise DoorGroupUnknown
    named = {group for limit in limits for group in limit}
    if named and await repository.count_groups(conn, community_id=community_id, ids=sorted(named)) != len(named):
        raise DoorGroupUnknown


async def _require_some(conn: Connection, community_id: UUID, groups: Sequence[UUID]) -> None:
    if groups:
        await require_groups(conn, community_id=community_id, limits=[groups])

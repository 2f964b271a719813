"""SQL of doors, door groups, and which gate stands where."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one

__all__ = [
    "DoorRow",
    "GateAtDoor",
    "GroupRow",
    "count_groups",
    "delete_door",
    "delete_group",
    "get_door",
    "get_group",
    "group_in_use",
    "has_gates",
    "hold",
    "insert_door",
    "insert_group",
    "list_doors",
    "list_gates_at_doors",
    "list_groups",
    "replace_groups_of_door",
    "update_door",
    "update_group",
]


class DoorRow(msgspec.Struct, frozen=True):
    """A door and the groups that it belongs to."""

    door_id: UUID
    name: str
    groups: list[UUID]


class GroupRow(msgspec.Struct, frozen=True):
    """A group of doors."""

    group_id: UUID
    name: str


class GateAtDoor(msgspec.Struct, frozen=True):
    """A gate in service that stands at a door, and the door's groups."""

    gate_id: UUID
    groups: list[UUID]


class _Count(msgspec.Struct, frozen=True):
    count: int


class _Id(msgspec.Struct, frozen=True):
    id: UUID


class _Found(msgspec.Struct, frozen=True):
    found: bool


async def hold(conn: Connection, *, community_id: UUID) -> None:
    """Let nobody else edit the community's doors and hours until the transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('doors/' || $1::uuid::text, 0))", community_id)


async def get_door(conn: Connection, *, community_id: UUID, door_id: UUID) -> DoorRow | None:
    """One door."""
    return await fetch_one(
        conn,
        DoorRow,
        """
        SELECT d.door_id, d.name, ARRAY(
            SELECT group_id FROM door_in_group g
            WHERE g.community_id = d.community_id AND g.door_id = d.door_id ORDER BY group_id
        ) AS groups
        FROM door d WHERE d.community_id = $1 AND d.door_id = $2
        """,
        community_id, door_id,
    )  # fmt: skip


async def get_group(conn: Connection, *, community_id: UUID, group_id: UUID) -> GroupRow | None:
    """One group."""
    return await fetch_one(
        conn,
        GroupRow,
        "SELECT group_id, name FROM door_group WHERE community_id = $1 AND group_id = $2",
        community_id, group_id,
    )  # fmt: skip


async def insert_door(conn: Connection, *, community_id: UUID, name: str, most: int, now: datetime) -> UUID | None:
    """A new door; None where there are ``most`` already.

    Raises:
        asyncpg.UniqueViolationError: there is one of that name.
    """
    row = await fetch_one(
        conn,
        _Id,
        """
        INSERT INTO door (community_id, name, created_at)
        SELECT $1, $2, $3 WHERE (SELECT count(*) FROM door WHERE community_id = $1) < $4
        RETURNING door_id AS id
        """,
        community_id, name, now, most,
    )  # fmt: skip
    return None if row is None else row.id


async def update_door(conn: Connection, *, community_id: UUID, door_id: UUID, name: str) -> bool:
    """Rename a door; whether there is one."""
    status = await conn.execute(
        "UPDATE door SET name = $3 WHERE community_id = $1 AND door_id = $2", community_id, door_id, name
    )
    return affected(status) == 1


async def delete_door(conn: Connection, *, community_id: UUID, door_id: UUID) -> bool:
    """Delete a door that no gate stands at; whether there was one."""
    status = await conn.execute("DELETE FROM door WHERE community_id = $1 AND door_id = $2", community_id, door_id)
    return affected(status) == 1


async def list_doors(conn: Connection, *, community_id: UUID) -> list[DoorRow]:
    """The community's doors by name."""
    return await fetch_all(
        conn,
        DoorRow,
        """
        SELECT d.door_id, d.name, ARRAY(
            SELECT group_id FROM door_in_group g
            WHERE g.community_id = d.community_id AND g.door_id = d.door_id ORDER BY group_id
        ) AS groups
        FROM door d WHERE d.community_id = $1 ORDER BY d.name, d.door_id
        """,
        community_id,
    )


async def replace_groups_of_door(
    conn: Connection, *, community_id: UUID, door_id: UUID, groups: Sequence[UUID]
) -> None:
    """The door belongs to these groups and to no others."""
    await conn.execute(
        """
        DELETE FROM door_in_group WHERE community_id = $1 AND door_id = $2 AND group_id <> ALL ($3::uuid[])
        """,
        community_id, door_id, list(groups),
    )  # fmt: skip
    await conn.execute(
        """
        INSERT INTO door_in_group (community_id, door_id, group_id)
        SELECT $1, $2, unnest($3::uuid[]) ON CONFLICT DO NOTHING
        """,
        community_id, door_id, list(groups),
    )  # fmt: skip


async def insert_group(conn: Connection, *, community_id: UUID, name: str, most: int, now: datetime) -> UUID | None:
    """A new group; None where there are ``most`` already.

    Raises:
        asyncpg.UniqueViolationError: there is one of that name.
    """
    row = await fetch_one(
        conn,
        _Id,
        """
        INSERT INTO door_group (community_id, name, created_at)
        SELECT $1, $2, $3 WHERE (SELECT count(*) FROM door_group WHERE community_id = $1) < $4
        RETURNING group_id AS id
        """,
        community_id, name, now, most,
    )  # fmt: skip
    return None if row is None else row.id


async def update_group(conn: Connection, *, community_id: UUID, group_id: UUID, name: str) -> bool:
    """Rename a group; whether there is one."""
    status = await conn.execute(
        "UPDATE door_group SET name = $3 WHERE community_id = $1 AND group_id = $2", community_id, group_id, name
    )
    return affected(status) == 1


async def delete_group(conn: Connection, *, community_id: UUID, group_id: UUID) -> bool:
    """Delete a group, its doors' belonging to it and its hours; whether there was one."""
    status = await conn.execute(
        "DELETE FROM door_group WHERE community_id = $1 AND group_id = $2", community_id, group_id
    )
    return affected(status) == 1


async def list_groups(conn: Connection, *, community_id: UUID) -> list[GroupRow]:
    """The community's groups by name."""
    return await fetch_all(
        conn,
        GroupRow,
        "SELECT group_id, name FROM door_group WHERE community_id = $1 ORDER BY name, group_id",
        community_id,
    )


async def count_groups(conn: Connection, *, community_id: UUID, ids: Sequence[UUID]) -> int:
    """How many of these are groups of the community; they stay until the transaction ends."""
    row = await require_one(
        conn,
        _Count,
        """
        SELECT count(*) AS count FROM (
            SELECT FROM door_group WHERE community_id = $1 AND group_id = ANY ($2) FOR KEY SHARE
        ) found
        """,
        community_id, list(ids),
    )  # fmt: skip
    return row.count


async def group_in_use(conn: Connection, *, community_id: UUID, group_id: UUID, now: datetime) -> bool:
    """Whether a right that has not ended is limited to the group, or an emergency goes for it."""
    row = await require_one(
        conn,
        _Found,
        """
        SELECT EXISTS (
            SELECT FROM access_grant
            WHERE community_id = $1 AND door_groups IS NOT NULL AND state <> 'ended' AND $2 = ANY (door_groups)
        ) OR EXISTS (
            SELECT FROM emergency
            WHERE community_id = $1 AND group_id = $2 AND ended_at IS NULL AND until > $3
        ) AS found
        """,
        community_id, group_id, now,
    )  # fmt: skip
    return row.found


async def has_gates(conn: Connection, *, community_id: UUID, door_id: UUID) -> bool:
    """Whether a gate, in service or not, stands at the door."""
    row = await require_one(
        conn,
        _Found,
        "SELECT EXISTS (SELECT FROM gate WHERE community_id = $1 AND door_id = $2) AS found",
        community_id, door_id,
    )  # fmt: skip
    return row.found


async def list_gates_at_doors(conn: Connection, *, community_id: UUID) -> list[GateAtDoor]:
    """Gates in service that stand at a door, in the order of their ids."""
    return await fetch_all(
        conn,
        GateAtDoor,
        """
        SELECT g.gate_id, ARRAY(
            SELECT group_id FROM door_in_group d
            WHERE d.community_id = g.community_id AND d.door_id = g.door_id ORDER BY group_id
        ) AS groups
        FROM gate g
        WHERE g.community_id = $1 AND g.door_id IS NOT NULL AND g.revoked_at IS NULL
        ORDER BY g.gate_id
        """,
        community_id,
    )

"""SQL of emergencies."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one

__all__ = [
    "EmergencyRow",
    "delete_old_emergencies",
    "get_emergency",
    "insert_emergency",
    "list_emergencies",
    "list_in_force",
    "update_ended",
]


class EmergencyRow(msgspec.Struct, frozen=True):
    """An order; ``group_id`` None is every door."""

    emergency_id: UUID
    mode: str
    group_id: UUID | None
    admits: list[str]
    reason: str
    note: str | None
    declared_at: datetime
    until: datetime
    ended_at: datetime | None


async def insert_emergency(
    conn: Connection,
    *,
    community_id: UUID,
    mode: str,
    group_id: UUID | None,
    admits: Sequence[str],
    reason: str,
    note: str | None,
    declared_by: UUID,
    until: datetime,
    now: datetime,
) -> EmergencyRow:
    """A new order, in force from now."""
    return await require_one(
        conn,
        EmergencyRow,
        """
        INSERT INTO emergency (community_id, mode, group_id, admits, reason, note, declared_by, declared_at, until)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        RETURNING emergency_id, mode, group_id, admits, reason, note, declared_at, until,
            ended_at
        """,
        community_id, mode, group_id, list(admits), reason, note, declared_by, now, until,
    )  # fmt: skip


async def get_emergency(conn: Connection, *, community_id: UUID, emergency_id: UUID) -> EmergencyRow | None:
    """One order, kept as it is until the transaction ends."""
    return await fetch_one(
        conn,
        EmergencyRow,
        """
        SELECT emergency_id, mode, group_id, admits, reason, note, declared_at, until, ended_at
        FROM emergency WHERE community_id = $1 AND emergency_id = $2 FOR UPDATE
        """,
        community_id, emergency_id,
    )  # fmt: skip


async def update_ended(
    conn: Connection, *, community_id: UUID, emergency_id: UUID, ended_by: UUID, now: datetime
) -> None:
    """End an order before its time."""
    await conn.execute(
        "UPDATE emergency SET ended_by = $3, ended_at = $4 WHERE community_id = $1 AND emergency_id = $2",
        community_id, emergency_id, ended_by, now,
    )  # fmt: skip


async def list_in_force(conn: Connection, *, community_id: UUID, now: datetime) -> list[EmergencyRow]:
    """The orders in force, the latest first."""
    return await fetch_all(
        conn,
        EmergencyRow,
        """
        SELECT emergency_id, mode, group_id, admits, reason, note, declared_at, until, ended_at
        FROM emergency WHERE community_id = $1 AND until > $2 AND ended_at IS NULL
        ORDER BY declared_at DESC, emergency_id
        """,
        community_id, now,
    )  # fmt: skip


async def list_emergencies(conn: Connection, *, community_id: UUID, limit: int) -> list[EmergencyRow]:
    """The latest orders, in force or over, the newest first."""
    return await fetch_all(
        conn,
        EmergencyRow,
        """
        SELECT emergency_id, mode, group_id, admits, reason, note, declared_at, until, ended_at
        FROM emergency WHERE community_id = $1 ORDER BY declared_at DESC, emergency_id LIMIT $2
        """,
        community_id, limit,
    )  # fmt: skip


async def delete_old_emergencies(conn: Connection, *, community_id: UUID, before: datetime, limit: int) -> int:
    """Delete orders whose time ended before that, at most ``limit``; how many."""
    return affected(
        await conn.execute(
            """
            DELETE FROM emergency WHERE community_id = $1 AND emergency_id IN (
                SELECT emergency_id FROM emergency WHERE community_id = $1 AND until < $2 ORDER BY until LIMIT $3
            )
            """,
            community_id, before, limit,
        )
    )  # fmt: skip

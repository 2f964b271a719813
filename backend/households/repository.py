"""SQL of tenancies. Members' and their codes' is in members."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all, fetch_one, require_one

__all__ = [
    "TenancyRow",
    "find_tenancy_between",
    "get_tenancy",
    "get_tenancy_for_update",
    "insert_tenancy",
    "list_due_tenancies",
    "list_tenancies",
    "set_tenancy_end",
    "set_tenancy_ended",
    "share_tenancy",
]


class TenancyRow(msgspec.Struct, frozen=True):
    """A tenancy: ``ends_at`` is when it is to end, ``ended_at`` when it did."""

    community_id: UUID
    tenancy_id: UUID
    home_id: UUID
    starts_at: datetime
    ends_at: datetime | None
    ended_at: datetime | None


async def insert_tenancy(
    conn: Connection, *, community_id: UUID, home_id: UUID, starts_at: datetime, ends_at: datetime | None
) -> TenancyRow:
    """A new tenancy."""
    return await require_one(
        conn,
        TenancyRow,
        """
        INSERT INTO tenancy (community_id, home_id, starts_at, ends_at) VALUES ($1, $2, $3, $4)
        RETURNING community_id, tenancy_id, home_id, starts_at, ends_at, ended_at
        """,
        community_id, home_id, starts_at, ends_at,
    )  # fmt: skip


async def find_tenancy_between(
    conn: Connection, *, community_id: UUID, home_id: UUID, starts_at: datetime, ends_at: datetime | None
) -> TenancyRow | None:
    """A tenancy of the home that has not ended and overlaps [starts_at, ends_at)."""
    return await fetch_one(
        conn,
        TenancyRow,
        """
        SELECT community_id, tenancy_id, home_id, starts_at, ends_at, ended_at FROM tenancy
        WHERE community_id = $1 AND home_id = $2 AND ended_at IS NULL
            AND (ends_at IS NULL OR ends_at > $3) AND ($4::timestamptz IS NULL OR starts_at < $4)
        LIMIT 1
        """,
        community_id, home_id, starts_at, ends_at,
    )  # fmt: skip


async def get_tenancy(conn: Connection, *, community_id: UUID, tenancy_id: UUID) -> TenancyRow | None:
    """One tenancy."""
    return await fetch_one(
        conn,
        TenancyRow,
        """
        SELECT community_id, tenancy_id, home_id, starts_at, ends_at, ended_at FROM tenancy
        WHERE community_id = $1 AND tenancy_id = $2
        """,
        community_id, tenancy_id,
    )  # fmt: skip


async def get_tenancy_for_update(conn: Connection, *, community_id: UUID, tenancy_id: UUID) -> TenancyRow | None:
    """One tenancy, locked: joining and ending exclude each other."""
    return await fetch_one(
        conn,
        TenancyRow,
        """
        SELECT community_id, tenancy_id, home_id, starts_at, ends_at, ended_at FROM tenancy
        WHERE community_id = $1 AND tenancy_id = $2 FOR UPDATE
        """,
        community_id, tenancy_id,
    )  # fmt: skip


async def share_tenancy(conn: Connection, *, community_id: UUID, tenancy_id: UUID) -> TenancyRow | None:
    """One tenancy, held as it and its members are: who would end them waits, and others may hold it too."""
    return await fetch_one(
        conn,
        TenancyRow,
        """
        SELECT community_id, tenancy_id, home_id, starts_at, ends_at, ended_at FROM tenancy
        WHERE community_id = $1 AND tenancy_id = $2 FOR SHARE
        """,
        community_id, tenancy_id,
    )  # fmt: skip


async def list_tenancies(conn: Connection, *, community_id: UUID, home_id: UUID) -> list[TenancyRow]:
    """The home's tenancies, the newest first."""
    return await fetch_all(
        conn,
        TenancyRow,
        """
        SELECT community_id, tenancy_id, home_id, starts_at, ends_at, ended_at FROM tenancy
        WHERE community_id = $1 AND home_id = $2 ORDER BY starts_at DESC LIMIT 200
        """,
        community_id, home_id,
    )  # fmt: skip


async def list_due_tenancies(conn: Connection, *, at: datetime, limit: int) -> list[TenancyRow]:
    """Tenancies of any community whose end has come. The worker's, in the platform scope."""
    return await fetch_all(
        conn,
        TenancyRow,
        """
        SELECT community_id, tenancy_id, home_id, starts_at, ends_at, ended_at FROM tenancy
        WHERE ended_at IS NULL AND ends_at <= $1 ORDER BY ends_at LIMIT $2
        """,
        at, limit,
    )  # fmt: skip


async def set_tenancy_end(conn: Connection, *, community_id: UUID, tenancy_id: UUID, ends_at: datetime) -> None:
    """When the tenancy is to end."""
    await conn.execute(
        "UPDATE tenancy SET ends_at = $3 WHERE community_id = $1 AND tenancy_id = $2", community_id, tenancy_id, ends_at
    )


async def set_tenancy_ended(conn: Connection, *, community_id: UUID, tenancy_id: UUID, at: datetime) -> None:
    """The tenancy has ended."""
    await conn.execute(
        "UPDATE tenancy SET ended_at = $3 WHERE community_id = $1 AND tenancy_id = $2", community_id, tenancy_id, at
    )

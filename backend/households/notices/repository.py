"""SQL of what households are told."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all

__all__ = ["EndingRow", "list_ending", "list_people", "set_end_told"]


class EndingRow(msgspec.Struct, frozen=True):
    """A tenancy that ends soon, and the day in its community's time zone (ISO 8601)."""

    community_id: UUID
    tenancy_id: UUID
    ends_at: datetime
    day: str


class _Person(msgspec.Struct, frozen=True):
    person_id: UUID


async def list_people(conn: Connection, *, community_id: UUID, tenancy_id: UUID) -> list[UUID]:
    """Whoever belongs to the household at present."""
    rows = await fetch_all(
        conn,
        _Person,
        """
        SELECT DISTINCT person_id FROM member
        WHERE community_id = $1 AND tenancy_id = $2 AND state = 'active' AND person_id IS NOT NULL
        """,
        community_id, tenancy_id,
    )  # fmt: skip
    return [row.person_id for row in rows]


async def list_ending(conn: Connection, *, at: datetime, until: datetime, limit: int) -> list[EndingRow]:
    """Tenancies of any community that end by then and whose households were not told of that end. Platform scope."""
    return await fetch_all(
        conn,
        EndingRow,
        """
        SELECT t.community_id, t.tenancy_id, t.ends_at,
            to_char(t.ends_at AT TIME ZONE c.time_zone, 'YYYY-MM-DD') AS day
        FROM tenancy t JOIN community c USING (community_id)
        WHERE t.ended_at IS NULL AND t.end_told_for IS DISTINCT FROM t.ends_at AND t.ends_at > $1 AND t.ends_at <= $2
        ORDER BY t.ends_at LIMIT $3
        """,
        at, until, limit,
    )  # fmt: skip


async def set_end_told(conn: Connection, *, community_id: UUID, tenancy_id: UUID, ends_at: datetime) -> bool:
    """Note that the household is told of this end; False where it has another one by now, or was told."""
    found = await conn.fetchval(
        """
        UPDATE tenancy SET end_told_for = $3
        WHERE community_id = $1 AND tenancy_id = $2 AND ends_at = $3 AND ended_at IS NULL
            AND end_told_for IS DISTINCT FROM $3
        RETURNING true
        """,
        community_id, tenancy_id, ends_at,
    )  # fmt: skip
    return found is True

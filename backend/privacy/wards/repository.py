"""SQL of coming of age: whose birthday it is, whose answer is due, whose face has grown."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from backend.guardians.repository import MinorRow
from backend.kit.db import Connection, fetch_all, fetch_one

__all__ = [
    "FaceRow",
    "face_of",
    "list_of_age",
    "list_to_ask",
    "list_to_look_at",
    "list_to_settle",
    "list_to_tell",
    "set_asked",
    "set_looked",
    "set_settled",
    "set_told",
]


class FaceRow(msgspec.Struct, frozen=True):
    """When somebody's newest template was made."""

    made_at: datetime | None


async def face_of(conn: Connection, *, person_id: UUID) -> datetime | None:
    """When the person's newest template was made. In his own scope, or the worker's on the platform."""
    row = await fetch_one(conn, FaceRow, "SELECT max(made_at) AS made_at FROM template WHERE person_id = $1", person_id)
    return None if row is None else row.made_at


async def list_of_age(conn: Connection, *, born_by: date, limit: int) -> list[MinorRow]:
    """Minors who were born by that day. The worker's, in the platform scope; so are those below."""
    return await fetch_all(
        conn,
        MinorRow,
        """
        SELECT m.community_id, m.member_id, m.person_id, m.birth_date, m.basis, m.confirmed_by, m.asked_at,
            m.answered_at, m.settled_at, m.reminded_at, c.time_zone
        FROM minor m JOIN community c USING (community_id)
        WHERE m.birth_date <= $1 ORDER BY m.birth_date LIMIT $2
        """,
        born_by, limit,
    )  # fmt: skip


async def list_to_ask(conn: Connection, *, born_by: date, limit: int) -> list[MinorRow]:
    """The same of those who were not asked yet, and have joined."""
    return await fetch_all(
        conn,
        MinorRow,
        """
        SELECT m.community_id, m.member_id, m.person_id, m.birth_date, m.basis, m.confirmed_by, m.asked_at,
            m.answered_at, m.settled_at, m.reminded_at, c.time_zone
        FROM minor m JOIN community c USING (community_id)
        WHERE m.asked_at IS NULL AND m.birth_date <= $1 AND m.person_id IS NOT NULL ORDER BY m.birth_date LIMIT $2
        """,
        born_by, limit,
    )  # fmt: skip


async def list_to_tell(conn: Connection, *, limit: int) -> list[MinorRow]:
    """Minors who were asked, and whom no message has reached."""
    return await fetch_all(
        conn,
        MinorRow,
        """
        SELECT m.community_id, m.member_id, m.person_id, m.birth_date, m.basis, m.confirmed_by, m.asked_at,
            m.answered_at, m.settled_at, m.reminded_at, c.time_zone
        FROM minor m JOIN community c USING (community_id)
        WHERE m.asked_at IS NOT NULL AND m.told_at IS NULL ORDER BY m.asked_at LIMIT $1
        """,
        limit,
    )


async def list_to_settle(conn: Connection, *, asked_by: datetime, limit: int) -> list[MinorRow]:
    """Minors who were asked by that time, and for whom nothing was concluded."""
    return await fetch_all(
        conn,
        MinorRow,
        """
        SELECT m.community_id, m.member_id, m.person_id, m.birth_date, m.basis, m.confirmed_by, m.asked_at,
            m.answered_at, m.settled_at, m.reminded_at, c.time_zone
        FROM minor m JOIN community c USING (community_id)
        WHERE m.asked_at <= $1 AND m.settled_at IS NULL ORDER BY m.asked_at LIMIT $2
        """,
        asked_by, limit,
    )  # fmt: skip


async def list_to_look_at(conn: Connection, *, at: datetime, limit: int) -> list[MinorRow]:
    """Minors whose face is to be thought of."""
    return await fetch_all(
        conn,
        MinorRow,
        """
        SELECT m.community_id, m.member_id, m.person_id, m.birth_date, m.basis, m.confirmed_by, m.asked_at,
            m.answered_at, m.settled_at, m.reminded_at, c.time_zone
        FROM minor m JOIN community c USING (community_id)
        WHERE m.look_at <= $1 ORDER BY m.look_at LIMIT $2
        """,
        at, limit,
    )  # fmt: skip


async def set_asked(conn: Connection, *, community_id: UUID, member_id: UUID, at: datetime) -> None:
    """He is asked to decide for himself."""
    await conn.execute(
        "UPDATE minor SET asked_at = $3 WHERE community_id = $1 AND member_id = $2 AND asked_at IS NULL",
        community_id, member_id, at,
    )  # fmt: skip


async def set_told(conn: Connection, *, community_id: UUID, member_id: UUID, at: datetime) -> None:
    """He, or his household, was written to."""
    await conn.execute(
        "UPDATE minor SET told_at = $3 WHERE community_id = $1 AND member_id = $2", community_id, member_id, at
    )


async def set_settled(conn: Connection, *, community_id: UUID, member_id: UUID, at: datetime) -> None:
    """The time to answer is over."""
    await conn.execute(
        "UPDATE minor SET settled_at = $3 WHERE community_id = $1 AND member_id = $2", community_id, member_id, at
    )


async def set_looked(
    conn: Connection, *, community_id: UUID, member_id: UUID, look_at: datetime, reminded_at: datetime | None
) -> None:
    """When to think of his face again; when he was reminded, where he was just now."""
    await conn.execute(
        """
        UPDATE minor SET look_at = $3, reminded_at = coalesce($4, reminded_at)
        WHERE community_id = $1 AND member_id = $2
        """,
        community_id, member_id, look_at, reminded_at,
    )  # fmt: skip

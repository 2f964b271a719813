"""SQL of legal holds; of what they keep it stands in photographs, of erasures that meet them in meeting."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one
from backend.privacy.holds.photographs import HeldPhotoRow
from backend.privacy.holds.rules import Basis

__all__ = [
    "HoldRow",
    "delete_old_holds",
    "end",
    "end_due",
    "get",
    "insert",
    "known_holds",
    "list_ended",
    "list_in_community",
    "release",
    "renew",
    "subject_of_id",
]


class HoldRow(msgspec.Struct, frozen=True):
    """A hold; ``told`` is False where the person must not know of it while it stands.

    ``member_id`` where it was set by the register, and then ``person_id`` once that member has joined. ``on_register``
    is how many of the ``photographs`` the office held for its register.
    """

    community_id: UUID
    hold_id: UUID
    person_id: UUID | None
    subject_id: UUID | None
    member_id: UUID | None
    basis: Basis
    reference: str
    told: bool
    photographs: int
    on_register: int
    set_by: UUID
    set_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    released_at: datetime | None


class _Subject(msgspec.Struct, frozen=True):
    subject_id: UUID
    person_id: UUID


class _Hold(msgspec.Struct, frozen=True):
    hold_id: UUID


async def subject_of_id(conn: Connection, *, community_id: UUID, subject_id: UUID) -> tuple[UUID, UUID] | None:
    """The pseudonym and whose it is. The community's scope."""
    row = await fetch_one(
        conn,
        _Subject,
        "SELECT subject_id, person_id FROM subject WHERE community_id = $1 AND subject_id = $2",
        community_id, subject_id,
    )  # fmt: skip
    return None if row is None else (row.subject_id, row.person_id)


async def insert(conn: Connection, row: HoldRow, photos: Sequence[HeldPhotoRow]) -> None:
    """A hold with what it keeps. The community's scope."""
    await conn.execute(
        """
        INSERT INTO legal_hold (community_id, hold_id, person_id, subject_id, member_id, basis, reference, told,
                                photographs, on_register, set_by, set_at, ends_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        """,
        row.community_id, row.hold_id, row.person_id, row.subject_id, row.member_id, row.basis, row.reference,
        row.told, row.photographs, row.on_register, row.set_by, row.set_at, row.ends_at,
    )  # fmt: skip
    await conn.execute(
        """
        INSERT INTO hold_photo (community_id, hold_id, photo_id, object_key, taken_at, source)
        SELECT $1, $2, photo_id, object_key, taken_at, source
        FROM unnest($3::uuid[], $4::text[], $5::timestamptz[], $6::text[])
            AS photo (photo_id, object_key, taken_at, source)
        """,
        row.community_id, row.hold_id, [photo.photo_id for photo in photos], [photo.object_key for photo in photos],
        [photo.taken_at for photo in photos], [photo.source for photo in photos],
    )  # fmt: skip


async def get(conn: Connection, *, community_id: UUID, hold_id: UUID) -> HoldRow | None:
    """One hold."""
    return await _one(
        conn,
        """
        SELECT community_id, hold_id, person_id, subject_id, member_id, basis, reference, told, photographs,
            on_register, set_by, set_at, ends_at, ended_at, released_at
        FROM legal_hold WHERE community_id = $1 AND hold_id = $2
        """,
        community_id,
        hold_id,
    )


async def list_in_community(
    conn: Connection, *, community_id: UUID, before: tuple[datetime, UUID] | None, limit: int
) -> list[HoldRow]:
    """The community's holds, those set last at the head."""
    at, hold_id = before or (None, None)
    return await _all(
        conn,
        """
        SELECT community_id, hold_id, person_id, subject_id, member_id, basis, reference, told, photographs,
            on_register, set_by, set_at, ends_at, ended_at, released_at
        FROM legal_hold
        WHERE community_id = $1
            AND ($2::timestamptz IS NULL OR set_at < $2 OR (set_at = $2 AND hold_id > $3))
        ORDER BY set_at DESC, hold_id LIMIT $4
        """,
        community_id, at, hold_id, limit,
    )  # fmt: skip


async def renew(
    conn: Connection, *, community_id: UUID, hold_id: UUID, ends_at: datetime, reference: str | None, now: datetime
) -> HoldRow | None:
    """The hold with another end; None where it has ended."""
    return await _one(
        conn,
        """
        UPDATE legal_hold SET ends_at = $3, reference = coalesce($4, reference)
        WHERE community_id = $1 AND hold_id = $2 AND ended_at IS NULL AND ends_at > $5
        RETURNING community_id, hold_id, person_id, subject_id, member_id, basis, reference, told, photographs,
            on_register, set_by, set_at, ends_at, ended_at, released_at
        """,
        community_id, hold_id, ends_at, reference, now,
    )  # fmt: skip


async def end(conn: Connection, *, community_id: UUID, hold_id: UUID, by: UUID, now: datetime) -> HoldRow | None:
    """The hold, lifted; None where it has ended."""
    return await _one(
        conn,
        """
        UPDATE legal_hold SET ended_at = $4, ended_by = $3
        WHERE community_id = $1 AND hold_id = $2 AND ended_at IS NULL
        RETURNING community_id, hold_id, person_id, subject_id, member_id, basis, reference, told, photographs,
            on_register, set_by, set_at, ends_at, ended_at, released_at
        """,
        community_id, hold_id, by, now,
    )  # fmt: skip


async def end_due(conn: Connection, *, at: datetime) -> None:
    """End the holds whose time is over: none of them is renewed from then on. The worker's, in the platform scope."""
    await conn.execute("UPDATE legal_hold SET ended_at = ends_at WHERE ended_at IS NULL AND ends_at <= $1", at)


async def list_ended(conn: Connection, *, limit: int) -> list[HoldRow]:
    """Holds that have ended and still keep something. The worker's, in the platform scope."""
    return await _all(
        conn,
        """
        SELECT community_id, hold_id, person_id, subject_id, member_id, basis, reference, told, photographs,
            on_register, set_by, set_at, ends_at, ended_at, released_at
        FROM legal_hold WHERE released_at IS NULL AND ended_at IS NOT NULL ORDER BY ends_at LIMIT $1
        """,
        limit,
    )


async def release(conn: Connection, *, community_id: UUID, hold_id: UUID, at: datetime) -> bool:
    """Note that nothing is kept any more; False where that was noted. The worker's, in the community's scope."""
    await conn.execute("DELETE FROM hold_photo WHERE community_id = $1 AND hold_id = $2", community_id, hold_id)
    done = await conn.execute(
        "UPDATE legal_hold SET released_at = $3 WHERE community_id = $1 AND hold_id = $2 AND released_at IS NULL",
        community_id, hold_id, at,
    )  # fmt: skip
    return affected(done) == 1


async def known_holds(conn: Connection, *, holds: Sequence[UUID]) -> set[UUID]:
    """Those of them that were set and keep something. The worker's, in the platform scope."""
    rows = await fetch_all(
        conn, _Hold, "SELECT hold_id FROM legal_hold WHERE hold_id = ANY ($1) AND released_at IS NULL", list(holds)
    )
    return {row.hold_id for row in rows}


async def delete_old_holds(conn: Connection, *, community_id: UUID, before: datetime, limit: int) -> int:
    """Delete the record of holds that were released before that time, at most ``limit``; how many. The worker's."""
    return affected(
        await conn.execute(
            """
            DELETE FROM legal_hold WHERE community_id = $1 AND hold_id IN (
                SELECT hold_id FROM legal_hold WHERE community_id = $1 AND released_at < $2 LIMIT $3
            )
            """,
            community_id, before, limit,
        )
    )  # fmt: skip


async def _one(conn: Connection, sql: str, *args: object) -> HoldRow | None:
    record = await conn.fetchrow(sql, *args)
    return None if record is None else msgspec.convert(dict(record), HoldRow)


async def _all(conn: Connection, sql: str, *args: object) -> list[HoldRow]:
    return [msgspec.convert(dict(record), HoldRow) for record in await conn.fetch(sql, *args)]

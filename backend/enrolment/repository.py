"""SQL of enrolments and their photographs. All of it is the person's own: his scope writes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.communities.repository import CapturePolicy
from backend.kit.db import Connection, fetch_all, fetch_one, require_one

__all__ = [
    "EnrolmentRow",
    "EnrolmentState",
    "PhotoRow",
    "count_attempt",
    "delete_data_of_people",
    "delete_enrolment",
    "delete_open_enrolments",
    "delete_photos",
    "finish_enrolment",
    "get_enrolment",
    "insert_enrolment",
    "known_object_keys",
    "list_enrolments",
    "list_expired",
    "list_object_keys",
    "list_photos",
    "lock_enrolment",
    "lock_person",
    "upsert_photo",
]

EnrolmentState = Literal["open", "completed", "refused"]


class EnrolmentRow(msgspec.Struct, frozen=True):
    """One attempt of a person to enrol; ``desk_*`` where an office's staff take the photographs of who stands there."""

    person_id: UUID
    enrolment_id: UUID
    pack: str
    capture_policy: CapturePolicy
    state: EnrolmentState
    attempts: int
    started_at: datetime
    expires_at: datetime
    completed_at: datetime | None
    desk_community: UUID | None = None
    desk_staff: UUID | None = None


class PhotoRow(msgspec.Struct, frozen=True):
    """An accepted photograph; ``features`` is sealed."""

    slot: int
    object_id: UUID
    object_key: str
    features: bytes


class _Key(msgspec.Struct, frozen=True):
    object_key: str


class _Counted(msgspec.Struct, frozen=True):
    person_id: UUID
    photos: int
    templates: int


class _Expired(msgspec.Struct, frozen=True):
    person_id: UUID
    enrolment_id: UUID


async def lock_person(conn: Connection, *, person_id: UUID) -> bool:
    """Let nobody else change this person's enrolments until the transaction ends; whether he is there."""
    return await conn.fetchval("SELECT true FROM person WHERE person_id = $1 FOR NO KEY UPDATE", person_id) is not None


async def insert_enrolment(
    conn: Connection,
    *,
    person_id: UUID,
    pack: str,
    capture_policy: CapturePolicy,
    started_at: datetime,
    expires_at: datetime,
    desk_community: UUID | None = None,
    desk_staff: UUID | None = None,
) -> EnrolmentRow:
    """A new, open enrolment; ``desk_*`` where staff take its photographs of somebody who stands before them."""
    return await require_one(
        conn,
        EnrolmentRow,
        """
        INSERT INTO enrolment
            (person_id, pack, capture_policy, started_at, expires_at, desk_community, desk_staff)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        RETURNING person_id, enrolment_id, pack, capture_policy, state, attempts, started_at, expires_at,
            completed_at, desk_community, desk_staff
        """,
        person_id, pack, capture_policy, started_at, expires_at, desk_community, desk_staff,
    )  # fmt: skip


async def get_enrolment(conn: Connection, *, person_id: UUID, enrolment_id: UUID) -> EnrolmentRow | None:
    """One of the person's enrolments."""
    return await fetch_one(
        conn,
        EnrolmentRow,
        """
        SELECT person_id, enrolment_id, pack, capture_policy, state, attempts, started_at, expires_at,
            completed_at, desk_community, desk_staff
        FROM enrolment WHERE person_id = $1 AND enrolment_id = $2
        """,
        person_id, enrolment_id,
    )  # fmt: skip


async def lock_enrolment(conn: Connection, *, person_id: UUID, enrolment_id: UUID) -> EnrolmentRow | None:
    """One of the person's enrolments, held until the transaction ends."""
    return await fetch_one(
        conn,
        EnrolmentRow,
        """
        SELECT person_id, enrolment_id, pack, capture_policy, state, attempts, started_at, expires_at,
            completed_at, desk_community, desk_staff
        FROM enrolment WHERE person_id = $1 AND enrolment_id = $2 FOR NO KEY UPDATE
        """,
        person_id, enrolment_id,
    )  # fmt: skip


async def count_attempt(conn: Connection, *, person_id: UUID, enrolment_id: UUID) -> EnrolmentRow | None:
    """The enrolment with one more attempt counted."""
    return await fetch_one(
        conn,
        EnrolmentRow,
        """
        UPDATE enrolment SET attempts = attempts + 1 WHERE person_id = $1 AND enrolment_id = $2
        RETURNING person_id, enrolment_id, pack, capture_policy, state, attempts, started_at, expires_at,
            completed_at, desk_community, desk_staff
        """,
        person_id, enrolment_id,
    )  # fmt: skip


async def list_enrolments(conn: Connection, *, person_id: UUID) -> list[EnrolmentRow]:
    """The person's enrolments, the newest first."""
    return await fetch_all(
        conn,
        EnrolmentRow,
        """
        SELECT person_id, enrolment_id, pack, capture_policy, state, attempts, started_at, expires_at,
            completed_at, desk_community, desk_staff
        FROM enrolment WHERE person_id = $1 ORDER BY started_at DESC, enrolment_id LIMIT 100
        """,
        person_id,
    )


async def finish_enrolment(
    conn: Connection, *, person_id: UUID, enrolment_id: UUID, state: EnrolmentState, now: datetime
) -> None:
    """Close an enrolment."""
    await conn.execute(
        """
        UPDATE enrolment SET state = $3, completed_at = coalesce(completed_at, $4)
        WHERE person_id = $1 AND enrolment_id = $2
        """,
        person_id, enrolment_id, state, now,
    )  # fmt: skip


async def delete_enrolment(conn: Connection, *, person_id: UUID, enrolment_id: UUID) -> None:
    """Delete an enrolment with its photographs' rows and its template."""
    await conn.execute("DELETE FROM enrolment WHERE person_id = $1 AND enrolment_id = $2", person_id, enrolment_id)


async def delete_open_enrolments(conn: Connection, *, person_id: UUID) -> None:
    """Delete what the person began and did not complete."""
    await conn.execute("DELETE FROM enrolment WHERE person_id = $1 AND state = 'open'", person_id)


async def list_expired(conn: Connection, *, at: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """Open enrolments whose time is over, as (person, enrolment). Platform scope."""
    rows = await fetch_all(
        conn,
        _Expired,
        "SELECT person_id, enrolment_id FROM enrolment WHERE state = 'open' AND expires_at <= $1 LIMIT $2",
        at, limit,
    )  # fmt: skip
    return [(row.person_id, row.enrolment_id) for row in rows]


async def upsert_photo(
    conn: Connection,
    *,
    person_id: UUID,
    enrolment_id: UUID,
    slot: int,
    object_id: UUID,
    object_key: str,
    features: bytes,
    quality: str,
    now: datetime,
) -> None:
    """Put a photograph into its slot, in place of one that was there. ``quality`` is JSON."""
    await conn.execute(
        """
        INSERT INTO enrolment_photo
            (person_id, enrolment_id, slot, object_id, object_key, features, quality, taken_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (person_id, enrolment_id, slot) DO UPDATE SET
            object_id = excluded.object_id, object_key = excluded.object_key, features = excluded.features,
            quality = excluded.quality, taken_at = excluded.taken_at
        """,
        person_id, enrolment_id, slot, object_id, object_key, features, quality, now,
    )  # fmt: skip


async def list_photos(conn: Connection, *, person_id: UUID, enrolment_id: UUID) -> list[PhotoRow]:
    """An enrolment's photographs by slot."""
    return await fetch_all(
        conn,
        PhotoRow,
        """
        SELECT slot, object_id, object_key, features FROM enrolment_photo
        WHERE person_id = $1 AND enrolment_id = $2 ORDER BY slot
        """,
        person_id, enrolment_id,
    )  # fmt: skip


async def delete_photos(conn: Connection, *, person_id: UUID, enrolment_id: UUID) -> None:
    """Delete the rows of an enrolment's photographs; their objects are the caller's to delete."""
    await conn.execute(
        "DELETE FROM enrolment_photo WHERE person_id = $1 AND enrolment_id = $2", person_id, enrolment_id
    )


async def list_object_keys(conn: Connection, *, person_id: UUID) -> set[str]:
    """Keys of all objects that the person's rows name."""
    rows = await fetch_all(conn, _Key, "SELECT object_key FROM enrolment_photo WHERE person_id = $1", person_id)
    return {row.object_key for row in rows}


async def known_object_keys(conn: Connection, *, keys: list[str]) -> set[str]:
    """Those of the keys that some row names. Platform scope."""
    rows = await fetch_all(conn, _Key, "SELECT object_key FROM enrolment_photo WHERE object_key = ANY ($1)", keys)
    return {row.object_key for row in rows}


async def delete_data_of_people(conn: Connection, *, person_ids: Sequence[UUID]) -> dict[UUID, tuple[int, int]]:
    """Delete all enrolments and reviews of the people; how many photographs and templates each had.

    The worker's, in the platform scope.
    """
    rows = await fetch_all(
        conn,
        _Counted,
        """
        SELECT p.person_id,
            (SELECT count(*) FROM enrolment_photo e WHERE e.person_id = p.person_id) AS photos,
            (SELECT count(*) FROM template t WHERE t.person_id = p.person_id) AS templates
        FROM unnest($1::uuid[]) AS p (person_id)
        """,
        person_ids,
    )
    await conn.execute("DELETE FROM enrolment WHERE person_id = ANY ($1)", person_ids)
    await conn.execute("DELETE FROM face_review WHERE person_id = ANY ($1)", person_ids)
    return {row.person_id: (row.photos, row.templates) for row in rows}

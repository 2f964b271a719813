"""SQL of the photographs that holds keep, and of those that they are made of."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.enrolment.register.repository import RegisterPhotoRow
from backend.kit.db import Connection, fetch_all, fetch_one

__all__ = [
    "HeldPhotoRow",
    "PhotoRow",
    "Source",
    "get_photo",
    "list_photos",
    "list_photos_of_person",
    "list_photos_on_register",
]

Source = Literal["enrolment", "register"]


class HeldPhotoRow(msgspec.Struct, frozen=True):
    """A photograph that a hold keeps; of the register's, ``taken_at`` is since when the office had it."""

    photo_id: UUID
    object_key: str
    taken_at: datetime
    source: Source


class PhotoRow(msgspec.Struct, frozen=True):
    """A photograph of a person's enrolments, as it lies under his own key."""

    object_id: UUID
    object_key: str
    taken_at: datetime


async def list_photos_of_person(conn: Connection, *, person_id: UUID) -> list[PhotoRow]:
    """All photographs of the person's enrolments. Needs his scope."""
    return await fetch_all(
        conn,
        PhotoRow,
        "SELECT object_id, object_key, taken_at FROM enrolment_photo WHERE person_id = $1 ORDER BY taken_at, object_id",
        person_id,
    )


async def list_photos_on_register(
    conn: Connection, *, community_id: UUID, member_id: UUID | None, person_id: UUID | None
) -> list[RegisterPhotoRow]:
    """The photographs that the community's office holds of the member, or of the person in all his homes.

    None of them is given up before the transaction ends. The community's scope.
    """
    return await fetch_all(
        conn,
        RegisterPhotoRow,
        """
        SELECT p.community_id, p.photo_id, p.member_id, p.object_key, p.pack, p.features, p.match_from, p.kept_at
        FROM member m JOIN register_photo p USING (community_id, member_id)
        WHERE m.community_id = $1 AND (m.member_id = $2 OR m.person_id = $3) AND p.gone_at IS NULL
        ORDER BY p.kept_at, p.photo_id FOR SHARE OF p
        """,
        community_id, member_id, person_id,
    )  # fmt: skip


async def list_photos(conn: Connection, *, community_id: UUID, hold_id: UUID) -> list[HeldPhotoRow]:
    """What a hold keeps, the oldest first."""
    return await fetch_all(
        conn,
        HeldPhotoRow,
        """
        SELECT photo_id, object_key, taken_at, source FROM hold_photo WHERE community_id = $1 AND hold_id = $2
        ORDER BY taken_at, photo_id
        """,
        community_id, hold_id,
    )  # fmt: skip


async def get_photo(conn: Connection, *, community_id: UUID, hold_id: UUID, photo_id: UUID) -> HeldPhotoRow | None:
    """One photograph of a hold that has not ended."""
    return await fetch_one(
        conn,
        HeldPhotoRow,
        """
        SELECT p.photo_id, p.object_key, p.taken_at, p.source
        FROM hold_photo p JOIN legal_hold h USING (community_id, hold_id)
        WHERE p.community_id = $1 AND p.hold_id = $2 AND p.photo_id = $3 AND h.ended_at IS NULL
        """,
        community_id, hold_id, photo_id,
    )  # fmt: skip

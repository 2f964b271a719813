"""SQL of register photographs. The community's scope writes; the person's own reads what is held of him."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one

__all__ = [
    "NumberedRow",
    "OwnedPhotoRow",
    "RegisterPhotoRow",
    "delete_photo",
    "expire",
    "get_photo",
    "insert_photo",
    "known_object_keys",
    "list_gone",
    "list_of_people",
    "list_of_person",
    "list_of_subject",
    "list_whose",
    "lock_member",
    "retire",
    "retire_of_person",
]


class RegisterPhotoRow(msgspec.Struct, frozen=True):
    """A register photograph; ``features`` is sealed under the key that ``photo_id`` names."""

    community_id: UUID
    photo_id: UUID
    member_id: UUID
    object_key: str
    pack: str
    features: bytes
    match_from: float
    kept_at: datetime


class OwnedPhotoRow(RegisterPhotoRow, frozen=True):
    """The same, with the person whom the register's member is."""

    person_id: UUID


class NumberedRow(msgspec.Struct, frozen=True):
    """A member by his number in the register; ``known`` where the community's gates know his face."""

    member_id: UUID
    register_number: str
    known: bool


class _Open(msgspec.Struct, frozen=True):
    known: bool


class _Key(msgspec.Struct, frozen=True):
    object_key: str


async def lock_member(conn: Connection, *, community_id: UUID, member_id: UUID) -> bool | None:
    """Hold a member who has not left until the transaction ends.

    Returns:
        Whether the community's gates know his face already; None where there is no such member.
    """
    row = await fetch_one(
        conn,
        _Open,
        """
        SELECT EXISTS (
            SELECT FROM subject s JOIN face_credential USING (community_id, subject_id)
            WHERE s.community_id = $1 AND s.person_id = m.person_id
        ) AS known
        FROM member m WHERE m.community_id = $1 AND m.member_id = $2 AND m.state <> 'ended' FOR NO KEY UPDATE OF m
        """,
        community_id, member_id,
    )  # fmt: skip
    return None if row is None else row.known


async def list_whose(conn: Connection, *, community_id: UUID, numbers: Sequence[str]) -> list[NumberedRow]:
    """The members who have these numbers and have not left."""
    return await fetch_all(
        conn,
        NumberedRow,
        """
        SELECT m.member_id, m.register_number, EXISTS (
            SELECT FROM subject s JOIN face_credential USING (community_id, subject_id)
            WHERE s.community_id = $1 AND s.person_id = m.person_id
        ) AS known
        FROM member m WHERE m.community_id = $1 AND m.register_number = ANY ($2) AND m.state <> 'ended'
        """,
        community_id, list(numbers),
    )  # fmt: skip


async def insert_photo(conn: Connection, *, row: RegisterPhotoRow, kept_by: UUID) -> None:
    """Keep a photograph of a member who has none; see :func:`retire`."""
    await conn.execute(
        """
        INSERT INTO register_photo
            (community_id, photo_id, member_id, object_key, pack, features, match_from, kept_at, kept_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        row.community_id, row.photo_id, row.member_id, row.object_key, row.pack, row.features, row.match_from,
        row.kept_at, kept_by,
    )  # fmt: skip


async def get_photo(conn: Connection, *, community_id: UUID, member_id: UUID) -> RegisterPhotoRow | None:
    """The member's photograph."""
    return await fetch_one(
        conn,
        RegisterPhotoRow,
        """
        SELECT community_id, photo_id, member_id, object_key, pack, features, match_from, kept_at FROM register_photo
        WHERE community_id = $1 AND member_id = $2 AND gone_at IS NULL
        """,
        community_id, member_id,
    )  # fmt: skip


async def list_of_subject(conn: Connection, *, community_id: UUID, subject_id: UUID) -> list[RegisterPhotoRow]:
    """The photographs of all memberships of the subject's person, the newest first."""
    return await fetch_all(
        conn,
        RegisterPhotoRow,
        """
        SELECT p.community_id, p.photo_id, p.member_id, p.object_key, p.pack, p.features, p.match_from, p.kept_at
        FROM subject s
        JOIN member m ON m.community_id = s.community_id AND m.person_id = s.person_id AND m.state = 'active'
        JOIN register_photo p ON p.community_id = m.community_id AND p.member_id = m.member_id AND p.gone_at IS NULL
        WHERE s.community_id = $1 AND s.subject_id = $2 ORDER BY p.kept_at DESC, p.photo_id
        """,
        community_id, subject_id,
    )  # fmt: skip


async def list_of_person(conn: Connection, *, person_id: UUID) -> list[RegisterPhotoRow]:
    """All photographs that offices hold of the person. Needs his scope."""
    return await fetch_all(
        conn,
        RegisterPhotoRow,
        """
        SELECT p.community_id, p.photo_id, p.member_id, p.object_key, p.pack, p.features, p.match_from, p.kept_at
        FROM member m JOIN register_photo p USING (community_id, member_id)
        WHERE m.person_id = $1 ORDER BY p.kept_at, p.photo_id
        """,
        person_id,
    )


async def list_of_people(conn: Connection, *, person_ids: Sequence[UUID]) -> list[OwnedPhotoRow]:
    """All photographs that offices hold of the people, with whose each is. The worker's, in the platform scope."""
    return await fetch_all(
        conn,
        OwnedPhotoRow,
        """
        SELECT p.community_id, p.photo_id, p.member_id, p.object_key, p.pack, p.features, p.match_from, p.kept_at,
            m.person_id
        FROM member m JOIN register_photo p USING (community_id, member_id) WHERE m.person_id = ANY ($1)
        """,
        person_ids,
    )


async def retire(conn: Connection, *, community_id: UUID, member_id: UUID, now: datetime) -> bool:
    """Use the member's photograph no more; whether there was one."""
    done: str = await conn.execute(
        """
        UPDATE register_photo SET gone_at = $3 WHERE community_id = $1 AND member_id = $2 AND gone_at IS NULL
        """,
        community_id, member_id, now,
    )  # fmt: skip
    return affected(done) > 0


async def retire_of_person(conn: Connection, *, community_id: UUID, person_id: UUID, now: datetime) -> None:
    """Use no photograph of the person in this community any more: it has been decided whose face his is."""
    await conn.execute(
        """
        UPDATE register_photo p SET gone_at = $3 FROM member m
        WHERE m.community_id = $1 AND m.person_id = $2 AND p.community_id = $1 AND p.member_id = m.member_id
            AND p.gone_at IS NULL
        """,
        community_id, person_id, now,
    )  # fmt: skip


async def expire(conn: Connection, *, community_id: UUID, before: datetime, now: datetime, limit: int) -> int:
    """Use no more what was kept before that time, at most ``limit`` of it; how many."""
    done: str = await conn.execute(
        """
        UPDATE register_photo SET gone_at = $3 WHERE community_id = $1 AND photo_id IN (
            SELECT photo_id FROM register_photo WHERE community_id = $1 AND kept_at < $2 AND gone_at IS NULL
            ORDER BY kept_at LIMIT $4
        )
        """,
        community_id, before, now, limit,
    )  # fmt: skip
    return affected(done)


async def list_gone(conn: Connection, *, limit: int) -> list[RegisterPhotoRow]:
    """Photographs whose keys and objects are to be destroyed. The worker's, in the platform scope."""
    return await fetch_all(
        conn,
        RegisterPhotoRow,
        """
        SELECT community_id, photo_id, member_id, object_key, pack, features, match_from, kept_at FROM register_photo
        WHERE gone_at IS NOT NULL ORDER BY gone_at LIMIT $1
        """,
        limit,
    )


async def delete_photo(conn: Connection, *, community_id: UUID, photo_id: UUID) -> None:
    """Forget a photograph whose key and object are destroyed."""
    await conn.execute("DELETE FROM register_photo WHERE community_id = $1 AND photo_id = $2", community_id, photo_id)


async def known_object_keys(conn: Connection, *, keys: Sequence[str]) -> set[str]:
    """Those of the keys that some row names. The worker's, in the platform scope."""
    rows = await fetch_all(conn, _Key, "SELECT object_key FROM register_photo WHERE object_key = ANY ($1)", list(keys))
    return {row.object_key for row in rows}

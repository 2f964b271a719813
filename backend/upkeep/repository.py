"""SQL on restored databases, as the superuser who loads them: what came back that must not serve as it is."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all

__all__ = [
    "FaceRow",
    "delete_log_ins",
    "has_keys",
    "list_communities",
    "list_destroyed",
    "list_faces",
    "new_epoch",
]


class FaceRow(msgspec.Struct, frozen=True):
    """A person of whose face there is ciphertext, and when the newest of it was made."""

    person_id: UUID
    newest_at: datetime


class _Community(msgspec.Struct, frozen=True):
    community_id: UUID


class DestroyedRow(msgspec.Struct, frozen=True):
    """A person whose key an erasure destroyed, and when."""

    person_id: UUID
    destroyed_at: datetime


async def list_communities(conn: Connection) -> list[UUID]:
    """Every community."""
    rows = await fetch_all(conn, _Community, "SELECT community_id FROM community ORDER BY community_id")
    return [row.community_id for row in rows]


async def new_epoch(conn: Connection) -> int:
    """Begin a new roster epoch for the community in scope; answers it."""
    epoch: int = await conn.fetchval("SELECT roster_new_epoch()")
    return epoch


async def list_destroyed(conn: Connection) -> list[DestroyedRow]:
    """Whose key an erasure has destroyed, as the data say."""
    return await fetch_all(
        conn,
        DestroyedRow,
        """
        SELECT e.person_id, s.done_at AS destroyed_at FROM erasure e JOIN erasure_step s USING (erasure_id)
        WHERE s.name = 'key' AND s.done_at IS NOT NULL
        """,
    )


async def list_faces(conn: Connection) -> list[FaceRow]:
    """People of whose faces there is ciphertext."""
    return await fetch_all(
        conn,
        FaceRow,
        """
        SELECT person_id, max(at) AS newest_at FROM (
            SELECT person_id, taken_at AS at FROM enrolment_photo
            UNION ALL SELECT person_id, made_at FROM template
        ) face GROUP BY person_id ORDER BY person_id
        """,
    )


async def delete_log_ins(conn: Connection) -> None:
    """End every log-in, and forget the codes that are not used yet: some were ended or used after the backup."""
    await conn.execute("DELETE FROM session")
    await conn.execute("DELETE FROM login_challenge")
    await conn.execute("DELETE FROM gate_claim WHERE used_at IS NULL")


async def has_keys(conn: Connection) -> bool:
    """Whether this is a key store with something in it."""
    if await conn.fetchval("SELECT to_regclass('secret')") is None:
        return False
    found: bool = await conn.fetchval("SELECT EXISTS (SELECT FROM secret)")
    return found

"""SQL of pictures of denied approaches. The pictures themselves lie among the objects."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all, fetch_one

__all__ = [
    "FrameRow",
    "delete_frame",
    "delete_key",
    "find_frame",
    "get_frame",
    "insert_frame",
    "insert_key",
    "known_frames",
    "list_due_communities",
    "list_due_frames",
    "list_due_keys",
    "list_frames",
]


class FrameRow(msgspec.Struct, frozen=True):
    """A picture: of which gate's approach, denied why, under which key, until when."""

    frame_id: UUID
    gate_id: UUID
    reason: str
    key_id: UUID
    taken_at: datetime
    expires_at: datetime


class _Id(msgspec.Struct, frozen=True):
    id: UUID


async def insert_key(conn: Connection, *, community_id: UUID, key_id: UUID, until: datetime) -> None:
    """Note the key of that hour; nothing happens where it is noted."""
    await conn.execute(
        """
        INSERT INTO denied_frame_key (community_id, key_id, until) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
        """,
        community_id, key_id, until,
    )  # fmt: skip


async def insert_frame(
    conn: Connection,
    *,
    community_id: UUID,
    gate_id: UUID,
    store_epoch: int,
    seq: int,
    reason: str,
    key_id: UUID,
    taken_at: datetime,
    expires_at: datetime,
    now: datetime,
) -> None:
    """A picture that is about to be stored; nothing happens where its approach has one."""
    await conn.execute(
        """
        INSERT INTO denied_frame (community_id, gate_id, store_epoch, seq, reason, key_id, taken_at, expires_at,
            received_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (community_id, gate_id, store_epoch, seq) DO NOTHING
        """,
        community_id, gate_id, store_epoch, seq, reason, key_id, taken_at, expires_at, now,
    )  # fmt: skip


async def find_frame(
    conn: Connection, *, community_id: UUID, gate_id: UUID, store_epoch: int, seq: int
) -> FrameRow | None:
    """The picture of that approach."""
    return await fetch_one(
        conn,
        FrameRow,
        """
        SELECT frame_id, gate_id, reason, key_id, taken_at, expires_at FROM denied_frame
        WHERE community_id = $1 AND gate_id = $2 AND store_epoch = $3 AND seq = $4
        """,
        community_id, gate_id, store_epoch, seq,
    )  # fmt: skip


async def get_frame(conn: Connection, *, community_id: UUID, frame_id: UUID, at: datetime) -> FrameRow | None:
    """One picture, where its time is not over."""
    return await fetch_one(
        conn,
        FrameRow,
        """
        SELECT frame_id, gate_id, reason, key_id, taken_at, expires_at FROM denied_frame
        WHERE community_id = $1 AND frame_id = $2 AND expires_at > $3
        """,
        community_id, frame_id, at,
    )  # fmt: skip


async def list_frames(
    conn: Connection, *, community_id: UUID, at: datetime, before: tuple[datetime, UUID] | None, limit: int
) -> list[FrameRow]:
    """The community's pictures whose time is not over, the newest first."""
    taken_at, frame_id = before or (None, None)
    return await fetch_all(
        conn,
        FrameRow,
        """
        SELECT frame_id, gate_id, reason, key_id, taken_at, expires_at FROM denied_frame
        WHERE community_id = $1 AND expires_at > $2
            AND ($3::timestamptz IS NULL OR (taken_at, frame_id) < ($3, $4::uuid))
        ORDER BY taken_at DESC, frame_id DESC LIMIT $5
        """,
        community_id, at, taken_at, frame_id, limit,
    )  # fmt: skip


async def list_due_communities(conn: Connection, *, at: datetime) -> list[UUID]:
    """Communities with a picture or a key whose time is over. The worker's, in the platform scope."""
    rows = await fetch_all(
        conn,
        _Id,
        """
        SELECT community_id AS id FROM denied_frame WHERE expires_at <= $1
        UNION SELECT community_id FROM denied_frame_key WHERE until <= $1
        """,
        at,
    )
    return [row.id for row in rows]


async def list_due_frames(conn: Connection, *, community_id: UUID, at: datetime, limit: int) -> list[UUID]:
    """Pictures whose time is over, the oldest first."""
    rows = await fetch_all(
        conn,
        _Id,
        """
        SELECT frame_id AS id FROM denied_frame WHERE community_id = $1 AND expires_at <= $2
        ORDER BY expires_at LIMIT $3
        """,
        community_id, at, limit,
    )  # fmt: skip
    return [row.id for row in rows]


async def known_frames(conn: Connection, *, frame_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the pictures that there are. The worker's, in the platform scope."""
    rows = await fetch_all(
        conn, _Id, "SELECT frame_id AS id FROM denied_frame WHERE frame_id = ANY ($1)", list(frame_ids)
    )
    return {row.id for row in rows}


async def delete_frame(conn: Connection, *, community_id: UUID, frame_id: UUID) -> None:
    """Forget a picture."""
    await conn.execute("DELETE FROM denied_frame WHERE community_id = $1 AND frame_id = $2", community_id, frame_id)


async def list_due_keys(conn: Connection, *, community_id: UUID, at: datetime) -> list[UUID]:
    """Keys whose hour is over."""
    rows = await fetch_all(
        conn,
        _Id,
        "SELECT key_id AS id FROM denied_frame_key WHERE community_id = $1 AND until <= $2",
        community_id, at,
    )  # fmt: skip
    return [row.id for row in rows]


async def delete_key(conn: Connection, *, community_id: UUID, key_id: UUID) -> None:
    """Forget a key that was destroyed, where nothing rests under it."""
    await conn.execute(
        """
        DELETE FROM denied_frame_key k WHERE community_id = $1 AND key_id = $2 AND NOT EXISTS (
            SELECT FROM denied_frame f WHERE f.community_id = k.community_id AND f.key_id = k.key_id
        )
        """,
        community_id, key_id,
    )  # fmt: skip

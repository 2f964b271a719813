"""SQL of whom a community does not admit."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, require_one

__all__ = ["BlockReason", "BlockRow", "delete_block", "delete_old_blocks", "is_blocked", "list_blocks", "put_block"]

BlockReason = Literal["threat", "damage", "trade", "subletting", "order"]


class BlockRow(msgspec.Struct, frozen=True):
    """That somebody is not admitted; nobody can read whom."""

    block_id: UUID
    reason: BlockReason
    created_at: datetime
    expires_at: datetime


async def put_block(
    conn: Connection, *, community_id: UUID, phone_hash: bytes, reason: BlockReason, now: datetime, until: datetime
) -> BlockRow:
    """Do not admit whoever has that number, until then; a second time changes the first."""
    return await require_one(
        conn,
        BlockRow,
        """
        INSERT INTO guest_block (community_id, phone_hash, reason, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (community_id, phone_hash) DO UPDATE SET reason = excluded.reason,
            created_at = excluded.created_at, expires_at = excluded.expires_at
        RETURNING block_id, reason, created_at, expires_at
        """,
        community_id, phone_hash, reason, now, until,
    )  # fmt: skip


async def list_blocks(
    conn: Connection, *, community_id: UUID, at: datetime, after: tuple[datetime, UUID] | None, limit: int
) -> list[BlockRow]:
    """The blocks that stand, newest first, ``limit`` + 1 of them, beginning after the page before."""
    created_at, block_id = after or (None, None)
    return await fetch_all(
        conn,
        BlockRow,
        """
        SELECT block_id, reason, created_at, expires_at FROM guest_block
        WHERE community_id = $1 AND expires_at > $2
            AND ($3::timestamptz IS NULL OR (created_at, block_id) < ($3, $4::uuid))
        ORDER BY created_at DESC, block_id DESC LIMIT $5
        """,
        community_id, at, created_at, block_id, limit + 1,
    )  # fmt: skip


async def is_blocked(conn: Connection, *, community_id: UUID, phone_hash: bytes, at: datetime) -> bool:
    """Whether the community does not admit whoever has that number."""
    found: bool = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM guest_block WHERE community_id = $1 AND phone_hash = $2 AND expires_at > $3)",
        community_id, phone_hash, at,
    )  # fmt: skip
    return found


async def delete_block(conn: Connection, *, community_id: UUID, block_id: UUID) -> bool:
    """Lift a block; whether there was one."""
    status = await conn.execute(
        "DELETE FROM guest_block WHERE community_id = $1 AND block_id = $2", community_id, block_id
    )
    return affected(status) > 0


async def delete_old_blocks(conn: Connection, *, community_id: UUID, before: datetime, limit: int) -> int:
    """Delete blocks that ended before that time, at most ``limit``; how many."""
    return affected(
        await conn.execute(
            """
            DELETE FROM guest_block WHERE community_id = $1 AND block_id IN (
                SELECT block_id FROM guest_block WHERE community_id = $1 AND expires_at < $2 LIMIT $3
            )
            """,
            community_id, before, limit,
        )
    )  # fmt: skip

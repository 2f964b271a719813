"""SQL of claim codes."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_one

__all__ = ["ClaimRow", "delete_old_claims", "expire_claims", "find_claim", "insert_claim", "lock_claim", "use_claim"]


class ClaimRow(msgspec.Struct, frozen=True):
    """A claim code, by its hash."""

    community_id: UUID
    gate_id: UUID
    expires_at: datetime
    used_at: datetime | None


async def insert_claim(
    conn: Connection, *, community_id: UUID, gate_id: UUID, code_hash: bytes, now: datetime, expires_at: datetime
) -> None:
    """A code that makes a device into this gate."""
    await conn.execute(
        """
        INSERT INTO gate_claim (community_id, gate_id, code_hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)
        """,
        community_id, gate_id, code_hash, now, expires_at,
    )  # fmt: skip


async def expire_claims(conn: Connection, *, community_id: UUID, gate_id: UUID, now: datetime) -> None:
    """End all codes of this gate that were not used yet."""
    await conn.execute(
        """
        UPDATE gate_claim SET expires_at = $3
        WHERE community_id = $1 AND gate_id = $2 AND used_at IS NULL AND expires_at > $3
        """,
        community_id, gate_id, now,
    )  # fmt: skip


async def find_claim(conn: Connection, *, code_hash: bytes) -> ClaimRow | None:
    """The code of whatever community. Needs the platform scope."""
    return await fetch_one(
        conn,
        ClaimRow,
        "SELECT community_id, gate_id, expires_at, used_at FROM gate_claim WHERE code_hash = $1",
        code_hash,
    )


async def lock_claim(conn: Connection, *, community_id: UUID, code_hash: bytes) -> ClaimRow | None:
    """The code, kept from being used by another request until the transaction ends."""
    return await fetch_one(
        conn,
        ClaimRow,
        """
        SELECT community_id, gate_id, expires_at, used_at FROM gate_claim
        WHERE community_id = $1 AND code_hash = $2 FOR UPDATE
        """,
        community_id, code_hash,
    )  # fmt: skip


async def use_claim(conn: Connection, *, community_id: UUID, code_hash: bytes, now: datetime) -> None:
    """The code is used up."""
    await conn.execute(
        "UPDATE gate_claim SET used_at = $3 WHERE community_id = $1 AND code_hash = $2", community_id, code_hash, now
    )


async def delete_old_claims(conn: Connection, *, community_id: UUID, before: datetime, limit: int) -> int:
    """Delete claim codes that were used or expired before that time, at most ``limit``; how many."""
    return affected(
        await conn.execute(
            """
            DELETE FROM gate_claim WHERE community_id = $1 AND (gate_id, code_hash) IN (
                SELECT gate_id, code_hash FROM gate_claim
                WHERE community_id = $1 AND least(used_at, expires_at) < $2 LIMIT $3
            )
            """,
            community_id, before, limit,
        )
    )  # fmt: skip

"""SQL of the audit trail."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all, fetch_one

__all__ = ["PLATFORM", "AuditHeadRow", "AuditRow", "get_head", "insert_intent", "list_after", "list_before"]

# The platform's own chain, for what belongs to no community.
PLATFORM = UUID(int=0)


class AuditRow(msgspec.Struct, frozen=True):
    """One entry; hashes are 32 bytes."""

    seq: int
    at: datetime
    actor: str
    action: str
    target: str
    reason: str | None
    previous_hash: bytes
    hash: bytes


class AuditHeadRow(msgspec.Struct, frozen=True):
    """Where a chain ends."""

    seq: int
    hash: bytes


async def insert_intent(
    conn: Connection, *, community_id: UUID, actor: str, action: str, target: str, reason: str | None
) -> None:
    """An entry to be chained when the transaction commits."""
    await conn.execute(
        "INSERT INTO audit_intent (community_id, actor, action, target, reason) VALUES ($1, $2, $3, $4, $5)",
        community_id, actor, action, target, reason,
    )  # fmt: skip


async def get_head(conn: Connection, *, community_id: UUID) -> AuditHeadRow | None:
    """The chain's last number and hash, or ``None`` where nothing was recorded yet."""
    return await fetch_one(conn, AuditHeadRow, "SELECT seq, hash FROM audit_head WHERE community_id = $1", community_id)


async def list_after(conn: Connection, *, community_id: UUID, seq: int, limit: int) -> list[AuditRow]:
    """Entries after number ``seq``, oldest first."""
    return await fetch_all(
        conn,
        AuditRow,
        """
        SELECT seq, at, actor, action, target, reason, previous_hash, hash
        FROM audit_entry WHERE community_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
        """,
        community_id, seq, limit,
    )  # fmt: skip


async def list_before(conn: Connection, *, community_id: UUID, seq: int | None, limit: int) -> list[AuditRow]:
    """Entries before number ``seq``, or from the end where that is ``None``, newest first."""
    return await fetch_all(
        conn,
        AuditRow,
        """
        SELECT seq, at, actor, action, target, reason, previous_hash, hash
        FROM audit_entry WHERE community_id = $1 AND ($2::bigint IS NULL OR seq < $2) ORDER BY seq DESC LIMIT $3
        """,
        community_id, seq, limit,
    )  # fmt: skip

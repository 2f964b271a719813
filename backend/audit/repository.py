"""SQL of the audit trail."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one

__all__ = [
    "PLATFORM",
    "AuditHeadRow",
    "AuditRow",
    "CheckpointRow",
    "get_entry_hash",
    "get_head",
    "get_last_checkpoint",
    "insert_checkpoint",
    "insert_intent",
    "list_after",
    "list_before",
    "list_chains",
    "list_checkpoints",
    "list_unsigned_chains",
]

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


class CheckpointRow(msgspec.Struct, frozen=True):
    """Where a chain ended on a day; ``hash`` 32 bytes, ``signature`` 64."""

    community_id: UUID
    day: date
    seq: int
    hash: bytes
    signed_at: datetime
    kid: str
    signature: bytes


class _Chain(msgspec.Struct, frozen=True):
    community_id: UUID


_CHECKPOINT = "SELECT community_id, day, seq, hash, signed_at, kid, signature FROM audit_checkpoint"


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


async def get_entry_hash(conn: Connection, *, community_id: UUID, seq: int) -> bytes | None:
    """The hash of one entry."""
    found: bytes | None = await conn.fetchval(
        "SELECT hash FROM audit_entry WHERE community_id = $1 AND seq = $2", community_id, seq
    )
    return found


async def list_chains(conn: Connection, *, after: UUID | None, limit: int) -> list[UUID]:
    """Chains with a head, an entry or a signed head, by id. The worker's or the auditor's, in the platform scope."""
    rows = await fetch_all(
        conn,
        _Chain,
        """
        SELECT community_id FROM (
            SELECT community_id FROM audit_head WHERE seq > 0
            UNION SELECT community_id FROM audit_checkpoint
        ) AS chain
        WHERE $1::uuid IS NULL OR community_id > $1 ORDER BY community_id LIMIT $2
        """,
        after, limit,
    )  # fmt: skip
    return [row.community_id for row in rows]


async def list_unsigned_chains(conn: Connection, *, day: date, after: UUID | None, limit: int) -> list[UUID]:
    """Chains without a signed head of that day, by id. The worker's, in the platform scope."""
    rows = await fetch_all(
        conn,
        _Chain,
        """
        SELECT h.community_id FROM audit_head h
        WHERE h.seq > 0 AND ($2::uuid IS NULL OR h.community_id > $2)
            AND NOT EXISTS (SELECT FROM audit_checkpoint c WHERE c.community_id = h.community_id AND c.day = $1)
        ORDER BY h.community_id LIMIT $3
        """,
        day, after, limit,
    )  # fmt: skip
    return [row.community_id for row in rows]


async def insert_checkpoint(conn: Connection, row: CheckpointRow) -> bool:
    """A signed head; False where the chain has one of that day. The worker's, in the platform scope."""
    done = await conn.execute(
        """
        INSERT INTO audit_checkpoint (community_id, day, seq, hash, signed_at, kid, signature)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
        """,
        row.community_id, row.day, row.seq, row.hash, row.signed_at, row.kid, row.signature,
    )  # fmt: skip
    return affected(done) == 1


async def get_last_checkpoint(conn: Connection, *, community_id: UUID) -> CheckpointRow | None:
    """The chain's newest signed head."""
    return await fetch_one(
        conn, CheckpointRow, f"{_CHECKPOINT} WHERE community_id = $1 ORDER BY day DESC LIMIT 1", community_id
    )


async def list_checkpoints(
    conn: Connection, *, community_id: UUID, before: date | None = None, limit: int
) -> list[CheckpointRow]:
    """The chain's signed heads, the newest first, from before that day."""
    return await fetch_all(
        conn,
        CheckpointRow,
        f"{_CHECKPOINT} WHERE community_id = $1 AND ($2::date IS NULL OR day < $2) ORDER BY day DESC LIMIT $3",
        community_id, before, limit,
    )  # fmt: skip

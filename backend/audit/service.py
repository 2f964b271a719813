"""Recording what was done, and proving that nobody changed the record."""

from uuid import UUID

import msgspec

from backend.audit import repository
from backend.audit.chain import GENESIS, first_break
from backend.audit.repository import PLATFORM
from backend.kit.db import Connection

__all__ = ["ChainReport", "record", "verify_chain"]

_PAGE = 1000


class ChainReport(msgspec.Struct, frozen=True):
    """What verifying found.

    ``length`` and ``head_hash`` (32 bytes) are what the head says; keep them elsewhere to detect a chain that was
    rebuilt as a whole. ``broken_at`` is the number of the first entry that is missing or was changed.
    """

    length: int
    head_hash: bytes
    broken_at: int | None

    @property
    def intact(self) -> bool:
        """Whether every entry follows from the one before, up to the head."""
        return self.broken_at is None


async def record(
    conn: Connection, *, community_id: UUID | None, actor: str, action: str, target: str, reason: str | None = None
) -> None:
    """Record an action in the caller's transaction: it stands in the trail if and only if the transaction commits.

    May be called anywhere in a transaction, whatever locks it holds or will take: chaining happens at commit.

    Args:
        conn: a transaction in the community's scope, or the platform's.
        community_id: whose trail; ``None`` for the platform's own.
        actor: "staff:<uuid>", "resident:<person>", "gate:<uuid>", "partner:<uuid>" or "system".
        action: noun and verb in lower case, such as "tenancy.end".
        target: what it was done to, such as "tenancy:<uuid>". Never a name or number.
        reason: why, where a person gave one; at most 500 characters. Never a name or number.
    """
    await repository.insert_intent(
        conn,
        community_id=PLATFORM if community_id is None else community_id,
        actor=actor,
        action=action,
        target=target,
        reason=reason,
    )


async def verify_chain(conn: Connection, *, community_id: UUID | None) -> ChainReport:
    """Recompute a chain from its first entry to its head.

    Args:
        conn: a transaction that sees the chain; REPEATABLE READ where others may be writing.
        community_id: whose trail; ``None`` for the platform's own.
    """
    chain = PLATFORM if community_id is None else community_id
    head = await repository.get_head(conn, community_id=chain)
    length, head_hash = (0, GENESIS) if head is None else (head.seq, head.hash)
    seq, previous = 0, GENESIS
    while rows := await repository.list_after(conn, community_id=chain, seq=seq, limit=_PAGE):
        broken_at = first_break(chain, rows, after_seq=seq, after_hash=previous)
        if broken_at is not None:
            return ChainReport(length, head_hash, broken_at)
        seq, previous = rows[-1].seq, rows[-1].hash
    sound = seq == length and previous == head_hash
    return ChainReport(length, head_hash, None if sound else min(seq, length) + 1)

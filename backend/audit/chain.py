"""What an entry's hash covers. The database computes the same in audit_hash(); a test compares the two."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from backend.audit.repository import AuditRow

__all__ = ["GENESIS", "Fault", "Kind", "entry_hash", "first_fault"]

# What the first entry of a chain follows.
GENESIS = bytes(32)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


#: missing: there is no entry of that number; changed: its hash does not fit what it says; detached: it does not name
#: the hash of the one before it, so that one of the two was put there, or one between them taken away.
Kind = Literal["missing", "changed", "detached"]


class Fault(msgspec.Struct, frozen=True):
    """Where a chain breaks: from entry ``seq`` to entry ``until``."""

    seq: int
    kind: Kind
    until: int


def entry_hash(previous: bytes, community_id: UUID, row: AuditRow) -> bytes:
    """SHA-256 over the previous entry's hash and this entry's fields as netstrings; 32 bytes."""
    fields = (
        str(community_id), str(row.seq), str((row.at - _EPOCH) // _MICROSECOND), row.actor, row.action, row.target,
        row.reason,
    )  # fmt: skip
    return hashlib.sha256(previous + b"".join(_netstring(field) for field in fields)).digest()


def first_fault(community_id: UUID, rows: Iterable[AuditRow], *, after_seq: int, after_hash: bytes) -> Fault | None:
    """The first entry that does not follow from the one before, and what is wrong with it, or ``None``.

    Args:
        community_id: whose chain it is.
        rows: consecutive entries in order.
        after_seq: number of the entry before the first one; 0 at the beginning.
        after_hash: that entry's hash; :data:`GENESIS` at the beginning.
    """
    for expected, row in enumerate(rows, start=after_seq + 1):
        if row.seq != expected:
            return Fault(expected, "missing", until=row.seq - 1)
        if row.previous_hash != after_hash:
            return Fault(expected, "detached", until=expected)
        if row.hash != entry_hash(after_hash, community_id, row):
            return Fault(expected, "changed", until=expected)
        after_hash = row.hash
    return None


def _netstring(field: str | None) -> bytes:
    if field is None:
        return b"-"
    data = field.encode()
    return b"%d:%b," % (len(data), data)

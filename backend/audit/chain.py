"""What an entry's hash covers. The database computes the same in audit_hash(); a test compares the two."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from backend.audit.repository import AuditRow

__all__ = ["GENESIS", "entry_hash", "first_break"]

# What the first entry of a chain follows.
GENESIS = bytes(32)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def entry_hash(previous: bytes, community_id: UUID, row: AuditRow) -> bytes:
    """SHA-256 over the previous entry's hash and this entry's fields as netstrings; 32 bytes."""
    fields = (
        str(community_id), str(row.seq), str((row.at - _EPOCH) // _MICROSECOND), row.actor, row.action, row.target,
        row.reason,
    )  # fmt: skip
    return hashlib.sha256(previous + b"".join(_netstring(field) for field in fields)).digest()


def first_break(community_id: UUID, rows: Iterable[AuditRow], *, after_seq: int, after_hash: bytes) -> int | None:
    """The number of the first entry that does not follow from the one before, or ``None``.

    Args:
        community_id: whose chain it is.
        rows: consecutive entries in order.
        after_seq: number of the entry before the first one; 0 at the beginning.
        after_hash: that entry's hash; :data:`GENESIS` at the beginning.
    """
    for expected, row in enumerate(rows, start=after_seq + 1):
        sound = (
            row.seq == expected
            and row.previous_hash == after_hash
            and row.hash == entry_hash(after_hash, community_id, row)
        )
        if not sound:
            return expected
        after_hash = row.hash
    return None


def _netstring(field: str | None) -> bytes:
    if field is None:
        return b"-"
    data = field.encode()
    return b"%d:%b," % (len(data), data)

"""Responses about the audit trail."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from backend.audit.repository import AuditRow

__all__ = ["AuditEntry", "AuditKey", "AuditPage"]


class AuditEntry(msgspec.Struct, frozen=True):
    """Who did what to what, and why. ``hash`` in hexadecimal covers this entry and all before it."""

    seq: int
    at: datetime
    actor: str
    action: str
    target: str
    reason: str | None
    hash: str

    @classmethod
    def of(cls, row: AuditRow) -> "AuditEntry":
        """From the database's row."""
        return cls(
            seq=row.seq,
            at=row.at,
            actor=row.actor,
            action=row.action,
            target=row.target,
            reason=row.reason,
            hash=row.hash.hex(),
        )


class AuditPage(msgspec.Struct, frozen=True):
    """Entries, newest first; ``next_cursor`` is null on the last page."""

    entries: tuple[AuditEntry, ...]
    next_cursor: str | None


class AuditKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ends; bounded as the column is, since cursors come from outside."""

    seq: Annotated[int, Meta(ge=1, le=2**63 - 1)]

"""Responses about the audit trail."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.audit.heads import SignedHead
from backend.audit.repository import AuditRow

__all__ = ["AuditEntry", "AuditKey", "AuditPage", "CheckpointKey", "CheckpointPage", "TrailLine"]


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


class CheckpointPage(msgspec.Struct, frozen=True):
    """Signed heads, the newest first; ``next_cursor`` is null on the last page.

    Kept elsewhere, as they are, they show a trail that was rewritten as a whole: `doorward audit verify --heads FILE`.
    """

    checkpoints: tuple[SignedHead, ...]
    next_cursor: str | None


class CheckpointKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of signed heads ends."""

    day: date


class TrailLine(msgspec.Struct, frozen=True):
    """An entry as it is exported, with all that its hash covers; hashes in hexadecimal."""

    chain: UUID
    seq: int
    at: datetime
    actor: str
    action: str
    target: str
    reason: str | None
    previous_hash: str
    hash: str

    @classmethod
    def of(cls, chain: UUID, row: AuditRow) -> "TrailLine":
        """From the database's row."""
        return cls(
            chain=chain,
            seq=row.seq,
            at=row.at,
            actor=row.actor,
            action=row.action,
            target=row.target,
            reason=row.reason,
            previous_hash=row.previous_hash.hex(),
            hash=row.hash.hex(),
        )

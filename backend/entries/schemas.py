"""Responses about entries."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.entries.repository import EntryRow, OwnEntryRow

__all__ = ["Entry", "EntryPage", "OwnEntry", "OwnEntryPage"]


class Entry(msgspec.Struct, frozen=True):
    """What a gate reported. ``name`` is the register's; people who were not recognised have neither it nor a subject.

    ``via`` is "face", "qr" or "card".
    ``clock_wrong`` says that the gate's clock could not be right, and ``at`` is when we heard of it.
    """

    gate_id: UUID
    kind: str
    at: datetime
    clock_wrong: bool
    received_at: datetime
    outcome: str | None
    reason: str | None
    subject_id: UUID | None
    name: str | None
    stale_for_s: float | None
    detail: str | None
    via: str | None

    @classmethod
    def of(cls, row: EntryRow) -> "Entry":
        """From the database's row."""
        return cls(
            gate_id=row.gate_id,
            kind=row.kind,
            at=row.at,
            clock_wrong=row.clock_wrong,
            received_at=row.received_at,
            outcome=row.outcome,
            reason=row.reason,
            subject_id=row.subject_id,
            name=row.name,
            stale_for_s=row.stale_for_s,
            detail=row.detail,
            via=row.via,
        )


class EntryPage(msgspec.Struct, frozen=True):
    """Entries, newest first; ``next_cursor`` where there are more."""

    entries: tuple[Entry, ...]
    next_cursor: str | None


class OwnEntry(msgspec.Struct, frozen=True):
    """One of the caller's own comings, and what the gate decided."""

    community_id: UUID
    gate_id: UUID
    at: datetime
    clock_wrong: bool
    outcome: str | None
    reason: str | None
    via: str | None

    @classmethod
    def of(cls, row: OwnEntryRow) -> "OwnEntry":
        """From the database's row."""
        return cls(
            community_id=row.community_id,
            gate_id=row.gate_id,
            at=row.at,
            clock_wrong=row.clock_wrong,
            outcome=row.outcome,
            reason=row.reason,
            via=row.via,
        )


class OwnEntryPage(msgspec.Struct, frozen=True):
    """The caller's entries, newest first; ``next_cursor`` where there are more."""

    entries: tuple[OwnEntry, ...]
    next_cursor: str | None

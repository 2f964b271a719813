"""Responses about entries."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.entries.repository import EntryRow, OwnEntryRow

__all__ = ["Entry", "EntryPage", "OwnEntry", "OwnEntryPage"]


class Entry(msgspec.Struct, frozen=True):
    """What a gate reported. ``name`` is the register's; people who were not recognised have neither it nor a subject.

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

    @classmethod
    def of(cls, row: EntryRow) -> "Entry":
        """From the database's row."""
        return cls(**{name: getattr(row, name) for name in cls.__struct_fields__})


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

    @classmethod
    def of(cls, row: OwnEntryRow) -> "OwnEntry":
        """From the database's row."""
        return cls(**{name: getattr(row, name) for name in cls.__struct_fields__})


class OwnEntryPage(msgspec.Struct, frozen=True):
    """The caller's entries, newest first; ``next_cursor`` where there are more."""

    entries: tuple[OwnEntry, ...]
    next_cursor: str | None

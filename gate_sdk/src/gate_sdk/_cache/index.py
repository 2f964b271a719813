"""The roster as decisions see it: immutable, in memory, replaced whole by one assignment.

A change of one among ten thousand copies tables and touches one entry; nothing is decoded or laid out anew for it.
"""

import copy
from collections.abc import Iterable, Mapping
from operator import attrgetter
from uuid import UUID

from gate_sdk._cache.rules import Row, expires_at_us
from gate_sdk._codes.index import CodeIndex
from gate_sdk._door import EVERY_HOUR, Door
from gate_sdk._recognition import Gallery, Recognition
from gate_sdk.wire import Head, RosterEntry, read_entry

__all__ = ["Roster", "build_roster"]


class Roster:
    """One version of the roster. ``head`` is ``None`` while the gate has none; then there are no entries either.

    ``hashes`` are of all the head's entries (16 bytes of subject to 32 of hash), also of those whose grants have ended
    here (``ends`` says when) and that have nothing else any more. Entries without a template, or with one of another
    pack than the loaded, are kept but never matched. ``unread`` counts, by subject, the grants and codes that only a
    newer gate understands. ``door`` is what the head's plan says of this gate.
    """

    __slots__ = ("codes", "door", "ends", "entries", "gallery", "hashes", "head", "templates", "unread")

    def __init__(self, head: Head | None = None, door: Door = EVERY_HOUR) -> None:
        self.head = head
        self.door = door
        self.hashes: dict[bytes, bytes] = {}
        self.entries: dict[UUID, RosterEntry] = {}
        self.unread: dict[UUID, int] = {}
        self.codes = CodeIndex.of(())
        self.gallery: Gallery | None = None
        self.templates: dict[UUID, bytes] = {}
        self.ends: dict[UUID, int] = {}

    @property
    def count(self) -> int:
        """The entries of the head."""
        return len(self.hashes)

    @property
    def matchable(self) -> int | None:
        """How many have a template that fits; malformed ones are left out. ``None`` until recognition is loaded."""
        return None if self.gallery is None else len(self.gallery)

    def with_head(self, head: Head, door: Door) -> "Roster":
        """The same entries under a head that was issued later, and its plan."""
        later = copy.copy(self)
        later.head, later.door = head, door
        return later

    def with_recognition(self, recognition: Recognition) -> "Roster":
        """The same roster, searchable with that recognition's pack."""
        searchable = copy.copy(self)
        searchable.gallery = recognition.gallery(
            [(subject, stored) for subject, stored in self.templates.items() if self.fits(subject, recognition.pack)]
        )
        return searchable

    def changed(
        self, head: Head, changes: Mapping[bytes, Row | None], door: Door, recognition: Recognition | None
    ) -> "Roster":
        """This roster after a delta; ``changes`` maps subjects to ``None`` where they are removed."""
        later = self._replaced({UUID(bytes=subject): row for subject, row in changes.items()}, recognition)
        later.head, later.door, later.hashes = head, door, dict(self.hashes)
        for subject, row in changes.items():
            if row is None:
                later.hashes.pop(subject, None)
            else:
                later.hashes[subject] = row.hash
        return later

    def without_ended(self, now_us: int, recognition: Recognition | None) -> "Roster | None":
        """This roster without what it holds of people whose grants have all ended; ``None`` where there are none."""
        ended = [subject for subject, until_us in self.ends.items() if until_us <= now_us]
        return self._replaced(dict.fromkeys(ended), recognition) if ended else None

    def _replaced(self, changes: Mapping[UUID, Row | None], recognition: Recognition | None) -> "Roster":
        """A copy with other contents in the place of some people's."""
        later = copy.copy(self)
        later.entries, later.templates = dict(self.entries), dict(self.templates)
        later.unread, later.ends = dict(self.unread), dict(self.ends)
        for subject, row in changes.items():
            for table in (later.entries, later.templates, later.unread, later.ends):
                table.pop(subject, None)
            if row is not None:
                later.take(subject, row)
        before = [self.entries[subject] for subject in changes if subject in self.entries]
        later.codes = self.codes.changed(before, [later.entries[one] for one in changes if one in later.entries])
        if self.gallery is not None and recognition is not None:
            fitting = [
                (one, later.templates[one])
                for one in changes
                if one in later.templates and later.fits(one, recognition.pack)
            ]
            later.gallery = self.gallery.changed(changes.keys(), fitting)
        return later

    def take(self, subject: UUID, row: Row) -> None:
        """Lay one entry out; only while nobody else has this roster yet."""
        if row.body is None:
            return
        reading = read_entry(row.body)
        self.entries[subject] = reading.entry
        if reading.skipped:
            self.unread[subject] = reading.skipped
        if row.template is not None:
            self.templates[subject] = row.template
        until_us = expires_at_us(reading)
        if until_us is not None:
            self.ends[subject] = until_us

    def fits(self, subject: UUID, pack: str) -> bool:
        """Whether somebody's template is of that pack."""
        named = self.entries[subject].template
        return named is not None and named.pack == pack


def build_roster(
    head: Head | None, rows: Iterable[Row], recognition: Recognition | None, door: Door = EVERY_HOUR
) -> Roster:
    """Decode the rows and lay out the gallery; takes milliseconds for thousands, so it runs outside of any lock."""
    roster = Roster(head, door)
    # In the digest's order, so that later digests sort what is nearly sorted.
    for row in sorted(rows, key=attrgetter("subject")):
        roster.hashes[row.subject] = row.hash
        roster.take(UUID(bytes=row.subject), row)
    roster.codes = CodeIndex.of(roster.entries.values())
    return roster if recognition is None else roster.with_recognition(recognition)

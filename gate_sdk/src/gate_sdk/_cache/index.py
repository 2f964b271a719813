"""The roster as decisions see it: immutable, in memory, replaced whole by one assignment.

A change of one among ten thousand copies tables and touches one entry; nothing is decoded or laid out anew for it.
"""

import copy
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from uuid import UUID

from gate_sdk._cache.rules import Row, expires_at_us
from gate_sdk._codes.index import CodeIndex
from gate_sdk._door import EVERY_HOUR, Door
from gate_sdk._packs import Packs, Searchable
from gate_sdk.wire import Head, RosterEntry, read_entry

__all__ = ["Roster", "build_roster"]


class Roster:
    """One version of the roster. ``head`` is ``None`` while the gate has none; then there are no entries either.

    ``hashes`` are of all the head's entries (16 bytes of subject to 32 of hash), also of those whose grants have ended
    here (``ends`` says when) and that have nothing else any more. Entries without a template, or with none of a pack
    that is loaded, are kept but never matched. ``unread`` counts, by subject, the grants and codes that only a newer
    gate understands. ``door`` is what the head's plan says of this gate. ``galleries`` has each matchable subject
    once, the largest first; ``None`` until recognition is loaded.
    """

    __slots__ = (
        "codes", "door", "ends", "entries", "galleries", "hashes", "head", "next_templates", "templates", "unread",
    )  # fmt: skip

    def __init__(self, head: Head | None = None, door: Door = EVERY_HOUR) -> None:
        self.head = head
        self.door = door
        self.hashes: dict[bytes, bytes] = {}
        self.entries: dict[UUID, RosterEntry] = {}
        self.unread: dict[UUID, int] = {}
        self.codes = CodeIndex.of(())
        self.galleries: tuple[Searchable, ...] | None = None
        self.templates: dict[UUID, bytes] = {}
        self.next_templates: dict[UUID, bytes] = {}
        self.ends: dict[UUID, int] = {}

    @property
    def count(self) -> int:
        """The entries of the head."""
        return len(self.hashes)

    @property
    def matchable(self) -> int | None:
        """How many have a template that fits; malformed ones are left out. ``None`` until recognition is loaded."""
        return None if self.galleries is None else sum(len(one.gallery) for one in self.galleries)

    def with_head(self, head: Head, door: Door) -> "Roster":
        """The same entries under a head that was issued later, and its plan."""
        later = copy.copy(self)
        later.head, later.door = head, door
        return later

    def packs(self) -> frozenset[str]:
        """The packs that templates are of."""
        refs = (ref for one in self.entries.values() for ref in (one.template, one.next_template))
        return frozenset(ref.pack for ref in refs if ref is not None)

    def with_packs(self, packs: Packs) -> "Roster":
        """The same roster, searchable with those packs."""
        searchable = copy.copy(self)
        searchable.galleries = self.laid_out((), self.entries, packs)
        return searchable

    def changed(self, head: Head, changes: Mapping[bytes, Row | None], door: Door, packs: Packs | None) -> "Roster":
        """This roster after a delta; ``changes`` maps subjects to ``None`` where they are removed."""
        later = self._replaced({UUID(bytes=subject): row for subject, row in changes.items()}, packs)
        later.head, later.door, later.hashes = head, door, dict(self.hashes)
        for subject, row in changes.items():
            if row is None:
                later.hashes.pop(subject, None)
            else:
                later.hashes[subject] = row.hash
        return later

    def without_ended(self, now_us: int, packs: Packs | None) -> "Roster | None":
        """This roster without what it holds of people whose grants have all ended; ``None`` where there are none."""
        ended = [subject for subject, until_us in self.ends.items() if until_us <= now_us]
        return self._replaced(dict.fromkeys(ended), packs) if ended else None

    def _replaced(self, changes: Mapping[UUID, Row | None], packs: Packs | None) -> "Roster":
        """A copy with other contents in the place of some people's."""
        later = copy.copy(self)
        later.entries, later.templates = dict(self.entries), dict(self.templates)
        later.next_templates = dict(self.next_templates)
        later.unread, later.ends = dict(self.unread), dict(self.ends)
        for subject, row in changes.items():
            for table in (later.entries, later.templates, later.next_templates, later.unread, later.ends):
                table.pop(subject, None)
            if row is not None:
                later.take(subject, row)
        before = [self.entries[subject] for subject in changes if subject in self.entries]
        later.codes = self.codes.changed(before, [later.entries[one] for one in changes if one in later.entries])
        if self.galleries is not None and packs is not None:
            later.galleries = later.laid_out(self.galleries, changes, packs)
        return later

    def laid_out(self, before: Sequence[Searchable], changes: Collection[UUID], packs: Packs) -> tuple[Searchable, ...]:
        """The galleries after these people's changes. Who has templates of two packs stands in the next one's.

        In one only: a stranger compared twice with the same people would have two chances to be taken for one.
        """
        chosen = self._chosen(changes, packs)
        later = [
            Searchable(one.recognition, one.gallery.changed(changes, chosen.pop(one.recognition.pack, [])))
            for one in before
        ]
        for pack, templates in chosen.items():
            recognition = packs.of({pack})[pack]
            later.append(Searchable(recognition, recognition.gallery(templates)))
        return tuple(sorted((one for one in later if len(one.gallery)), key=lambda one: -len(one.gallery)))

    def _chosen(self, subjects: Iterable[UUID], packs: Packs) -> dict[str, list[tuple[UUID, bytes]]]:
        """By pack the templates that these people are known by here."""
        known = [(subject, self.entries[subject]) for subject in subjects if subject in self.entries]
        named = {ref.pack for _, entry in known for ref in (entry.template, entry.next_template) if ref is not None}
        loaded = packs.of(named)
        chosen: dict[str, list[tuple[UUID, bytes]]] = {}
        for subject, entry in known:
            for ref, stored in (
                (entry.next_template, self.next_templates.get(subject)),
                (entry.template, self.templates.get(subject)),
            ):
                if ref is not None and stored is not None and ref.pack in loaded:
                    chosen.setdefault(ref.pack, []).append((subject, stored))
                    break
        return chosen

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
        if row.next_template is not None:
            self.next_templates[subject] = row.next_template
        until_us = expires_at_us(reading)
        if until_us is not None:
            self.ends[subject] = until_us


def build_roster(head: Head | None, rows: Iterable[Row], packs: Packs | None, door: Door = EVERY_HOUR) -> Roster:
    """Decode the rows and lay out the galleries; takes milliseconds for thousands, so it runs outside of any lock."""
    roster = Roster(head, door)
    # In the digest's order, so that later digests sort what is nearly sorted.
    for row in sorted(rows, key=attrgetter("subject")):
        roster.hashes[row.subject] = row.hash
        roster.take(UUID(bytes=row.subject), row)
    roster.codes = CodeIndex.of(roster.entries.values())
    return roster if packs is None else roster.with_packs(packs)

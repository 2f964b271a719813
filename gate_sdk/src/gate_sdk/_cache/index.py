"""The roster as decisions see it: immutable, in memory, replaced whole by one assignment."""

import copy
from collections.abc import Iterable
from uuid import UUID

from gate_sdk._cache.rules import Row
from gate_sdk._codes.index import CodeIndex
from gate_sdk._door import EVERY_HOUR, Door
from gate_sdk._recognition import Gallery, Recognition
from gate_sdk.wire import Head, RosterEntry, decode_entry

__all__ = ["Roster", "build_roster"]


class Roster:
    """One version of the roster. ``head`` is ``None`` while the gate has none; then there are no entries either.

    ``count`` is the entries of the head, also those whose grants have ended here. Entries without a template, or with
    one of another pack than the loaded, are kept but never matched. ``door`` is what the head's plan says of this gate.
    """

    __slots__ = ("_templates", "codes", "count", "door", "entries", "gallery", "head", "matchable")

    def __init__(
        self,
        head: Head | None,
        entries: dict[UUID, RosterEntry],
        templates: dict[UUID, bytes],
        *,
        count: int = 0,
        recognition: Recognition | None = None,
        door: Door = EVERY_HOUR,
    ) -> None:
        self.head = head
        self.door = door
        self.entries = entries
        self.count = count
        self.codes = CodeIndex.of(entries.values())
        self._templates = templates
        self.gallery: Gallery | None = None
        self.matchable: int | None = None
        if recognition is not None:
            pack = recognition.pack
            mine = [
                subject
                for subject in templates
                if (named := entries[subject].template) is not None and named.pack == pack
            ]
            self.gallery = recognition.gallery([(subject, templates[subject]) for subject in mine])
            # Not how many were given: malformed templates are left out.
            self.matchable = len(self.gallery)

    def with_head(self, head: Head, door: Door) -> "Roster":
        """The same entries under a head that was issued later, and its plan."""
        later = copy.copy(self)
        later.head, later.door = head, door
        return later

    def with_recognition(self, recognition: Recognition) -> "Roster":
        """The same roster, searchable with that recognition's pack."""
        return Roster(
            self.head, self.entries, self._templates, count=self.count, recognition=recognition, door=self.door
        )


def build_roster(
    head: Head | None, rows: Iterable[Row], recognition: Recognition | None, door: Door = EVERY_HOUR
) -> Roster:
    """Decode the rows and lay out the gallery; takes milliseconds for thousands, so it runs outside of any lock."""
    entries: dict[UUID, RosterEntry] = {}
    templates: dict[UUID, bytes] = {}
    count = 0
    for row in rows:
        count += 1
        if row.body is None:
            continue
        entry = decode_entry(row.body)
        entries[entry.subject] = entry
        if row.template is not None:
            templates[entry.subject] = row.template
    return Roster(head, entries, templates, count=count, recognition=recognition, door=door)

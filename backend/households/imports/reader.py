"""A file's blocks as lines by community, in batches. Pure; the memory it takes does not grow with the file.

What grows is 8 bytes and some for each line, by which a number that stands there twice is found.
"""

import hashlib
from collections.abc import Iterator, Mapping
from uuid import UUID

import msgspec

from backend.households.imports.columns import Column, map_columns
from backend.households.imports.errors import HeaderRefused
from backend.households.imports.lines import Encoding, Record, Records, detect_encoding
from backend.households.imports.plan import Outcome
from backend.households.imports.values import Line, LineRefused, Place, Places, read_line

__all__ = ["BATCH", "MAX_LINES", "Batch", "Reader"]

#: Lines of one community that are changed in one transaction: some tens of milliseconds.
BATCH = 500
#: Lines of a file: several times the largest authority's.
MAX_LINES = 1_000_000
# Lines that wait for others of their community; beyond that the fullest community's go as they are.
_MAX_WAITING = 40_000


class Batch(msgspec.Struct, frozen=True):
    """Lines of one community in their order; those that could not be read, with None for the community."""

    community_id: UUID | None
    lines: list[Line]
    unread: list[Outcome]

    @property
    def first_line(self) -> int:
        """The number of the first."""
        return self.lines[0].line if self.lines else self.unread[0].line


class Reader:
    """Feed it the file's blocks in order, then call :meth:`end`."""

    def __init__(
        self,
        *,
        places: Places,
        default: Place | None,
        mapping: Mapping[Column, str],
        encoding: Encoding | None,
        delimiter: str | None,
    ) -> None:
        """Begin before the first block.

        Args:
            places: the communities that lines may name.
            default: the community of lines that name none.
            mapping: headings that the office names.
            encoding: None looks at the first block.
            delimiter: None looks at the header.
        """
        self._places, self._default = places, default
        self._mapping = mapping
        self.encoding = encoding
        self._delimiter = delimiter
        self._records: Records | None = None
        self._columns: dict[Column, int] | None = None
        self._seen: set[int] = set()
        self._waiting: dict[UUID, list[Line]] = {}
        self._count = 0
        self._unread: list[Outcome] = []
        self.lines = 0

    def feed(self, block: bytes) -> list[Batch]:
        """The batches that are full with this block.

        Raises:
            HeaderRefused: the first line does not say what the columns are, or the file has too many lines.
        """
        if self._records is None:
            self.encoding = self.encoding or detect_encoding(block)
            self._records = Records(self.encoding, self._delimiter)
        return list(self._take(self._records.feed(block)))

    def end(self) -> list[Batch]:
        """The batches that are left.

        Raises:
            HeaderRefused: as above, or there is no line at all.
        """
        batches = [] if self._records is None else list(self._take(self._records.end()))
        if self._columns is None:
            raise HeaderRefused("no-header")
        if self.lines == 0:
            raise HeaderRefused("no-lines")
        batches += [Batch(community_id, lines, []) for community_id, lines in self._waiting.items() if lines]
        self._waiting = {}
        if self._unread:
            batches.append(Batch(None, [], self._unread))
        return batches

    def _take(self, records: Iterator[Record]) -> Iterator[Batch]:
        for record in records:
            if record.problem is None and not any(field.strip() for field in record.fields):
                continue
            if self._columns is None:
                if record.problem is not None:
                    raise HeaderRefused("header-unreadable")
                self._columns = map_columns(record.fields, self._mapping, community_given=self._default is not None)
                continue
            self.lines += 1
            if self.lines > MAX_LINES:
                raise HeaderRefused("too-many-lines")
            yield from self._line(record, self._columns)

    def _line(self, record: Record, columns: Mapping[Column, int]) -> Iterator[Batch]:
        try:
            community_id, line = self._read(record, columns)
        except LineRefused as refused:
            column = None if refused.column is None else refused.column.value
            self._unread.append(Outcome(record.line, "refused", refused.code, column))
            if len(self._unread) >= BATCH:
                yield Batch(None, [], self._unread)
                self._unread = []
            return
        waiting = self._waiting.setdefault(community_id, [])
        waiting.append(line)
        self._count += 1
        if len(waiting) >= BATCH:
            yield self._flush(community_id)
        elif self._count >= _MAX_WAITING:
            yield self._flush(max(self._waiting, key=lambda one: len(self._waiting[one])))

    def _read(self, record: Record, columns: Mapping[Column, int]) -> tuple[UUID, Line]:
        if record.problem is not None:
            raise LineRefused(record.problem)
        community_id, line = read_line(record.fields, record.line, columns, self._places, self._default)
        self._require_first(community_id, line)
        return community_id, line

    def _flush(self, community_id: UUID) -> Batch:
        lines = self._waiting.pop(community_id)
        self._count -= len(lines)
        return Batch(community_id, lines, [])

    def _require_first(self, community_id: UUID, line: Line) -> None:
        said = community_id.bytes + line.number.encode()
        mark = int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "big")
        if mark in self._seen:
            raise LineRefused("repeated", Column.NUMBER)
        self._seen.add(mark)

"""A body's bytes as lines, each by itself: a bad one takes no other with it. Pure, and of bounded memory."""

import csv
from collections.abc import Iterator, Mapping
from typing import Generic, Literal, TypeAlias, TypeVar

import msgspec

from backend.couriers.bulk.errors import LineInvalid, LineUnreadable, TooManyLines
from backend.kit.problems import Problem

__all__ = ["MAX_BYTES", "MAX_LINE", "MAX_LINES", "Form", "Line", "Lines"]

Form: TypeAlias = Literal["ndjson", "csv"]
T = TypeVar("T", bound=msgspec.Struct)

MAX_LINES = 10_000
MAX_BYTES = 8_000_000
#: Bytes of a line: a shift at a hundred communities has 3,900.
MAX_LINE = 4_096
_BOM = b"\xef\xbb\xbf"


class Line(msgspec.Struct, Generic[T], frozen=True):
    """A line, counted from 1 as it stands in the body, and what it says or why it says nothing."""

    number: int
    said: T | None = None
    problem: Problem | None = None


class Lines(Generic[T]):
    """Cuts blocks of bytes into lines. Feed it the blocks in order, then call :meth:`end`."""

    def __init__(self, row: type[T], form: Form) -> None:
        """Begin before the first line.

        Args:
            row: what a line says. In CSV the header names its fields; an empty cell is a field that is absent, and a
                field that is a list has its parts apart by blanks.
            form: JSON or CSV.
        """
        self._row = row
        self._decoder = msgspec.json.Decoder(row)
        self._form = form
        self._lists = {
            field.name
            for field in msgspec.structs.fields(row)
            if isinstance(_plain(field.type), msgspec.inspect.ListType)
        }
        self._header: list[str] | None = None
        self._rest = b""
        self._skipping = False
        self._number = 0

    def feed(self, block: bytes) -> Iterator[Line[T]]:
        """The lines that end in this block.

        Raises:
            TooManyLines: this is one more than may come.
        """
        *whole, rest = (self._rest + block).split(b"\n")
        self._rest = rest
        for raw in whole:
            yield from self._line(raw)
        if len(self._rest) > MAX_LINE:
            # Its number comes with its end; what was read of it is not needed.
            self._skipping, self._rest = True, b""

    def end(self) -> Iterator[Line[T]]:
        """What is left after the last block.

        Raises:
            TooManyLines: this is one more than may come.
        """
        if self._rest or self._skipping:
            yield from self._line(self._rest)
            self._rest = b""

    def _line(self, raw: bytes) -> Iterator[Line[T]]:
        self._number += 1
        too_long, self._skipping = self._skipping or len(raw) > MAX_LINE, False
        if self._number == 1:
            raw = raw.removeprefix(_BOM)
        raw = raw.strip()
        if not raw and not too_long:
            return
        if self._form == "csv" and self._header is None:
            self._header = [] if too_long else _cells(raw) or []
            return
        if self._number > MAX_LINES + (self._form == "csv"):
            raise TooManyLines
        try:
            said = self._said(b"" if too_long else raw)
        except msgspec.ValidationError as error:
            yield Line(self._number, problem=LineInvalid(str(error)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            yield Line(self._number, problem=LineUnreadable())
        except LineUnreadable as problem:
            yield Line(self._number, problem=problem)
        else:
            yield Line(self._number, said)

    def _said(self, raw: bytes) -> T:
        return self._decoder.decode(raw) if self._form == "ndjson" else self._record(raw)

    def _record(self, raw: bytes) -> T:
        cells = _cells(raw)
        if cells is None or not self._header or len(cells) != len(self._header):
            raise LineUnreadable
        given: Mapping[str, object] = {
            name: cell.split() if name in self._lists else cell
            for name, cell in zip(self._header, cells, strict=True)
            if cell
        }
        return msgspec.convert(given, self._row)


def _cells(raw: bytes) -> list[str] | None:
    """The cells of a record on one line, or None where it is none; a quotation mark must be closed on it."""
    try:
        rows = list(csv.reader([raw.decode()], strict=True))
    except (UnicodeDecodeError, csv.Error):
        return None
    return [cell.strip() for cell in rows[0]] if rows else None


def _plain(annotation: object) -> msgspec.inspect.Type:
    return msgspec.inspect.type_info(annotation)

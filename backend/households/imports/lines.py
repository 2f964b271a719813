"""A file's bytes as records of fields. Pure, and of bounded memory whatever the bytes are.

One bad line never takes others with it: each is decoded by itself, an overlong one is skipped to its end, and a
quotation mark that nobody closes gives back the lines that it would have swallowed.
"""

import csv
import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

__all__ = ["DELIMITERS", "MAX_LINE", "Encoding", "Record", "Records", "detect_delimiter", "detect_encoding", "not_text"]

Encoding: TypeAlias = Literal["utf-8", "gb18030"]

#: Bytes of a line: a register's has some hundred.
MAX_LINE = 65_536
DELIMITERS = ",;\t|"
# Physical lines that a quoted cell with line breaks may run over.
_MAX_RUN = 20
_BOM = b"\xef\xbb\xbf"
# What other programs' files begin with: ZIP (and with it XLSX), old Excel, gzip, PDF, UTF-16.
_FOREIGN = (b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0", b"\x1f\x8b", b"%PDF", b"\xff\xfe", b"\xfe\xff")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Record(msgspec.Struct, frozen=True):
    """A record: the line that it begins on, counted from 1, and its fields; or what is wrong with it, as a code."""

    line: int
    fields: list[str]
    problem: str | None = None


def not_text(head: bytes) -> bool:
    """Whether a file that begins so is none of comma-separated text, but an archive, a workbook or the like."""
    return head.startswith(_FOREIGN)


def detect_encoding(head: bytes) -> Encoding:
    """UTF-8 or GB18030, by the lines of the file's beginning that are not plain ASCII: by what most of them are.

    Chinese text in GB18030 is hardly ever valid UTF-8, so few lines decide; one that was damaged does not.
    """
    if head.startswith(_BOM):
        return "utf-8"
    telling = [line for line in head.split(b"\n")[:-1] or [head] if not line.isascii()]
    valid = sum(1 for line in telling if _is_utf8(line))
    return "utf-8" if 2 * valid >= len(telling) else "gb18030"


def detect_delimiter(header: str) -> str:
    """The one of comma, semicolon, tabulator and bar that the header has most of; a comma where it has none."""
    return max(DELIMITERS, key=lambda mark: (header.count(mark), mark == ","))


class Records:
    """Cuts blocks of bytes into records. Feed it the file's blocks in order, then call :meth:`end`."""

    def __init__(self, encoding: Encoding, delimiter: str | None = None) -> None:
        """Begin before the first line.

        Args:
            encoding: of the file.
            delimiter: one character; None takes it from the header.
        """
        self._encoding = encoding
        self._delimiter = delimiter
        self._rest = b""
        self._skipping = False
        self._line = 0
        self._begun = False
        # Lines of a quoted cell that is still open, with the number of the first.
        self._open: list[str] = []
        self._open_at = 0

    def feed(self, block: bytes) -> Iterator[Record]:
        """The records that end in this block."""
        if not self._begun:
            block, self._rest = self._rest + block, b""
            if len(block) < len(_BOM):
                self._rest = block
                return
            block = block.removeprefix(_BOM)
            self._begun = True
        *whole, rest = block.split(b"\n")
        if whole:
            whole[0] = self._rest + whole[0]
            self._rest = rest
        else:
            self._rest += rest
        for line in whole:
            yield from self._physical(line)
        if len(self._rest) > MAX_LINE:
            # Its number comes with its end; what was read of it is not needed.
            self._skipping, self._rest = True, b""

    def end(self) -> Iterator[Record]:
        """What is left after the last block."""
        if self._rest or self._skipping:
            yield from self._physical(self._rest)
            self._rest = b""
        while self._open:
            yield from self._give_back()

    def _physical(self, raw: bytes) -> Iterator[Record]:
        self._line += 1
        if self._skipping or len(raw) > MAX_LINE:
            self._skipping = False
            yield Record(self._line, [], "line-too-long")
            return
        try:
            text = raw.removesuffix(b"\r").decode(self._encoding)
        except UnicodeDecodeError:
            yield Record(self._line, [], "encoding-mixed")
            return
        yield from self._logical(text, self._line)

    def _logical(self, text: str, line: int) -> Iterator[Record]:
        if self._open:
            self._open.append(text)
            joined = "\n".join(self._open)
            found = self._split(joined, self._open_at)
            if found is not None:
                self._open = []
                yield found
            elif len(self._open) >= _MAX_RUN or len(joined) > MAX_LINE:
                yield from self._give_back()
            return
        if self._delimiter is None and text.strip():
            self._delimiter = detect_delimiter(text)
        found = self._split(text, line)
        if found is None:
            self._open, self._open_at = [text], line
        else:
            yield found

    def _give_back(self) -> Iterator[Record]:
        """Refuse the line on which a quotation mark opened, and read those after it again without it."""
        lines, at = self._open, self._open_at
        self._open = []
        yield Record(at, [], "quote-unclosed")
        for number, text in enumerate(lines[1:], at + 1):
            yield from self._logical(text, number)

    def _split(self, text: str, line: int) -> Record | None:
        """The text's fields; None where a quoted cell goes on in the next line."""
        if _CONTROL.search(text):
            return Record(line, [], "control-character")
        if '"' not in text:
            return Record(line, text.split(self._delimiter or ","))
        try:
            rows = list(csv.reader([text], delimiter=self._delimiter or ",", strict=True))
        except csv.Error as error:
            if "unexpected end" in str(error):
                return None
            return Record(line, [], "quotes")
        return Record(line, rows[0] if rows else [""])


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True

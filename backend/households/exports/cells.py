"""Cells of a file for spreadsheets. Pure."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from backend.households.imports.lines import Encoding

__all__ = ["csv_bytes", "first_day", "harmless", "last_day", "local_phone"]

# What a spreadsheet takes for the beginning of a formula, which may send the file's data somewhere (CWE-1236).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless(cell: str) -> str:
    """The cell, with an apostrophe before what a spreadsheet would run; an import takes it away again."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def csv_bytes(rows: Iterable[Sequence[str]], encoding: Encoding, *, first: bool) -> bytes:
    """Rows as CSV; the first part of a UTF-8 file with the mark by which spreadsheets know it."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig" if first and encoding == "utf-8" else encoding)


def first_day(starts_at: datetime, time_zone: str) -> date:
    """The day on which it begins, where the community is."""
    return starts_at.astimezone(ZoneInfo(time_zone)).date()


def last_day(ends_at: datetime, time_zone: str) -> date:
    """The last day that an end leaves, as registers name it: the day before, where it is midnight."""
    return (ends_at.astimezone(ZoneInfo(time_zone)) - timedelta(microseconds=1)).date()


def local_phone(phone: str) -> str:
    """A Chinese number as people write it; another one whole."""
    return phone.removeprefix("+86")

"""A record's fields as values of the register, or what is wrong with them. Pure."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from backend.accounts import phones
from backend.accounts.errors import PhoneInvalid
from backend.households.imports.columns import Column
from backend.households.members.repository import Relation

__all__ = ["Line", "LineRefused", "Place", "Places", "plain_cell", "read_line", "written"]


class Place(msgspec.Struct, frozen=True):
    """A community that a file may name, with its IANA time zone."""

    community_id: UUID
    time_zone: str


# By name; None for a name that two communities share.
Places = Mapping[str, Place | None]


class Line(msgspec.Struct, frozen=True, array_like=True):
    """What a line says of one member of one household; ``line`` is its number in the file, from 1.

    Names at most as long as the database's columns; ``phone`` E.164; ``ends_at`` is the end of the last day named.
    """

    line: int
    building: str
    unit: str
    home: str
    member_limit: int | None
    tenancy: str
    number: str
    name: str
    phone: str | None
    relation: Relation
    starts_at: datetime
    ends_at: datetime | None


class LineRefused(Exception):
    """A line that cannot be used: the code says why, the column where."""

    def __init__(self, code: str, column: Column | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.column = column


_RELATIONS: Mapping[Relation, tuple[str, ...]] = {
    "tenant": ("", "承租人", "本人", "户主", "租户", "主承租人", "tenant", "self"),
    "spouse": ("配偶", "妻子", "丈夫", "妻", "夫", "爱人", "spouse", "wife", "husband", "partner"),
    "child": ("子女", "儿子", "女儿", "子", "女", "长子", "长女", "次子", "次女", "child", "son", "daughter"),
    "parent": ("父母", "父亲", "母亲", "父", "母", "岳父", "岳母", "公公", "婆婆", "parent", "father", "mother"),
    "sibling": ("兄弟姐妹", "兄弟", "姐妹", "哥哥", "弟弟", "姐姐", "妹妹", "sibling", "brother", "sister"),
    "other": ("其他", "其它", "亲属", "共同居住人", "other", "relative"),
}
_RELATION = {word: relation for relation, words in _RELATIONS.items() for word in words}
_DATE = re.compile(
    r"(\d{4})(?:-|/|\.|年)(\d{1,2})(?:-|/|\.|月)(\d{1,2})日?(?:[T ]0{1,2}:00(?::00)?)?|(\d{4})(\d{2})(\d{2})"
)
_LENGTHS = {
    Column.BUILDING: 100, Column.UNIT: 50, Column.HOME: 50, Column.TENANCY: 64, Column.NUMBER: 64, Column.NAME: 200,
    Column.COMMUNITY: 200, Column.PHONE: 40, Column.RELATION: 20, Column.STARTS: 40, Column.ENDS: 40,
    Column.MEMBER_LIMIT: 4,
}  # fmt: skip
_NEEDED = (Column.BUILDING, Column.HOME, Column.NUMBER, Column.NAME, Column.STARTS)
_MOST_MEMBERS = 30


def written(relation: Relation) -> str:
    """The relation as a file of the register has it, beside the headings' first words; an import reads it again."""
    return next(filter(None, _RELATIONS[relation]))


def plain_cell(text: str) -> str:
    """A cell without line breaks and doubled blanks, and without the apostrophe that exports put before formulas."""
    plain = " ".join(text.split())
    return plain[1:] if len(plain) > 1 and plain[0] == "'" and plain[1] in "=+-@" else plain


def read_line(
    fields: Sequence[str], line: int, columns: Mapping[Column, int], places: Places, default: Place | None
) -> tuple[UUID, Line]:
    """The community that a record is about, and what it says.

    Args:
        fields: the record's.
        line: its number.
        columns: from :func:`map_columns`.
        places: the communities that may be named.
        default: the community of lines that name none.

    Raises:
        LineRefused: it cannot be used.
    """
    cells = {column: plain_cell(fields[place]) if place < len(fields) else "" for column, place in columns.items()}
    for column, text in cells.items():
        if len(text) > _LENGTHS[column]:
            raise LineRefused("too-long", column)
    for column in _NEEDED:
        if not cells[column]:
            raise LineRefused("missing", column)
    place = _place(cells.get(Column.COMMUNITY, ""), places, default)
    relation = _RELATION.get(cells.get(Column.RELATION, "").lower())
    if relation is None:
        raise LineRefused("relation-unknown", Column.RELATION)
    phone = _phone(cells.get(Column.PHONE, ""))
    starts_at = _midnight(cells[Column.STARTS], place.time_zone, 0, Column.STARTS)
    last = cells.get(Column.ENDS, "")
    # The last day belongs to the tenancy.
    ends_at = _midnight(last, place.time_zone, 1, Column.ENDS) if last else None
    if ends_at is not None and ends_at <= starts_at:
        raise LineRefused("period-invalid", Column.ENDS)
    building, unit, home = cells[Column.BUILDING], cells.get(Column.UNIT, ""), cells[Column.HOME]
    return place.community_id, Line(
        line=line,
        building=building,
        unit=unit,
        home=home,
        member_limit=_limit(cells.get(Column.MEMBER_LIMIT, "")),
        tenancy=cells.get(Column.TENANCY, "") or _derived(building, unit, home, starts_at),
        number=cells[Column.NUMBER],
        name=cells[Column.NAME],
        phone=phone,
        relation=relation,
        starts_at=starts_at,
        ends_at=ends_at,
    )


def _place(name: str, places: Places, default: Place | None) -> Place:
    if not name:
        if default is None:
            raise LineRefused("missing", Column.COMMUNITY)
        return default
    if name not in places:
        raise LineRefused("community-unknown", Column.COMMUNITY)
    found = places[name]
    if found is None:
        raise LineRefused("community-ambiguous", Column.COMMUNITY)
    return found


def _phone(text: str) -> str | None:
    if not text:
        return None
    try:
        return phones.parse(text)
    except PhoneInvalid:
        raise LineRefused("phone-invalid", Column.PHONE) from None


def _limit(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= _MOST_MEMBERS:
        raise LineRefused("member-limit-invalid", Column.MEMBER_LIMIT)
    return int(text)


def _derived(building: str, unit: str, home: str, starts_at: datetime) -> str:
    """A number for a tenancy to which the register gives none: the same home from the same day is the same one."""
    said = f"{building}\0{unit}\0{home}\0{starts_at.isoformat()}"
    return "~" + hashlib.blake2b(said.encode(), digest_size=15).hexdigest()


def _midnight(text: str, zone: str, days: int, column: Column) -> datetime:
    found = _instant(text, zone, days)
    if found is None:
        raise LineRefused("date-invalid", column)
    return found


@lru_cache(maxsize=4096)
def _instant(text: str, zone: str, days: int) -> datetime | None:
    """The beginning of the day, moved by ``days``, where the community is. Few days come in a register, each often."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day = (int(part) for part in match.groups() if part is not None)
    try:
        moved = date(year, month, day) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    if not 1900 <= year <= 2200:  # noqa: PLR2004 - what is outside is a slip of the pen
        return None
    return datetime.combine(moved, time(), ZoneInfo(zone))

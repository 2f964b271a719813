"""From weekly hours by the clock on the wall to intervals of time. Pure.

The rule, which decides every odd case: a door is open at an instant if and only if the community's clocks then show a
time within its hours. Where clocks are put forward a skipped time opens nothing; where they are put back a repeated one
opens twice.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

import msgspec

__all__ = ["DAY_MINUTES", "WEEKDAYS", "Day", "Schedule", "Span", "SpecialDay", "Weekday", "bounds_of", "united"]

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
DAY_MINUTES = 1440
_STEP = timedelta(hours=1)
_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Span(msgspec.Struct, frozen=True):
    """Open on such days from ``begin`` to ``until``, minutes after midnight, half open.

    ``begin`` is at most 1439; ``until`` is later, and beyond 1440 in the next day, whatever day that is.
    """

    day: Day
    begin: int
    until: int


class Schedule(msgspec.Struct, frozen=True):
    """A week. Without ``own_holidays`` a holiday is like any other day; with them only spans of "holiday" go for it."""

    week: tuple[Span, ...]
    own_holidays: bool


class SpecialDay(msgspec.Struct, frozen=True):
    """A day that is not what the calendar says: a holiday, or one that is worked like ``works_as``."""

    works_as: Weekday | None = None


def bounds_of(
    schedule: Schedule, days: Mapping[date, SpecialDay], zone: ZoneInfo, *, begin: datetime, until: datetime
) -> tuple[int, ...]:
    """When the schedule is open in [``begin``, ``until``).

    Args:
        schedule: the week.
        days: special days by their date.
        zone: the community's.
        begin: in UTC, whole seconds.
        until: in UTC, whole seconds.

    Returns:
        Microseconds since the Unix epoch, strictly growing: open from the first to the second, and so on.
    """
    found: list[tuple[datetime, datetime]] = []
    for first, last, offset in _steady(zone, begin, until):
        # While the offset stands still, the clock on the wall is the time in UTC moved by it.
        low, high = (moment.replace(tzinfo=None) + offset for moment in (first, last))
        day = low.date() - timedelta(days=1)
        while day <= high.date():
            midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - what the wall shows, without a zone
            for span in _spans(schedule, days, day):
                opens = max(low, midnight + timedelta(minutes=span.begin))
                closes = min(high, midnight + timedelta(minutes=span.until))
                if opens < closes:
                    found.append(((opens - offset).replace(tzinfo=UTC), (closes - offset).replace(tzinfo=UTC)))
            day += timedelta(days=1)
    return _merged((_us(opens), _us(closes)) for opens, closes in found)


def united(parts: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """Open whenever one of them is."""
    return _merged((part[i], part[i + 1]) for part in parts for i in range(0, len(part), 2))


def _spans(schedule: Schedule, days: Mapping[date, SpecialDay], day: date) -> Iterator[Span]:
    special = days.get(day)
    kind: Day = WEEKDAYS[day.weekday()]
    if special is not None and special.works_as is not None:
        kind = special.works_as
    elif special is not None and schedule.own_holidays:
        kind = "holiday"
    return (span for span in schedule.week if span.day == kind)


def _steady(zone: ZoneInfo, begin: datetime, until: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """The stretches between changes of the zone's offset."""
    since, offset = begin, _offset(zone, begin)
    at = begin
    while at < until:
        later = min(at + _STEP, until)
        if _offset(zone, later) != offset:
            change = _change(zone, at, later)
            yield since, change, offset
            since, offset = change, _offset(zone, change)
            later = change
        at = later
    if since < until:
        yield since, until, offset


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second of the new offset: it differs at ``after`` from that at ``before``."""
    offset = _offset(zone, before)
    while after - before > _SECOND:
        middle = before + timedelta(seconds=(after - before) // _SECOND // 2)
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)


def _us(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _merged(intervals: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    bounds: list[int] = []
    for opens, closes in sorted(intervals):
        if bounds and opens <= bounds[-1]:
            bounds[-1] = max(bounds[-1], closes)
        else:
            bounds += [opens, closes]
    return tuple(bounds)

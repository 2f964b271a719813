"""Recurring passes: a small part of RFC 5545, expanded into windows. Pure.

Only rules are taken that step from day to day or more and name an end, and no part of one that could keep the search
for its next time going without ever finding one. Gates never see a rule.
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
from dateutil.rrule import DAILY, MONTHLY, WEEKLY, rrule, weekday

from backend.visitors.errors import RecurrenceInvalid

__all__ = ["LONGEST_SERIES", "LONGEST_VISIT", "MOST_OCCURRENCES", "expand"]

#: Twice a week for half a year; each is a row, and a grant once the guest has accepted.
MOST_OCCURRENCES = 60
LONGEST_SERIES = timedelta(days=183)
#: Of one occurrence: longer ones would run into each other.
LONGEST_VISIT = timedelta(days=1)

_Frequency = Literal[1, 2, 3]
_FREQUENCIES: Mapping[str, _Frequency] = {"DAILY": DAILY, "WEEKLY": WEEKLY, "MONTHLY": MONTHLY}
_DAYS = {name: index for index, name in enumerate(("MO", "TU", "WE", "TH", "FR", "SA", "SU"))}
_BY_DAY = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL = re.compile(r"\d{8}(T\d{6}Z)?")
_MOST_INTERVAL = 12
_MOST_BY = 7
_LAST_DAY = 31


class _Rule(msgspec.Struct, frozen=True):
    frequency: _Frequency
    interval: int
    count: int | None
    until: datetime | None
    by_weekday: tuple[weekday, ...]
    by_monthday: tuple[int, ...]


def expand(
    text: str, *, begin: datetime, until: datetime, zone: ZoneInfo, excepted: Collection[date] = ()
) -> list[tuple[datetime, datetime]]:
    """The windows of a recurring visit in UTC, in their order, without the excepted days.

    Each is at the same hours by the clocks of the place, whatever those do in between. An hour that the clocks leave
    out is the one after it; a visit within it alone falls out.

    Args:
        text: an RRULE's value: FREQ of DAILY, WEEKLY or MONTHLY, and COUNT or UNTIL; INTERVAL, BYDAY, BYMONTHDAY.
        begin: of the first window, with time zone; the rule must meet it.
        until: of the first window; at most a day later.
        zone: of the community.
        excepted: days of the place on which there is no visit.

    Raises:
        RecurrenceInvalid: the rule is none, or one that is not taken; ``extra`` says which part.
    """
    first, last = (moment.astimezone(zone).replace(tzinfo=None) for moment in (begin, until))
    if not timedelta(0) < last - first <= LONGEST_VISIT:
        raise RecurrenceInvalid(part="visit")
    rule = _parse(text, zone)
    end = first + LONGEST_SERIES
    times = rrule(
        rule.frequency,
        dtstart=first,
        interval=rule.interval,
        byweekday=rule.by_weekday or None,
        bymonthday=rule.by_monthday or None,
        until=end if rule.until is None else min(rule.until, end),
    )
    found = list(islice(times, MOST_OCCURRENCES + 1 if rule.count is None else rule.count))
    if len(found) > MOST_OCCURRENCES or (rule.count is not None and len(found) < rule.count):
        raise RecurrenceInvalid(part="COUNT", limit=MOST_OCCURRENCES)
    if rule.until is not None and rule.until > end:
        raise RecurrenceInvalid(part="UNTIL", days=LONGEST_SERIES.days)
    if not found or found[0] != first:
        raise RecurrenceInvalid(part="begin")
    windows = [
        (begin.astimezone(UTC), until.astimezone(UTC))
        if at == first
        else (_instant(at, zone), _instant(at + (last - first), zone))
        for at in found
        if at.date() not in excepted
    ]
    kept = [(opens, closes) for opens, closes in windows if closes > opens]
    if not kept:
        raise RecurrenceInvalid(part="except_dates")
    return kept


def _instant(at: datetime, zone: ZoneInfo) -> datetime:
    return at.replace(tzinfo=zone).astimezone(UTC)


def _parse(text: str, zone: ZoneInfo) -> _Rule:
    parts: dict[str, str] = {}
    for part in text.upper().split(";"):
        key, equals, value = part.partition("=")
        if not equals or not value or key in parts:
            raise RecurrenceInvalid(part=key[:20])
        parts[key] = value
    unknown = parts.keys() - {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY"}
    if unknown:
        raise RecurrenceInvalid(part=min(unknown)[:20])
    frequency = _FREQUENCIES.get(parts.get("FREQ", ""))
    if frequency is None:
        raise RecurrenceInvalid(part="FREQ")
    if ("COUNT" in parts) == ("UNTIL" in parts):
        raise RecurrenceInvalid(part="COUNT or UNTIL")
    if "BYDAY" in parts and (frequency == DAILY or "BYMONTHDAY" in parts):
        raise RecurrenceInvalid(part="BYDAY")
    if "BYMONTHDAY" in parts and frequency != MONTHLY:
        raise RecurrenceInvalid(part="BYMONTHDAY")
    return _Rule(
        frequency=frequency,
        interval=_number(parts, "INTERVAL", most=_MOST_INTERVAL) or 1,
        count=_number(parts, "COUNT", most=MOST_OCCURRENCES),
        until=_until(parts["UNTIL"], zone) if "UNTIL" in parts else None,
        by_weekday=_weekdays(parts, ordinal=frequency == MONTHLY),
        by_monthday=_monthdays(parts),
    )


def _number(parts: Mapping[str, str], key: str, *, most: int) -> int | None:
    value = parts.get(key)
    if value is None:
        return None
    # Three digits: a number of a million of them would be read for a minute.
    if not re.fullmatch("[0-9]{1,3}", value) or not 1 <= int(value) <= most:
        raise RecurrenceInvalid(part=key, limit=most)
    return int(value)


def _until(value: str, zone: ZoneInfo) -> datetime:
    if not _UNTIL.fullmatch(value):
        raise RecurrenceInvalid(part="UNTIL")
    try:
        day = date(int(value[:4]), int(value[4:6]), int(value[6:8]))
        if len(value) == len("YYYYMMDD"):
            return datetime.combine(day, time.max)
        at = time(int(value[9:11]), int(value[11:13]), int(value[13:15]))
        return datetime.combine(day, at, UTC).astimezone(zone).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise RecurrenceInvalid(part="UNTIL") from None


def _weekdays(parts: Mapping[str, str], *, ordinal: bool) -> tuple[weekday, ...]:
    if "BYDAY" not in parts:
        return ()
    found = []
    for one in parts["BYDAY"].split(",")[: _MOST_BY + 1]:
        match = _BY_DAY.fullmatch(one)
        if match is None or (match[1] is not None) != ordinal:
            raise RecurrenceInvalid(part="BYDAY")
        found.append(weekday(_DAYS[match[2]], int(match[1]) if match[1] else None))
    if len(found) > _MOST_BY:
        raise RecurrenceInvalid(part="BYDAY", limit=_MOST_BY)
    return tuple(found)


def _monthdays(parts: Mapping[str, str]) -> tuple[int, ...]:
    if "BYMONTHDAY" not in parts:
        return ()
    values = parts["BYMONTHDAY"].split(",")[: _MOST_BY + 1]
    if len(values) > _MOST_BY or any(not re.fullmatch("-?[0-9]{1,2}", one) for one in values):
        raise RecurrenceInvalid(part="BYMONTHDAY", limit=_MOST_BY)
    days = tuple(int(one) for one in values)
    if any(not 1 <= abs(day) <= _LAST_DAY for day in days):
        raise RecurrenceInvalid(part="BYMONTHDAY")
    return days

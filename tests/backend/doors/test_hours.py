"""Weekly hours against the clock on the wall, read anew at each instant."""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.doors.hours import DAY_MINUTES, WEEKDAYS, Schedule, Span, SpecialDay, bounds_of, united

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Each has a change of clocks in the weeks that are tried; Lord Howe's is of half an hour, Shanghai has none.
ZONES = {
    "Europe/London": (datetime(2026, 3, 26, tzinfo=UTC), datetime(2026, 10, 22, tzinfo=UTC)),
    "America/New_York": (datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 10, 29, tzinfo=UTC)),
    "Australia/Lord_Howe": (datetime(2026, 4, 2, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)),
    "Asia/Shanghai": (datetime(2026, 9, 30, tzinfo=UTC),),
}
WEEK = timedelta(days=7)

spans = st.builds(
    lambda day, begin, length: Span(day, begin, min(begin + length, begin + DAY_MINUTES)),
    st.sampled_from([*WEEKDAYS, "holiday"]),
    st.integers(0, DAY_MINUTES - 1),
    st.integers(1, DAY_MINUTES),
)
schedules = st.builds(Schedule, st.lists(spans, max_size=8).map(tuple), st.booleans())


def is_open(schedule: Schedule, days: dict[date, SpecialDay], zone: ZoneInfo, at: datetime) -> bool:
    """The rule as a person reads it: look at the clock, and at the calendar of today and of yesterday."""
    wall = at.astimezone(zone)
    now = wall.hour * 60 + wall.minute + (wall.second + wall.microsecond / 1e6) / 60
    for back in (0, 1):
        day = wall.date() - timedelta(days=back)
        special = days.get(day)
        name: str = WEEKDAYS[day.weekday()]
        if special is not None:
            name = special.works_as or ("holiday" if schedule.own_holidays else name)
        minute = now + back * DAY_MINUTES
        if any(span.day == name and span.begin <= minute < span.until for span in schedule.week):
            return True
    return False


def opens(bounds: tuple[int, ...], at: datetime) -> bool:
    return bisect_right(bounds, (at - EPOCH) // timedelta(microseconds=1)) % 2 == 1


@settings(max_examples=150, deadline=None)
@given(data=st.data(), schedule=schedules)
def test_expanded_hours_are_what_the_clock_on_the_wall_says(data: st.DataObject, schedule: Schedule) -> None:
    name = data.draw(st.sampled_from(sorted(ZONES)))
    zone, begin = ZoneInfo(name), data.draw(st.sampled_from(ZONES[name]))
    chosen = data.draw(st.dictionaries(st.integers(0, 7), st.sampled_from([None, *WEEKDAYS]), max_size=4))
    days = {begin.date() + timedelta(days=offset): SpecialDay(works_as) for offset, works_as in chosen.items()}
    bounds = bounds_of(schedule, days, zone, begin=begin, until=begin + WEEK)
    assert all(low < high for low, high in pairwise(bounds))
    assert len(bounds) % 2 == 0
    # Every quarter of an hour, and on both sides of every bound.
    moments = [begin + timedelta(minutes=15) * n for n in range(7 * 96)]
    moments += [EPOCH + timedelta(microseconds=bound + step) for bound in bounds[:-1] for step in (-1, 0)][1:]
    for at in moments:
        assert opens(bounds, at) == is_open(schedule, days, zone, at), at


@pytest.mark.parametrize(
    "zone, day, length",
    [
        # At 1:00 the clocks show 2:00: an hour of the night is not there, and then is there twice.
        ("Europe/London", date(2026, 3, 29), timedelta(hours=7)),
        ("Europe/London", date(2026, 10, 25), timedelta(hours=9)),
        ("Australia/Lord_Howe", date(2026, 10, 4), timedelta(hours=7, minutes=30)),
        ("Asia/Shanghai", date(2026, 10, 4), timedelta(hours=8)),
    ],
)
def test_a_night_in_which_clocks_change_has_its_own_length(zone: str, day: date, length: timedelta) -> None:
    night = Schedule((Span("sat", 22 * 60, 30 * 60),), own_holidays=False)
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=2)
    opened, closed = bounds_of(night, {}, ZoneInfo(zone), begin=begin, until=begin + timedelta(days=4))
    assert timedelta(microseconds=closed - opened) == length


def test_a_skipped_time_opens_nothing_and_a_repeated_one_twice() -> None:
    schedule = Schedule((Span("sun", 75, 90),), own_holidays=False)
    spring = datetime(2026, 3, 29, tzinfo=UTC)
    assert bounds_of(schedule, {}, ZoneInfo("Europe/London"), begin=spring, until=spring + timedelta(days=1)) == ()
    autumn = datetime(2026, 10, 25, tzinfo=UTC)
    twice = bounds_of(schedule, {}, ZoneInfo("Europe/London"), begin=autumn, until=autumn + timedelta(days=1))
    assert [timedelta(microseconds=b - a) for a, b in zip(twice[::2], twice[1::2], strict=True)] == 2 * [
        timedelta(minutes=15)
    ]
    assert twice[2] - twice[0] == 3_600_000_000


def test_a_holiday_week_and_the_saturday_that_is_worked_for_it() -> None:
    # National Day 2026: from Thursday on off, and a Saturday afterwards worked like a Monday.
    office = Schedule((*(Span(day, 540, 1080) for day in WEEKDAYS[:5]), Span("holiday", 600, 720)), own_holidays=True)
    days = {date(2026, 10, d): SpecialDay() for d in (1, 2)}
    days[date(2026, 10, 10)] = SpecialDay("mon")
    zone = ZoneInfo("Asia/Shanghai")

    def hours(day: int) -> float:
        begin = datetime(2026, 10, day, tzinfo=zone).astimezone(UTC)
        bounds = bounds_of(office, days, zone, begin=begin, until=begin + timedelta(days=1))
        return sum(b - a for a, b in zip(bounds[::2], bounds[1::2], strict=True)) / 3.6e9

    assert [hours(day) for day in (1, 3, 8, 9, 10, 11)] == [2, 0, 9, 9, 9, 0]


def test_hours_of_two_groups_are_taken_together() -> None:
    assert united([(0, 10, 20, 30), (5, 20), (40, 41)]) == (0, 30, 40, 41)
    assert united([(), ()]) == ()

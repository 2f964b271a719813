"""Which rules of recurrence are taken, and the windows they are expanded into, through every change of the clocks."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import dateutil.rrule
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.visitors.errors import RecurrenceInvalid
from backend.visitors.recurrence import LONGEST_SERIES, LONGEST_VISIT, MOST_OCCURRENCES, expand

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 11, 2, 9, tzinfo=SHANGHAI)


def windows(rule: str, begin: datetime = MONDAY, hours: float = 4, **options: object) -> list[tuple[str, str]]:
    zone = begin.tzinfo
    assert isinstance(zone, ZoneInfo)
    excepted = options.get("excepted", ())
    assert isinstance(excepted, tuple)
    until = begin + timedelta(hours=hours)
    found = expand(rule, begin=begin, until=until, zone=zone, excepted=excepted)
    return [(f"{a.astimezone(zone):%m-%d %H:%M}", f"{b.astimezone(zone):%m-%d %H:%M}") for a, b in found]


def test_every_monday_and_thursday_four_times() -> None:
    assert windows("FREQ=WEEKLY;BYDAY=MO,TH;COUNT=4") == [
        ("11-02 09:00", "11-02 13:00"),
        ("11-05 09:00", "11-05 13:00"),
        ("11-09 09:00", "11-09 13:00"),
        ("11-12 09:00", "11-12 13:00"),
    ]


def test_the_last_friday_of_each_month_until_a_day() -> None:
    begin = datetime(2026, 10, 30, 18, tzinfo=SHANGHAI)
    found = windows("FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20261231", begin)
    assert [one for one, _ in found] == ["10-30 18:00", "11-27 18:00", "12-25 18:00"]


def test_holidays_are_left_out_and_count_as_visits() -> None:
    found = windows("FREQ=DAILY;COUNT=3", excepted=(date(2026, 11, 3),))
    assert [one for one, _ in found] == ["11-02 09:00", "11-04 09:00"]


def test_the_hours_stay_when_the_clocks_change() -> None:
    begin = datetime(2026, 10, 24, 9, tzinfo=BERLIN)
    found = expand("FREQ=DAILY;COUNT=3", begin=begin, until=begin + timedelta(hours=2), zone=BERLIN)
    assert [one.hour for one, _ in found] == [7, 8, 8]
    assert all(until - at == timedelta(hours=2) for at, until in found)


def test_a_night_in_which_the_clocks_go_back_is_as_long_as_it_is_there() -> None:
    begin = datetime(2026, 10, 23, 22, tzinfo=BERLIN)
    found = expand("FREQ=DAILY;COUNT=3", begin=begin, until=begin + timedelta(hours=8), zone=BERLIN)
    assert [(until - at) for at, until in found] == [timedelta(hours=8), timedelta(hours=9), timedelta(hours=8)]


def test_an_hour_that_the_clocks_leave_out_is_the_one_after_it() -> None:
    begin = datetime(2026, 3, 28, 2, 30, tzinfo=BERLIN)
    found = windows("FREQ=DAILY;COUNT=3", begin, hours=2)
    assert found == [("03-28 02:30", "03-28 04:30"), ("03-29 03:30", "03-29 04:30"), ("03-30 02:30", "03-30 04:30")]


@pytest.mark.parametrize(
    "rule, part",
    [
        ("FREQ=DAILY", "COUNT or UNTIL"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20261201", "COUNT or UNTIL"),
        ("FREQ=HOURLY;COUNT=3", "FREQ"),
        ("FREQ=SECONDLY;COUNT=3", "FREQ"),
        ("FREQ=YEARLY;COUNT=2", "FREQ"),
        ("COUNT=3", "FREQ"),
        ("FREQ=DAILY;COUNT=61", "COUNT"),
        ("FREQ=DAILY;COUNT=0", "COUNT"),
        ("FREQ=DAILY;COUNT=" + "9" * 180, "COUNT"),
        ("FREQ=DAILY;COUNT=٣", "COUNT"),
        ("FREQ=DAILY;INTERVAL=0;COUNT=3", "INTERVAL"),
        ("FREQ=DAILY;INTERVAL=13;COUNT=3", "INTERVAL"),
        ("FREQ=DAILY;UNTIL=20261332", "UNTIL"),
        ("FREQ=DAILY;UNTIL=99991231", "COUNT"),
        ("FREQ=WEEKLY;UNTIL=99991231", "UNTIL"),
        ("FREQ=WEEKLY;UNTIL=00010101T000000Z", "begin"),
        ("FREQ=DAILY;BYDAY=TU;INTERVAL=7;COUNT=3", "BYDAY"),
        ("FREQ=DAILY;BYMONTHDAY=31;COUNT=3", "BYMONTHDAY"),
        ("FREQ=WEEKLY;BYDAY=1MO;COUNT=3", "BYDAY"),
        ("FREQ=MONTHLY;BYDAY=MO;COUNT=3", "BYDAY"),
        ("FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=2;COUNT=3", "BYDAY"),
        ("FREQ=MONTHLY;BYMONTHDAY=32;COUNT=3", "BYMONTHDAY"),
        ("FREQ=MONTHLY;BYMONTHDAY=0;COUNT=3", "BYMONTHDAY"),
        ("FREQ=MONTHLY;BYMONTHDAY=31;INTERVAL=12;COUNT=3", "COUNT"),
        ("FREQ=DAILY;COUNT=3;BYEASTER=0", "BYEASTER"),
        ("FREQ=DAILY;COUNT=3;BYSECOND=1", "BYSECOND"),
        ("FREQ=DAILY;COUNT=3;COUNT=3", "COUNT"),
        ("FREQ=DAILY;COUNT=3;", ""),
        ("RRULE:FREQ=DAILY;COUNT=3", "RRULE:FREQ"),
        ("FREQ=WEEKLY;BYDAY=TU;COUNT=3", "begin"),
    ],
)
def test_rules_that_are_not_taken(rule: str, part: str) -> None:
    with pytest.raises(RecurrenceInvalid) as refused:
        windows(rule)
    assert refused.value.extra["part"] == part


def test_a_visit_of_more_than_a_day_does_not_recur() -> None:
    with pytest.raises(RecurrenceInvalid):
        windows("FREQ=WEEKLY;COUNT=2", hours=25)


def test_every_day_left_out_is_no_visit() -> None:
    with pytest.raises(RecurrenceInvalid):
        windows("FREQ=DAILY;COUNT=1", excepted=(date(2026, 11, 2),))


PARTS = st.sampled_from(
    ["FREQ=DAILY", "FREQ=WEEKLY", "FREQ=MONTHLY", "FREQ=MINUTELY", "COUNT=60", "COUNT=7", "UNTIL=20270301",
     "UNTIL=20270301T101500Z", "INTERVAL=12", "INTERVAL=5", "BYDAY=MO,FR", "BYDAY=-5MO", "BYDAY=5SU,1MO",
     "BYMONTHDAY=31", "BYMONTHDAY=-31,29", "BYSETPOS=366", "BYMONTH=2", "BYYEARDAY=366", "BYWEEKNO=53", "WKST=SU"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    parts=st.lists(PARTS, max_size=5, unique=True),
    day=st.dates(date(2026, 1, 1), date(2028, 12, 31)),
    zone=st.sampled_from([SHANGHAI, BERLIN, ZoneInfo("America/New_York")]),
)
def test_no_rule_keeps_the_search_going_or_leaves_its_bounds(parts: list[str], day: date, zone: ZoneInfo) -> None:
    begin = datetime(day.year, day.month, day.day, 3, 30, tzinfo=zone)
    steps = 0
    dayset = dateutil.rrule._iterinfo.mdayset

    def counted(self: dateutil.rrule._iterinfo, year: int, month: int, day: int) -> object:
        nonlocal steps
        steps += 1
        assert steps < 10_000
        return dayset(self, year, month, day)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dateutil.rrule._iterinfo, "mdayset", counted)
        try:
            found = expand(";".join(parts), begin=begin, until=begin + timedelta(hours=3), zone=zone)
        except RecurrenceInvalid:
            return
    assert 0 < len(found) <= MOST_OCCURRENCES
    assert found == sorted(found)
    assert all(timedelta(0) < until - at <= LONGEST_VISIT + timedelta(hours=1) for at, until in found)
    assert found[-1][0] <= begin.astimezone(UTC) + LONGEST_SERIES + timedelta(days=1)

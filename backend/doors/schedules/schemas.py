"""Requests and responses about hours and special days."""

from datetime import date
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.doors.hours import DAY_MINUTES, Day, Schedule, Span, Weekday
from backend.doors.schedules.repository import DayRow, HoursRow, ScheduleRow
from backend.doors.schemas import Name
from gate_sdk.wire import GrantKind

__all__ = ["CalendarDay", "CalendarYear", "HourRule", "Hours", "ScheduleFields", "ScheduleList", "WeekSpan"]

Begin = Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$", description="Wall clock, 00:00 to 23:59")]
Until = Annotated[
    str,
    Meta(
        pattern="^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
        description="Wall clock, up to 24:00; not later than the beginning, it is in the next day",
    ),
]


class WeekSpan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Open on such days from ``begin`` to ``until``, by the community's own clocks."""

    day: Day
    begin: Begin
    until: Until

    def span(self) -> Span:
        """In minutes."""
        begin, until = _minutes(self.begin), _minutes(self.until)
        return Span(self.day, begin, until if until > begin else until + DAY_MINUTES)

    @classmethod
    def of(cls, span: Span) -> "WeekSpan":
        """From minutes."""
        until = span.until - DAY_MINUTES if span.until > DAY_MINUTES else span.until
        return cls(day=span.day, begin=_clock(span.begin), until=_clock(until))


class ScheduleFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A schedule as it is to be. Without ``own_holidays`` a holiday is a day like any other."""

    name: Name
    week: Annotated[list[WeekSpan], Meta(max_length=64)]
    own_holidays: bool = False

    def schedule(self) -> Schedule:
        """The week in minutes."""
        return Schedule(week=tuple(span.span() for span in self.week), own_holidays=self.own_holidays)


class NamedSchedule(msgspec.Struct, frozen=True):
    """A schedule of the community."""

    schedule_id: UUID
    name: str
    week: tuple[WeekSpan, ...]
    own_holidays: bool

    @classmethod
    def of(cls, row: ScheduleRow) -> "NamedSchedule":
        """From the database's row."""
        week = row.schedule
        return cls(row.schedule_id, row.name, tuple(WeekSpan.of(span) for span in week.week), week.own_holidays)


class ScheduleList(msgspec.Struct, frozen=True):
    """The community's schedules by name."""

    schedules: tuple[NamedSchedule, ...]


class HourRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That a kind of person goes by a schedule: at the doors of a group, or at every door whose groups say nothing."""

    kind: GrantKind
    schedule_id: UUID
    group_id: UUID | None = None

    def row(self) -> HoursRow:
        """As the database has it."""
        return HoursRow(group_id=self.group_id, kind=self.kind.value, schedule_id=self.schedule_id)


class Hours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of a community's hours. Kinds and doors without any are open at every hour, as residents are by default."""

    hours: Annotated[list[HourRule], Meta(max_length=404)]

    @classmethod
    def of(cls, rows: list[HoursRow]) -> "Hours":
        """From the database's rows."""
        return cls([HourRule(GrantKind(row.kind), row.schedule_id, row.group_id) for row in rows])


class CalendarDay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A day that is not what the calendar says: a holiday, or one that is worked like the weekday ``works_as``."""

    day: date
    name: Name
    works_as: Weekday | None = None


class CalendarYear(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All special days of a year."""

    days: Annotated[list[CalendarDay], Meta(max_length=366)]

    @classmethod
    def of(cls, rows: list[DayRow]) -> "CalendarYear":
        """From the database's rows."""
        return cls([CalendarDay(row.day, row.name, row.works_as) for row in rows])


def _minutes(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"

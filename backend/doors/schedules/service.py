"""Rules of schedules. Whoever changes something here publishes the plan in the same transaction."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import asyncpg

from backend.doors.errors import (
    HoursRepeated,
    ScheduleExists,
    ScheduleInUse,
    ScheduleInvalid,
    ScheduleNotFound,
    ScheduleUnknown,
    TooManyDoors,
)
from backend.doors.hours import Schedule
from backend.doors.schedules import repository
from backend.doors.schedules.repository import DayRow, HoursRow, ScheduleRow
from backend.doors.service import require_groups
from backend.kit.db import Connection

__all__ = ["MOST_SCHEDULES", "change", "create", "days_of", "get", "remove", "set_hours", "set_year"]

MOST_SCHEDULES = 50


async def create(conn: Connection, *, community_id: UUID, name: str, schedule: Schedule, now: datetime) -> UUID:
    """A new schedule.

    Raises:
        ScheduleExists: there is one of that name.
        ScheduleInvalid: holidays are named that are days like any other.
        TooManyDoors: there are :data:`MOST_SCHEDULES`.
    """
    _check(schedule)
    try:
        schedule_id = await repository.insert_schedule(
            conn, community_id=community_id, name=name, schedule=schedule, most=MOST_SCHEDULES, now=now
        )
    except asyncpg.UniqueViolationError:
        raise ScheduleExists from None
    if schedule_id is None:
        raise TooManyDoors
    return schedule_id


async def get(conn: Connection, *, community_id: UUID, schedule_id: UUID) -> ScheduleRow:
    """One schedule.

    Raises:
        ScheduleNotFound: there is no such schedule.
    """
    row = await repository.get_schedule(conn, community_id=community_id, schedule_id=schedule_id)
    if row is None:
        raise ScheduleNotFound
    return row


async def days_of(conn: Connection, *, community_id: UUID, year: int) -> list[DayRow]:
    """The special days of a year."""
    rows = await repository.list_days(conn, community_id=community_id)
    return [row for row in rows if row.day.year == year]


async def change(conn: Connection, *, community_id: UUID, schedule_id: UUID, name: str, schedule: Schedule) -> None:
    """Give a schedule another name and week.

    Raises:
        ScheduleNotFound: there is no such schedule.
        ScheduleExists: another has that name.
        ScheduleInvalid: holidays are named that are days like any other.
    """
    _check(schedule)
    try:
        found = await repository.update_schedule(
            conn, community_id=community_id, schedule_id=schedule_id, name=name, schedule=schedule
        )
    except asyncpg.UniqueViolationError:
        raise ScheduleExists from None
    if not found:
        raise ScheduleNotFound


async def remove(conn: Connection, *, community_id: UUID, schedule_id: UUID) -> None:
    """Delete a schedule.

    Raises:
        ScheduleNotFound: there is no such schedule.
        ScheduleInUse: doors go by it.
    """
    try:
        found = await repository.delete_schedule(conn, community_id=community_id, schedule_id=schedule_id)
    except asyncpg.ForeignKeyViolationError:
        raise ScheduleInUse from None
    if not found:
        raise ScheduleNotFound


async def set_hours(conn: Connection, *, community_id: UUID, hours: Sequence[HoursRow]) -> None:
    """Let these hours go and no others.

    Raises:
        DoorGroupUnknown: a group is not the community's.
        ScheduleUnknown: a schedule is not the community's.
        HoursRepeated: two are for the same doors and kind.
    """
    if len({(row.group_id, row.kind) for row in hours}) != len(hours):
        raise HoursRepeated
    await require_groups(
        conn, community_id=community_id, limits=[(row.group_id,) for row in hours if row.group_id is not None]
    )
    try:
        await repository.replace_hours(conn, community_id=community_id, hours=hours)
    except asyncpg.ForeignKeyViolationError:
        raise ScheduleUnknown from None
    except asyncpg.UniqueViolationError:
        # Two members of staff at the same moment: whoever came first has set other hours.
        raise HoursRepeated from None


async def set_year(conn: Connection, *, community_id: UUID, year: int, days: Sequence[DayRow]) -> None:
    """Let these be the special days of a year, and no others.

    Raises:
        ScheduleInvalid: a day is of another year, or stands there twice.
    """
    if any(row.day.year != year for row in days) or len({row.day for row in days}) != len(days):
        raise ScheduleInvalid
    await repository.replace_days(
        conn, community_id=community_id, begin=date(year, 1, 1), until=date(year + 1, 1, 1), days=days
    )


def _check(schedule: Schedule) -> None:
    if not schedule.own_holidays and any(span.day == "holiday" for span in schedule.week):
        raise ScheduleInvalid

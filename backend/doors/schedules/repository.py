"""SQL of schedules, special days, and which hours go for whom."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec

from backend.doors.hours import Schedule, Span, SpecialDay, Weekday
from backend.kit.db import Connection, affected, fetch_all, fetch_one

__all__ = [
    "DayRow",
    "HoursRow",
    "ScheduleRow",
    "delete_schedule",
    "get_schedule",
    "insert_schedule",
    "list_days",
    "list_hours",
    "list_schedules",
    "replace_days",
    "replace_hours",
    "update_schedule",
]


class ScheduleRow(msgspec.Struct, frozen=True):
    """A named week."""

    schedule_id: UUID
    name: str
    week: str
    own_holidays: bool

    @property
    def schedule(self) -> Schedule:
        """The week, read."""
        return Schedule(week=msgspec.json.decode(self.week, type=tuple[Span, ...]), own_holidays=self.own_holidays)


class DayRow(msgspec.Struct, frozen=True):
    """A special day and what it is called."""

    day: date
    name: str
    works_as: Weekday | None

    @property
    def special(self) -> SpecialDay:
        """What it is, whichever day that is."""
        return SpecialDay(self.works_as)


class HoursRow(msgspec.Struct, frozen=True):
    """Which schedule goes for a kind of person at a group's doors, or at every door."""

    group_id: UUID | None
    kind: str
    schedule_id: UUID


class _Id(msgspec.Struct, frozen=True):
    id: UUID


async def insert_schedule(
    conn: Connection, *, community_id: UUID, name: str, schedule: Schedule, most: int, now: datetime
) -> UUID | None:
    """A new schedule; None where there are ``most`` already.

    Raises:
        asyncpg.UniqueViolationError: there is one of that name.
    """
    row = await fetch_one(
        conn,
        _Id,
        """
        INSERT INTO schedule (community_id, name, week, own_holidays, created_at)
        SELECT $1, $2, $3::jsonb, $4, $5 WHERE (SELECT count(*) FROM schedule WHERE community_id = $1) < $6
        RETURNING schedule_id AS id
        """,
        community_id, name, _text(schedule), schedule.own_holidays, now, most,
    )  # fmt: skip
    return None if row is None else row.id


async def update_schedule(
    conn: Connection, *, community_id: UUID, schedule_id: UUID, name: str, schedule: Schedule
) -> bool:
    """Give a schedule another name and week; whether there is one."""
    status = await conn.execute(
        """
        UPDATE schedule SET name = $3, week = $4::jsonb, own_holidays = $5
        WHERE community_id = $1 AND schedule_id = $2
        """,
        community_id, schedule_id, name, _text(schedule), schedule.own_holidays,
    )  # fmt: skip
    return affected(status) == 1


async def delete_schedule(conn: Connection, *, community_id: UUID, schedule_id: UUID) -> bool:
    """Delete a schedule; whether there was one.

    Raises:
        asyncpg.ForeignKeyViolationError: doors go by it.
    """
    status = await conn.execute(
        "DELETE FROM schedule WHERE community_id = $1 AND schedule_id = $2", community_id, schedule_id
    )
    return affected(status) == 1


async def get_schedule(conn: Connection, *, community_id: UUID, schedule_id: UUID) -> ScheduleRow | None:
    """One schedule."""
    return await fetch_one(
        conn,
        ScheduleRow,
        """
        SELECT schedule_id, name, week::text AS week, own_holidays FROM schedule
        WHERE community_id = $1 AND schedule_id = $2
        """,
        community_id, schedule_id,
    )  # fmt: skip


async def list_schedules(conn: Connection, *, community_id: UUID) -> list[ScheduleRow]:
    """The community's schedules by name."""
    return await fetch_all(
        conn,
        ScheduleRow,
        """
        SELECT schedule_id, name, week::text AS week, own_holidays FROM schedule
        WHERE community_id = $1 ORDER BY name, schedule_id
        """,
        community_id,
    )


async def list_days(conn: Connection, *, community_id: UUID) -> list[DayRow]:
    """The community's special days in order."""
    return await fetch_all(
        conn, DayRow, "SELECT day, name, works_as FROM calendar_day WHERE community_id = $1 ORDER BY day", community_id
    )


async def replace_days(
    conn: Connection, *, community_id: UUID, begin: date, until: date, days: Sequence[DayRow]
) -> None:
    """These and no others are the special days in [``begin``, ``until``)."""
    await conn.execute(
        "DELETE FROM calendar_day WHERE community_id = $1 AND day >= $2 AND day < $3", community_id, begin, until
    )
    await conn.executemany(
        "INSERT INTO calendar_day (community_id, day, name, works_as) VALUES ($1, $2, $3, $4)",
        [(community_id, row.day, row.name, row.works_as) for row in days],
    )


async def list_hours(conn: Connection, *, community_id: UUID) -> list[HoursRow]:
    """Which schedules go for whom, the community's own first."""
    return await fetch_all(
        conn,
        HoursRow,
        """
        SELECT group_id, kind, schedule_id FROM door_hours
        WHERE community_id = $1 ORDER BY group_id NULLS FIRST, kind
        """,
        community_id,
    )


async def replace_hours(conn: Connection, *, community_id: UUID, hours: Sequence[HoursRow]) -> None:
    """These and no others go.

    Raises:
        asyncpg.ForeignKeyViolationError: a group or schedule is not the community's.
        asyncpg.UniqueViolationError: two are for the same doors and kind.
    """
    await conn.execute("DELETE FROM door_hours WHERE community_id = $1", community_id)
    await conn.executemany(
        "INSERT INTO door_hours (community_id, group_id, kind, schedule_id) VALUES ($1, $2, $3, $4)",
        [(community_id, row.group_id, row.kind, row.schedule_id) for row in hours],
    )


def _text(schedule: Schedule) -> str:
    return msgspec.json.encode(schedule.week).decode()

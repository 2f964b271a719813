"""Staff: schedules, hours, special days."""

from typing import Annotated
from uuid import UUID

from litestar import Router, delete, get, post, put
from litestar.params import Parameter

from backend.audit import service as audit
from backend.doors.errors import (
    DoorGroupUnknown,
    HoursRepeated,
    ScheduleExists,
    ScheduleInUse,
    ScheduleInvalid,
    ScheduleNotFound,
    ScheduleUnknown,
    TooManyDoors,
)
from backend.doors.plans.service import publish
from backend.doors.repository import hold
from backend.doors.schedules import repository, service
from backend.doors.schedules.repository import DayRow
from backend.doors.schedules.schemas import CalendarYear, Hours, NamedSchedule, ScheduleFields, ScheduleList
from backend.doors.schemas import Created
from backend.kit.auth import Permission, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.etag import IfMatchNeeded, PreconditionFailed, PreconditionRequired, require_match
from backend.kit.problems import Forbidden, NotFound, Unauthorised, problems

__all__ = ["staff_router"]

Year = Annotated[int, Parameter(ge=2020, le=2100)]
_MATCH = (PreconditionFailed, PreconditionRequired)


@get(
    "/schedules",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(Unauthorised, Forbidden, NotFound),
    summary="List schedules",
)
async def list_schedules(community_id: UUID, db: Database) -> ScheduleList:
    """The community's schedules."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        rows = await repository.list_schedules(conn, community_id=community_id)
    return ScheduleList(tuple(NamedSchedule.of(row) for row in rows))


@post(
    "/schedules",
    opt={"needs": Permission.DOORS},
    responses=problems(Unauthorised, Forbidden, NotFound, ScheduleExists, ScheduleInvalid, TooManyDoors),
    summary="Create a schedule",
)
async def create_schedule(
    community_id: UUID, data: ScheduleFields, staff: StaffMember, db: Database, clock: Clock
) -> Created:
    """A week of hours. It goes for nobody until `PUT .../hours` names it."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        schedule_id = await service.create(
            conn, community_id=community_id, name=data.name, schedule=data.schedule(), now=clock()
        )
        await audit.record_of_staff(conn, community_id, staff, "schedule.create", f"schedule:{schedule_id}")
    return Created(schedule_id)


@get(
    "/schedules/{schedule_id:uuid}",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(Unauthorised, Forbidden, ScheduleNotFound),
    summary="Read a schedule",
)
async def read_schedule(community_id: UUID, schedule_id: UUID, db: Database) -> NamedSchedule:
    """A schedule; its ETag goes with an edit."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        return NamedSchedule.of(await service.get(conn, community_id=community_id, schedule_id=schedule_id))


@put(
    "/schedules/{schedule_id:uuid}",
    opt={"needs": Permission.DOORS},
    responses=problems(Unauthorised, Forbidden, ScheduleNotFound, ScheduleExists, ScheduleInvalid, *_MATCH),
    status_code=204,
    summary="Change a schedule",
)
async def change_schedule(
    community_id: UUID,
    schedule_id: UUID,
    data: ScheduleFields,
    staff: StaffMember,
    db: Database,
    clock: Clock,
    if_match: IfMatchNeeded = None,
) -> None:
    """Give a schedule another name and week; the gates that go by it hear of it at once."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await hold(conn, community_id=community_id)
        before = await service.get(conn, community_id=community_id, schedule_id=schedule_id)
        require_match(if_match, NamedSchedule.of(before), needed=True)
        await service.change(
            conn, community_id=community_id, schedule_id=schedule_id, name=data.name, schedule=data.schedule()
        )
        await audit.record_of_staff(conn, community_id, staff, "schedule.change", f"schedule:{schedule_id}")
        await publish(conn, community_id=community_id, now=clock())


@delete(
    "/schedules/{schedule_id:uuid}",
    opt={"needs": Permission.DOORS},
    responses=problems(Unauthorised, Forbidden, ScheduleNotFound, ScheduleInUse),
    summary="Delete a schedule",
)
async def delete_schedule(community_id: UUID, schedule_id: UUID, staff: StaffMember, db: Database) -> None:
    """Delete a schedule that no hours name."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await service.remove(conn, community_id=community_id, schedule_id=schedule_id)
        await audit.record_of_staff(conn, community_id, staff, "schedule.delete", f"schedule:{schedule_id}")


@get(
    "/hours",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(Unauthorised, Forbidden, NotFound),
    summary="Read the hours",
)
async def read_hours(community_id: UUID, db: Database) -> Hours:
    """Which schedule goes for whom at which doors."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        return Hours.of(await repository.list_hours(conn, community_id=community_id))


@put(
    "/hours",
    opt={"needs": Permission.DOORS},
    responses=problems(Unauthorised, Forbidden, NotFound, DoorGroupUnknown, ScheduleUnknown, HoursRepeated, *_MATCH),
    summary="Set the hours",
)
async def set_hours(
    community_id: UUID, data: Hours, staff: StaffMember, db: Database, clock: Clock, if_match: IfMatchNeeded = None
) -> Hours:
    """Set all of the community's hours; what is not named is open at every hour. The gates hear of it at once."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await hold(conn, community_id=community_id)
        before = Hours.of(await repository.list_hours(conn, community_id=community_id))
        require_match(if_match, before, needed=True)
        await service.set_hours(conn, community_id=community_id, hours=[rule.row() for rule in data.hours])
        await audit.record_of_staff(conn, community_id, staff, "hours.set", f"community:{community_id}")
        await publish(conn, community_id=community_id, now=clock())
        return Hours.of(await repository.list_hours(conn, community_id=community_id))


@get(
    "/calendar",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(Unauthorised, Forbidden, NotFound),
    summary="Read the special days",
)
async def read_calendar(community_id: UUID, db: Database) -> CalendarYear:
    """Holidays, and days off that are worked instead, of all years."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        return CalendarYear.of(await repository.list_days(conn, community_id=community_id))


@get(
    "/calendar/{year:int}",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(Unauthorised, Forbidden, NotFound),
    summary="Read a year's special days",
)
async def read_year(community_id: UUID, year: Year, db: Database) -> CalendarYear:
    """Holidays, and days off that are worked instead, of a year; its ETag goes with an edit."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        return CalendarYear.of(await service.days_of(conn, community_id=community_id, year=year))


@put(
    "/calendar/{year:int}",
    opt={"needs": Permission.DOORS},
    responses=problems(Unauthorised, Forbidden, NotFound, ScheduleInvalid, *_MATCH),
    status_code=204,
    summary="Set a year's special days",
)
async def set_calendar(
    community_id: UUID,
    year: Year,
    data: CalendarYear,
    staff: StaffMember,
    db: Database,
    clock: Clock,
    if_match: IfMatchNeeded = None,
) -> None:
    """Set the year's holidays and the days that are worked in their place, all at once."""
    rows = [DayRow(day.day, day.name, day.works_as) for day in data.days]
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await hold(conn, community_id=community_id)
        before = CalendarYear.of(await service.days_of(conn, community_id=community_id, year=year))
        require_match(if_match, before, needed=True)
        await service.set_year(conn, community_id=community_id, year=year, days=rows)
        await audit.record_of_staff(conn, community_id, staff, "calendar.set", f"calendar:{year}")
        await publish(conn, community_id=community_id, now=clock())


staff_router = Router(
    path="/communities/{community_id:uuid}",
    route_handlers=[
        list_schedules,
        create_schedule,
        read_schedule,
        change_schedule,
        delete_schedule,
        read_hours,
        set_hours,
        read_calendar,
        read_year,
        set_calendar,
    ],
    tags=["schedules"],
)

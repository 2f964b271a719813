"""Staff: emergencies."""

from uuid import UUID

from litestar import Router, get, post

from backend.audit import service as audit
from backend.doors.emergencies import repository, service
from backend.doors.emergencies.schemas import Declaration, DeclaredEmergency, EmergencyList
from backend.doors.errors import DoorGroupUnknown, EmergencyNotFound, EmergencyOver
from backend.doors.plans.service import publish
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import Forbidden, NotFound, Unauthorised, problems
from backend.kit.windows import WindowEmpty, WindowTooLong

__all__ = ["staff_router"]

_MOST = 100


@post(
    "/",
    opt={"needs": Permission.EMERGENCY},
    responses=problems(
        Unauthorised, Forbidden, SecondFactorRequired, NotFound, DoorGroupUnknown, WindowEmpty, WindowTooLong
    ),
    summary="Declare an emergency",
)
async def declare(
    community_id: UUID, data: Declaration, staff: StaffMember, db: Database, clock: Clock
) -> DeclaredEmergency:
    """Unlock doors for everybody, or lock them down for all but some, until a given time within 24 hours.

    Gates that are connected obey in well under a second, and go on to its end when they lose their network. The latest
    order that goes for a door counts.
    """
    now = clock()
    async with db.transaction(Scope(community_id=community_id)) as conn:
        row = await service.declare(conn, community_id=community_id, order=data, staff_id=staff.staff_id, now=now)
        await audit.record_of_staff(
            conn, community_id, staff, f"emergency.{row.mode}", f"emergency:{row.emergency_id}", reason=row.reason
        )
        plan = await publish(conn, community_id=community_id, now=now)
    return DeclaredEmergency.of(row, plan=plan)


@post(
    "/{emergency_id:uuid}/end",
    opt={"needs": Permission.EMERGENCY},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, EmergencyNotFound, EmergencyOver),
    status_code=204,
    summary="End an emergency",
)
async def end(community_id: UUID, emergency_id: UUID, staff: StaffMember, db: Database, clock: Clock) -> None:
    """End an order before its time; one that was declared before it and is not over goes again."""
    now = clock()
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await service.end(conn, community_id=community_id, emergency_id=emergency_id, staff_id=staff.staff_id, now=now)
        await audit.record_of_staff(conn, community_id, staff, "emergency.end", f"emergency:{emergency_id}")
        await publish(conn, community_id=community_id, now=now)


@get(
    "/",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(Unauthorised, Forbidden, NotFound),
    summary="List emergencies",
)
async def list_emergencies(community_id: UUID, db: Database) -> EmergencyList:
    """The latest orders. Which gates go by them: compare `plan` of the gates with the list's own."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        rows = await repository.list_emergencies(conn, community_id=community_id, limit=_MOST)
    return EmergencyList(tuple(DeclaredEmergency.of(row) for row in rows))


staff_router = Router(
    path="/communities/{community_id:uuid}/emergencies",
    route_handlers=[declare, end, list_emergencies],
    tags=["emergencies"],
)

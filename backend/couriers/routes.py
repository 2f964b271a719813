"""Couriers on each surface. Staff: how long their faces are kept."""

from litestar import Router, get, put

from backend.audit import service as audit
from backend.couriers import repository
from backend.couriers.deliveries import routes as deliveries
from backend.couriers.employments import routes as employments
from backend.couriers.employments.bulk import routes as many_employments
from backend.couriers.sandbox import routes as sandbox
from backend.couriers.schemas import CourierFaces
from backend.couriers.shifts import routes as shifts
from backend.couriers.shifts.bulk import routes as many_shifts
from backend.couriers.suspensions import routes as suspensions
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.db import Database, Scope
from backend.kit.problems import Forbidden, Unauthorised, problems

__all__ = ["partner_router", "resident_router", "staff_router"]


@get(
    "/",
    opt={"needs": Permission.PARTNERS_READ},
    responses=problems(Unauthorised, Forbidden),
    summary="Read how long couriers' faces are kept",
)
async def read_face_days(staff: StaffMember, db: Database) -> CourierFaces:
    """Days from a courier's leaving the last company of this authority that names him to the erasure of his face."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        return CourierFaces(await repository.get_face_days(conn, authority_id=staff.authority_id))


@put(
    "/",
    opt={"needs": Permission.PARTNERS},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired),
    summary="Set how long couriers' faces are kept",
)
async def set_face_days(data: CourierFaces, staff: StaffMember, db: Database) -> CourierFaces:
    """Seven days unless set. Who has worked for companies of several authorities is erased by the shortest time."""
    async with db.transaction(Scope(platform=True)) as conn:
        await repository.set_face_days(conn, authority_id=staff.authority_id, days=data.days)
        await audit.record(
            conn,
            community_id=None,
            actor=f"staff:{staff.staff_id}",
            action="courier-faces.set",
            target=f"retention:courier_faces/{data.days}",
        )
    return data


partner_router = Router(
    path="/",
    route_handlers=[
        employments.partner_router,
        many_employments.partner_router,
        shifts.partner_router,
        many_shifts.partner_router,
        sandbox.partner_router,
        deliveries.partner_router,
    ],
)
resident_router = deliveries.resident_router
staff_router = Router(
    path="/",
    route_handlers=[
        suspensions.staff_router,
        Router(path="/courier-faces", route_handlers=[read_face_days, set_face_days]),
    ],
    tags=["partners"],
)

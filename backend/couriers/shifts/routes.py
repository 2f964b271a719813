"""Companies: their shifts."""

from uuid import UUID

from litestar import Response, Router, delete, post

from backend.audit import service as audit
from backend.couriers import settling
from backend.couriers.employments.errors import WorkerNotFound
from backend.couriers.rules import WINDOW_REFUSALS
from backend.couriers.shifts import repository as shifts
from backend.couriers.shifts import service
from backend.couriers.shifts.errors import ShiftNotFound
from backend.couriers.shifts.schemas import NewShift, Shift
from backend.couriers.suspensions.errors import CourierSuspended
from backend.keys.service import Keys
from backend.kit.auth import PartnerPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import Unauthorised, problems
from backend.partners.errors import InsufficientScope, PartnerNotAdmitted

__all__ = ["partner_router"]


@post(
    "/",
    opt={"needs": "shifts:write"},
    responses=problems(
        Unauthorised, InsufficientScope, PartnerNotAdmitted, WorkerNotFound, CourierSuspended, *WINDOW_REFUSALS
    ),
    summary="Assert a shift",
)
async def assert_shift(
    data: NewShift, partner: PartnerPrincipal, db: Database, keys: Keys, clock: Clock
) -> Response[Shift]:
    """A worker is at a community for one window. The same assertion again answers 200 and the same shift."""
    now = clock()
    async with db.transaction(Scope(community_id=data.community_id, platform=True)) as conn:
        shift, made = await service.assert_shift(
            conn,
            community_id=data.community_id,
            partner_id=partner.partner_id,
            worker_id=data.worker_id,
            starts_at=data.starts_at,
            ends_at=data.ends_at,
            now=now,
        )
        if made:
            await audit.record(
                conn,
                community_id=data.community_id,
                actor=f"partner:{partner.partner_id}",
                action="shift.assert",
                target=f"shift:{shift.shift_id}",
            )
    await settling.attach_worker(
        db,
        keys,
        community_id=data.community_id,
        subject_id=shift.subject_id,
        partner_id=partner.partner_id,
        worker_id=data.worker_id,
        now=now,
    )
    return Response(Shift.of(shift, now), status_code=201 if made else 200)


@delete(
    "/{shift_id:uuid}",
    opt={"needs": "shifts:write"},
    responses=problems(Unauthorised, InsufficientScope, ShiftNotFound),
    summary="End a shift",
)
async def end_shift(shift_id: UUID, partner: PartnerPrincipal, db: Database, clock: Clock) -> None:
    """End a shift, and with it the right to pass, at once."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        shift = await shifts.get_shift(conn, partner_id=partner.partner_id, shift_id=shift_id)
    if shift is None:
        raise ShiftNotFound
    async with db.transaction(Scope(community_id=shift.community_id)) as conn:
        await service.end_shift(
            conn,
            community_id=shift.community_id,
            partner_id=partner.partner_id,
            shift_id=shift_id,
            now=clock(),
        )
        await audit.record(
            conn,
            community_id=shift.community_id,
            actor=f"partner:{partner.partner_id}",
            action="shift.end",
            target=f"shift:{shift_id}",
        )


partner_router = Router(path="/shifts", route_handlers=[assert_shift, end_shift], tags=["shifts"])

"""Visitors: the invitation behind a link, for guests and for couriers; a courier's companies."""

from uuid import UUID

from litestar import Router, delete, get, post

from backend.audit import service as audit
from backend.couriers import settling
from backend.couriers.employments import repository as couriers
from backend.couriers.employments import service as courier_rules
from backend.couriers.employments.schemas import Employer, EmployerList
from backend.doors.errors import DoorGroupUnknown
from backend.enrolment import service as enrolment
from backend.keys.service import Keys
from backend.kit.auth import VisitorPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database
from backend.kit.problems import Unauthorised, problems
from backend.links import service as links
from backend.links.errors import LinkClosed, LinkExpired, LinkHeld, LinkUnknown
from backend.visitors import service
from backend.visitors.errors import CompanyNotFound, GuestDaysSpent
from backend.visitors.invitations.answers import employment_of, of_employment, of_pass, scope_of
from backend.visitors.schemas import Invitation

__all__ = ["visitor_router"]

_LINK = (Unauthorised, LinkUnknown, LinkHeld, LinkClosed, LinkExpired)


@get(
    "/invitation",
    opt={"after_end": "word", "unproven": True},
    responses=problems(*_LINK),
    summary="Read the invitation",
)
async def read_invitation(visitor: VisitorPrincipal, db: Database, clock: Clock) -> Invitation:
    """What the link invites to, and where it stands."""
    now = clock()
    async with db.transaction(scope_of(visitor), read_only=True) as conn:
        if visitor.kind == "guest":
            return await of_pass(conn, await service.read_own(conn, visitor=visitor), now)
        session = await links.current(conn, principal=visitor, now=now)
        return of_employment(await employment_of(conn, visitor=visitor, partner_id=session.inviting_partner_id))


@post(
    "/invitation/accept",
    status_code=200,
    opt={"unproven": True},
    responses=problems(*_LINK, GuestDaysSpent, DoorGroupUnknown),
    summary="Accept the invitation",
)
async def accept_invitation(visitor: VisitorPrincipal, db: Database, keys: Keys, clock: Clock) -> Invitation:
    """Say yes, on this phone, for oneself: from now on the link is this phone's.

    A guest may then pass in his window, and his face opens gates once he has consented and enrolled. A courier
    is then the company's worker, and its shifts and deliveries count.
    """
    now = clock()
    async with db.transaction(scope_of(visitor)) as conn:
        if visitor.kind == "guest":
            row = await service.accept(conn, visitor=visitor, now=now)
            answer = await of_pass(conn, row, now)
            target, community_id = f"pass:{row.pass_id}", visitor.community_id
        else:
            session = await links.current(conn, principal=visitor, now=now)
            if session.inviting_partner_id is None:
                raise LinkUnknown
            employment = await courier_rules.accept(
                conn,
                partner_id=session.inviting_partner_id,
                courier_id=visitor.invitation_id,
                session_id=visitor.session_id,
                now=now,
            )
            answer = of_employment(employment)
            target, community_id = f"partner:{employment.partner_id}", None
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"{visitor.kind}:{visitor.person_id}",
            action="invitation.accept",
            target=target,
        )
    if visitor.kind == "courier":
        await settling.settle(db, keys, partner_id=employment.partner_id, worker_id=employment.worker_id, now=now)
    elif row.subject_id is not None:
        await enrolment.attach(
            db,
            keys,
            community_id=row.community_id,
            subject_id=row.subject_id,
            person_id=visitor.person_id,
            now=now,
        )
    return answer


@get(
    "/companies",
    opt={"after_end": "rights", "unproven": True},
    responses=problems(Unauthorised, LinkHeld, LinkClosed, LinkExpired),
    summary="List companies",
)
async def list_companies(visitor: VisitorPrincipal, db: Database) -> EmployerList:
    """A courier's companies, those he has not answered too; none for guests."""
    if visitor.kind != "courier":
        return EmployerList(())
    async with db.transaction(scope_of(visitor), read_only=True) as conn:
        rows = await couriers.list_employments_of_courier(conn, courier_id=visitor.invitation_id)
    return EmployerList(tuple(Employer.of(row) for row in rows))


@delete(
    "/companies/{partner_id:uuid}",
    opt={"after_end": "rights", "unproven": True},
    responses=problems(Unauthorised, CompanyNotFound, LinkHeld, LinkClosed, LinkExpired),
    summary="Leave a company",
)
async def leave_company(partner_id: UUID, visitor: VisitorPrincipal, db: Database, keys: Keys, clock: Clock) -> None:
    """A courier is no longer this company's worker: his rights to pass that it asserted end at once."""
    now = clock()
    async with db.transaction(scope_of(visitor)) as conn:
        employment = None
        if visitor.kind == "courier":
            employment = await couriers.find_employment_of_courier(
                conn, partner_id=partner_id, courier_id=visitor.invitation_id
            )
        if employment is None:
            raise CompanyNotFound
        await courier_rules.leave(conn, partner_id=partner_id, courier_id=visitor.invitation_id, now=now)
        await audit.record(
            conn,
            community_id=None,
            actor=f"courier:{visitor.person_id}",
            action="courier.leave",
            target=f"partner:{partner_id}",
        )
    await settling.settle(db, keys, partner_id=partner_id, worker_id=employment.worker_id, now=now)


visitor_router = Router(
    path="/",
    route_handlers=[read_invitation, accept_invitation, list_companies, leave_company],
    tags=["invitation"],
)

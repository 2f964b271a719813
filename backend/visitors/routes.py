"""Residents: passes. Visitors: the invitation behind a link, for guests and for couriers."""

from datetime import datetime
from uuid import UUID

from litestar import Router, delete, get, patch, post

from backend.audit import service as audit
from backend.communities import repository as communities
from backend.couriers import repository as couriers
from backend.couriers import service as courier_rules
from backend.couriers import settling
from backend.couriers.repository import EmploymentRow
from backend.couriers.rules import state_of_worker
from backend.couriers.schemas import Employer, EmployerList
from backend.enrolment import service as enrolment
from backend.households import service as households
from backend.households.errors import HomeNotFound, OutsideTenancy
from backend.keys.service import Keys
from backend.kit.auth import ResidentPrincipal, VisitorPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Unauthorised, problems
from backend.kit.windows import WindowEmpty, WindowOver, WindowTooFar, WindowTooLong
from backend.links import service as links
from backend.links.addresses import link_address
from backend.links.errors import LinkClosed, LinkExpired, LinkHeld, LinkUnknown
from backend.visitors import repository, service
from backend.visitors.errors import CompanyNotFound, GuestDaysSpent, PassNotFound, PassOver, TooManyPasses
from backend.visitors.repository import PassRow
from backend.visitors.rules import state_of
from backend.visitors.schemas import Invitation, NewPass, Pass, PassChange, PassCreated, PassPage

__all__ = ["resident_router", "visitor_router"]

_WINDOW = (WindowEmpty, WindowOver, WindowTooLong, WindowTooFar)
_LINK = (Unauthorised, LinkUnknown, LinkHeld, LinkClosed, LinkExpired)


@post(
    "/",
    responses=problems(Unauthorised, HomeNotFound, OutsideTenancy, TooManyPasses, GuestDaysSpent, *_WINDOW),
    summary="Invite a guest",
)
async def create_pass(
    community_id: UUID,
    home_id: UUID,
    data: NewPass,
    resident: ResidentPrincipal,
    db: Database,
    public_url: str,
    pepper: bytes,
    clock: Clock,
) -> PassCreated:
    """A pass for one window, and the link to send to the guest; it is pending until he accepts on his own phone."""
    now = clock()
    async with db.transaction(Scope(community_id=community_id, person_id=resident.person_id)) as conn:
        tenancy = await households.hold_home(
            conn, community_id=community_id, home_id=home_id, person_id=resident.person_id
        )
        invited = await service.invite(
            conn,
            tenancy=tenancy,
            host_person_id=resident.person_id,
            new=data,
            pepper=pepper,
            now=now,
        )
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"resident:{resident.person_id}",
            action="pass.create",
            target=f"pass:{invited.row.pass_id}",
        )
    return PassCreated(
        pass_id=invited.row.pass_id,
        link_token=invited.link_token,
        link=link_address(public_url, invited.link_token),
        valid_from=invited.row.valid_from,
        valid_until=invited.row.valid_until,
        state=state_of(invited.row, now),
    )


@get("/", responses=problems(Unauthorised, HomeNotFound, CursorInvalid), summary="List passes")
async def list_passes(
    community_id: UUID,
    home_id: UUID,
    resident: ResidentPrincipal,
    db: Database,
    clock: Clock,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> PassPage:
    """The home's passes, latest window first."""
    after = decode_cursor(cursor, tuple[datetime, UUID])
    scope = Scope(community_id=community_id, person_id=resident.person_id)
    async with db.transaction(scope, read_only=True) as conn:
        await households.require_home(conn, community_id=community_id, home_id=home_id, person_id=resident.person_id)
        rows = await repository.list_of_home(conn, community_id=community_id, home_id=home_id, after=after, limit=limit)
    page, next_cursor = split_page(rows, limit, lambda row: (row.valid_from, row.pass_id))
    now = clock()
    return PassPage(passes=tuple(Pass.of(row, now) for row in page), next_cursor=next_cursor)


@patch(
    "/{pass_id:uuid}",
    responses=problems(Unauthorised, HomeNotFound, OutsideTenancy, PassNotFound, PassOver, GuestDaysSpent, *_WINDOW),
    summary="Move a pass's window",
)
async def change_pass(
    community_id: UUID,
    home_id: UUID,
    pass_id: UUID,
    data: PassChange,
    resident: ResidentPrincipal,
    db: Database,
    clock: Clock,
) -> Pass:
    """Another window, at the gates too, at once."""
    now = clock()
    async with db.transaction(Scope(community_id=community_id, person_id=resident.person_id)) as conn:
        tenancy = await households.hold_home(
            conn, community_id=community_id, home_id=home_id, person_id=resident.person_id
        )
        row = await service.change(conn, tenancy=tenancy, pass_id=pass_id, change=data, now=now)
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"resident:{resident.person_id}",
            action="pass.change",
            target=f"pass:{pass_id}",
        )
    return Pass.of(row, now)


@delete("/{pass_id:uuid}", responses=problems(Unauthorised, HomeNotFound, PassNotFound), summary="Cancel a pass")
async def cancel_pass(
    community_id: UUID, home_id: UUID, pass_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock
) -> None:
    """End a pass at once, at the gates too; its link opens nothing any more."""
    async with db.transaction(Scope(community_id=community_id, person_id=resident.person_id)) as conn:
        await households.require_home(conn, community_id=community_id, home_id=home_id, person_id=resident.person_id)
        await service.cancel(conn, community_id=community_id, home_id=home_id, pass_id=pass_id, now=clock())
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"resident:{resident.person_id}",
            action="pass.cancel",
            target=f"pass:{pass_id}",
        )


@get("/invitation", responses=problems(*_LINK), summary="Read the invitation")
async def read_invitation(visitor: VisitorPrincipal, db: Database, clock: Clock) -> Invitation:
    """What the link invites to, and where it stands."""
    now = clock()
    async with db.transaction(_scope(visitor), read_only=True) as conn:
        if visitor.kind == "guest":
            return await _of_pass(conn, await service.read_own(conn, visitor=visitor), now)
        session = await links.current(conn, principal=visitor, now=now)
        return _of_employment(await _employment(conn, visitor=visitor, partner_id=session.inviting_partner_id))


@post("/invitation/accept", status_code=200, responses=problems(*_LINK), summary="Accept the invitation")
async def accept_invitation(visitor: VisitorPrincipal, db: Database, keys: Keys, clock: Clock) -> Invitation:
    """Say yes, on this phone, for oneself: from now on the link is this phone's.

    A guest may then pass in his window, and his face opens gates once he has consented and enrolled. A courier
    is then the company's worker, and its shifts and deliveries count.
    """
    now = clock()
    async with db.transaction(_scope(visitor)) as conn:
        if visitor.kind == "guest":
            row = await service.accept(conn, visitor=visitor, now=now)
            answer = await _of_pass(conn, row, now)
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
            answer = _of_employment(employment)
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


@post("/invitation/withdraw", status_code=200, responses=problems(*_LINK), summary="Decline or withdraw")
async def withdraw_invitation(visitor: VisitorPrincipal, db: Database, keys: Keys, clock: Clock) -> Invitation:
    """Say no, before or after having accepted: the right to pass ends at once.

    A guest's link ends with it. A courier keeps his session, so that he can read and withdraw his consents.
    """
    now = clock()
    async with db.transaction(_scope(visitor)) as conn:
        if visitor.kind == "guest":
            row = await service.withdraw(conn, visitor=visitor, now=now)
            answer = await _of_pass(conn, await service.read_own(conn, visitor=visitor), now)
            target, community_id = f"pass:{row.pass_id}", visitor.community_id
        else:
            session = await links.current(conn, principal=visitor, now=now)
            if session.inviting_partner_id is None:
                raise LinkUnknown
            employment = await courier_rules.leave(
                conn, partner_id=session.inviting_partner_id, courier_id=visitor.invitation_id, now=now
            )
            answer = _of_employment(employment)
            target, community_id = f"partner:{employment.partner_id}", None
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"{visitor.kind}:{visitor.person_id}",
            action="invitation.withdraw",
            target=target,
        )
    if visitor.kind == "courier":
        await settling.settle(db, keys, partner_id=employment.partner_id, worker_id=employment.worker_id, now=now)
    return answer


@get("/companies", responses=problems(Unauthorised, LinkHeld, LinkClosed, LinkExpired), summary="List companies")
async def list_companies(visitor: VisitorPrincipal, db: Database) -> EmployerList:
    """A courier's companies, those he has not answered too; none for guests."""
    if visitor.kind != "courier":
        return EmployerList(())
    async with db.transaction(_scope(visitor), read_only=True) as conn:
        rows = await couriers.list_employments_of_courier(conn, courier_id=visitor.invitation_id)
    return EmployerList(tuple(Employer.of(row) for row in rows))


@delete(
    "/companies/{partner_id:uuid}",
    responses=problems(Unauthorised, CompanyNotFound, LinkHeld, LinkClosed, LinkExpired),
    summary="Leave a company",
)
async def leave_company(partner_id: UUID, visitor: VisitorPrincipal, db: Database, keys: Keys, clock: Clock) -> None:
    """A courier is no longer this company's worker: his rights to pass that it asserted end at once."""
    now = clock()
    async with db.transaction(_scope(visitor)) as conn:
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


def _scope(visitor: VisitorPrincipal) -> Scope:
    # Links and couriers belong to no community; a guest's pass does.
    return Scope(community_id=visitor.community_id, person_id=visitor.person_id, platform=True)


async def _employment(conn: Connection, *, visitor: VisitorPrincipal, partner_id: UUID | None) -> EmploymentRow:
    row = None
    if partner_id is not None:
        row = await couriers.find_employment_of_courier(conn, partner_id=partner_id, courier_id=visitor.invitation_id)
    if row is None:
        raise LinkClosed
    return row


async def _of_pass(conn: Connection, row: PassRow, now: datetime) -> Invitation:
    community = await communities.get_community(conn, community_id=row.community_id)
    return Invitation(
        kind="guest",
        state=state_of(row, now),
        inviting="" if community is None else community.name,
        name=row.guest_name,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
    )


def _of_employment(row: EmploymentRow) -> Invitation:
    state = state_of_worker(row)
    return Invitation(
        kind="courier",
        state="accepted" if state == "active" else "pending" if state == "pending" else "withdrawn",
        inviting=row.partner_name,
        name=row.name,
    )


resident_router = Router(
    path="/homes/{community_id:uuid}/{home_id:uuid}/passes",
    route_handlers=[create_pass, list_passes, change_pass, cancel_pass],
    tags=["passes"],
)
visitor_router = Router(
    path="/",
    route_handlers=[read_invitation, accept_invitation, withdraw_invitation, list_companies, leave_company],
    tags=["invitation"],
)

"""Staff: ending tenancies and memberships, erasures. Residents and visitors: leaving, withdrawing, their erasures."""

from datetime import datetime
from uuid import UUID

from litestar import Router, delete, get, post

from backend.audit import service as audit
from backend.consent.service import Purpose
from backend.gates import repository as gates
from backend.gates.repository import GateReceiptRow
from backend.households.errors import (
    HomeNotFound,
    MemberNotFound,
    PeriodInvalid,
    TenancyEnded,
    TenancyNotFound,
    TenantOnly,
)
from backend.kit.auth import Permission, ResidentPrincipal, SecondFactorRequired, StaffMember, VisitorPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope, enter_community
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Forbidden, NotFound, Unauthorised, problems
from backend.privacy import repository, service
from backend.privacy.certificates import repository as certificates
from backend.privacy.certificates.routes import resident_router as certificates_resident
from backend.privacy.certificates.routes import staff_router as certificates_staff
from backend.privacy.certificates.routes import visitor_router as certificates_visitor
from backend.privacy.certificates.service import certificate_link
from backend.privacy.errors import ErasureNotFound, TenantCannotLeave
from backend.privacy.holds import meeting
from backend.privacy.progress import repository as progress
from backend.privacy.progress.repository import PlaceRow
from backend.privacy.repository import ErasureRow
from backend.privacy.requests.errors import FreshLogInNeeded
from backend.privacy.schemas import (
    AccountDeleted,
    EndTenancy,
    Erasure,
    ErasureKey,
    ErasureList,
    ErasurePage,
    ErasureSummary,
    MemberEnded,
    Started,
    TenancyEnd,
    Withdrawn,
)
from backend.privacy.trail import record_act

__all__ = ["certificate_link_of", "list_own", "resident_router", "staff_router", "visitor_router"]


@post(
    "/tenancies/{tenancy_id:uuid}/end",
    opt={"needs": Permission.TENANCY_END},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, TenancyNotFound, TenancyEnded, PeriodInvalid),
    summary="End a tenancy",
)
async def end_tenancy(
    community_id: UUID, tenancy_id: UUID, data: EndTenancy, staff: StaffMember, db: Database, clock: Clock
) -> TenancyEnd:
    """End a tenancy at once or at a later time.

    With the end every right of the household and its guests falls, and one erasure for each member begins.
    """
    now = clock()
    async with db.transaction(Scope(community_id=community_id)) as conn:
        begun: list[ErasureRow] = []
        if data.at is not None and data.at > now:
            await service.schedule_tenancy_end(
                conn, community_id=community_id, tenancy_id=tenancy_id, at=data.at, now=now
            )
        elif data.at is not None and data.at < now:
            raise PeriodInvalid
        else:
            begun = await service.end_tenancy(conn, community_id=community_id, tenancy_id=tenancy_id, now=now)
        actor, target = f"staff:{staff.staff_id}", f"tenancy:{tenancy_id}"
        await record_act(conn, community_id=community_id, actor=actor, action="tenancy.end", target=target, begun=begun)
    return TenancyEnd(tenancy_id=tenancy_id, ends_at=data.at or now, erasures=_started(begun))


@post(
    "/members/{member_id:uuid}/end",
    opt={"needs": Permission.TENANCY_END},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, MemberNotFound),
    summary="Take a member off the register",
)
async def end_member(
    community_id: UUID, member_id: UUID, staff: StaffMember, db: Database, clock: Clock
) -> MemberEnded:
    """A member has left: his rights end at once, and what only they needed is erased. Repeating is harmless."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        begun = await service.end_member(conn, community_id=community_id, member_id=member_id, now=clock())
        actor, target = f"staff:{staff.staff_id}", f"member:{member_id}"
        await record_act(conn, community_id=community_id, actor=actor, action="member.end", target=target, begun=begun)
    return MemberEnded(member_id=member_id, erasures=_started(begun))


@get(
    "/erasures",
    opt={"needs": Permission.ERASURE},
    responses=problems(CursorInvalid, Unauthorised, Forbidden, SecondFactorRequired, NotFound),
    summary="List erasures",
)
async def list_erasures(community_id: UUID, db: Database, limit: Limit = 50, cursor: Cursor = None) -> ErasurePage:
    """The erasures that the community's gates had to acknowledge, the newest first."""
    key = decode_cursor(cursor, ErasureKey)
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        rows = await repository.list_erasures_in_community(
            conn,
            community_id=community_id,
            before=None if key is None else (key.started_at, key.erasure_id),
            limit=limit + 1,
        )
    page, next_cursor = split_page(rows, limit, lambda row: ErasureKey(row.started_at, row.erasure_id))
    return ErasurePage(erasures=tuple(ErasureSummary.of(row) for row in page), next_cursor=next_cursor)


@get(
    "/erasures/{erasure_id:uuid}",
    opt={"needs": Permission.ERASURE},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, ErasureNotFound),
    summary="Read an erasure",
)
async def read_erasure(community_id: UUID, erasure_id: UUID, db: Database) -> Erasure:
    """How far an erasure is: its steps, and when each of this community's gates acknowledged it."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        row = await repository.get_erasure(conn, erasure_id=erasure_id)
        if row is None:
            raise ErasureNotFound
        return await _detail(conn, row)


@post(
    "/consents/{purpose:str}/withdraw",
    responses=problems(Unauthorised),
    summary="Withdraw a consent",
)
async def withdraw_resident_consent(
    purpose: Purpose, resident: ResidentPrincipal, db: Database, clock: Clock, pepper: bytes, public_url: str
) -> Withdrawn:
    """Take back a consent; what rested on it is erased. The right to enter stays, by QR code."""
    return await _withdraw(db, clock(), resident.person_id, "resident", purpose, pepper, public_url)


@post(
    "/consents/{purpose:str}/withdraw",
    opt={"after_end": "rights"},
    responses=problems(Unauthorised),
    summary="Withdraw a consent",
)
async def withdraw_visitor_consent(
    purpose: Purpose, visitor: VisitorPrincipal, db: Database, clock: Clock, pepper: bytes, public_url: str
) -> Withdrawn:
    """Take back a consent; what rested on it is erased. The right to enter stays, by QR code."""
    return await _withdraw(db, clock(), visitor.person_id, visitor.kind, purpose, pepper, public_url)


@get("/erasures", responses=problems(Unauthorised), summary="List my erasures")
async def list_resident_erasures(resident: ResidentPrincipal, db: Database) -> ErasureList:
    """The caller's erasures and how far they are, the newest first."""
    return await list_own(db, resident.person_id)


@get("/erasures", opt={"after_end": "reading"}, responses=problems(Unauthorised), summary="List my erasures")
async def list_visitor_erasures(visitor: VisitorPrincipal, db: Database) -> ErasureList:
    """The caller's erasures and how far they are, the newest first.

    On the phone that accepted they are shown until seven days after they are complete, whoever ended the link.
    """
    return await list_own(db, visitor.person_id)


@post(
    "/homes/{community_id:uuid}/{home_id:uuid}/members/{member_id:uuid}/end",
    responses=problems(Unauthorised, HomeNotFound, MemberNotFound, TenantOnly, TenantCannotLeave),
    summary="Leave, or remove a member",
)
async def remove_member(
    community_id: UUID,
    home_id: UUID,
    member_id: UUID,
    resident: ResidentPrincipal,
    db: Database,
    clock: Clock,
    pepper: bytes,
    public_url: str,
) -> MemberEnded:
    """The tenant removes a member of his household, or a member leaves: rights end at once, erasure begins."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        begun = await service.remove_from_household(
            conn,
            community_id=community_id,
            home_id=home_id,
            member_id=member_id,
            person_id=resident.person_id,
            now=clock(),
        )
        actor = f"resident:{resident.person_id}"
        target = f"member:{member_id}"
        await record_act(conn, community_id=community_id, actor=actor, action="member.end", target=target, begun=begun)
        # Whoever removes somebody else gets no key to that one's papers.
        own = [row for row in begun if row.person_id == resident.person_id]
        link = await certificate_link_of(conn, own[0], pepper, public_url) if own else None
    return MemberEnded(member_id=member_id, erasures=_started(begun), certificate_link=link)


@delete("/me", status_code=202, responses=problems(Unauthorised, FreshLogInNeeded), summary="Delete my account")
async def delete_account(
    resident: ResidentPrincipal, db: Database, clock: Clock, pepper: bytes, public_url: str
) -> AccountDeleted:
    """Delete the account and all that nothing else needs, within five minutes of logging in.

    Every session ends at once. Memberships end, but for those as a tenant, which the office ends with the tenancy:
    until then the register keeps the tenant's name. Who works as a courier keeps what that needs.
    """
    async with db.transaction(Scope(person_id=resident.person_id)) as conn:
        row = await service.delete_account(
            conn, person_id=resident.person_id, session_id=resident.session_id, now=clock()
        )
        await audit.record(
            conn,
            community_id=None,
            actor=f"resident:{resident.person_id}",
            action="account.delete",
            target=f"erasure:{row.erasure_id}",
        )
        link = await certificate_link_of(conn, row, pepper, public_url)
    return AccountDeleted(erasure_id=row.erasure_id, certificate_link=link)


async def _withdraw(
    db: Database, now: datetime, person_id: UUID, calling: str, purpose: Purpose, pepper: bytes, public_url: str
) -> Withdrawn:
    async with db.transaction(Scope(person_id=person_id)) as conn:
        begun = await service.withdraw_consent(conn, person_id=person_id, purpose=purpose, now=now)
        if begun is None:
            return Withdrawn(withdrawn=False, erasures=())
        actor, target = f"{calling}:{person_id}", f"consent:{purpose}"
        await record_act(conn, community_id=None, actor=actor, action="consent.withdraw", target=target, begun=[begun])
        link = await certificate_link_of(conn, begun, pepper, public_url)
    return Withdrawn(withdrawn=True, erasures=_started([begun]), certificate_link=link)


async def certificate_link_of(conn: Connection, row: ErasureRow, pepper: bytes, public_url: str) -> str:
    """The address of the person's own certificate."""
    own = await certificates.get(conn, erasure_id=row.erasure_id, person_id=row.person_id, about_community=None)
    if own is None:
        raise ErasureNotFound
    return certificate_link(public_url, own.certificate_id, pepper=pepper)


async def list_own(db: Database, person_id: UUID) -> ErasureList:
    """The person's erasures, as he sees them."""
    async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        rows = await repository.list_erasures_of_person(conn, person_id=person_id)
        return ErasureList(tuple([await _detail(conn, row) for row in rows]))


async def _detail(conn: Connection, row: ErasureRow) -> Erasure:
    """The erasure as the scope sees it: to a community its own gates, to the person all of them."""
    steps = await progress.list_steps(conn, erasure_id=row.erasure_id)
    places = await progress.list_places(conn, erasure_id=row.erasure_id)
    # Before other communities are entered: what they know of is theirs.
    held = (await meeting.list_disclosed(conn, erasures=[row]))[row.erasure_id]
    receipts: dict[UUID, list[GateReceiptRow]] = {}
    for place in places:
        receipts[place.community_id] = await _receipts(conn, place)
    return Erasure.of(row, steps, places, receipts, held)


async def _receipts(conn: Connection, place: PlaceRow) -> list[GateReceiptRow]:
    if place.roster_epoch is None or place.roster_version is None:
        return []
    await enter_community(conn, place.community_id)
    return await gates.list_receipts(
        conn, community_id=place.community_id, epoch=place.roster_epoch, version=place.roster_version
    )


def _started(rows: list[ErasureRow]) -> tuple[Started, ...]:
    return tuple(Started.of(row) for row in rows)


_staff = Router(
    path="/communities/{community_id:uuid}",
    route_handlers=[end_tenancy, end_member, list_erasures, read_erasure],
    tags=["privacy"],
)
_resident = Router(
    path="/",
    route_handlers=[withdraw_resident_consent, list_resident_erasures, remove_member, delete_account],
    tags=["privacy"],
)
_visitor = Router(path="/", route_handlers=[withdraw_visitor_consent, list_visitor_erasures], tags=["privacy"])
staff_router = Router(path="/", route_handlers=[_staff, certificates_staff])
resident_router = Router(path="/", route_handlers=[_resident, certificates_resident])
visitor_router = Router(path="/", route_handlers=[_visitor, certificates_visitor])

"""Staff: companies, and where they are admitted. Partner: its communities. Residents: which companies come."""

from collections.abc import Sequence
from uuid import UUID

from litestar import Router, get, post, put

from backend.access import service as access
from backend.audit import service as audit
from backend.communities.errors import CommunityNotFound
from backend.kit.auth import (
    PartnerPrincipal,
    Permission,
    ResidentPrincipal,
    SecondFactorRequired,
    StaffMember,
)
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.pagination import Cursor, CursorInvalid, Limit, NameKey, decode_cursor, split_page
from backend.kit.problems import Forbidden, Unauthorised, problems
from backend.partners import repository, service
from backend.partners.errors import PartnerNotFound
from backend.partners.repository import AdmissionRow
from backend.partners.schemas import (
    Admission,
    AdmissionList,
    NewPartner,
    Partner,
    PartnerCreated,
    PartnerSummary,
    PartnerSummaryList,
)
from backend.people import repository as people

__all__ = ["partner_router", "resident_router", "staff_router"]


@post(
    "/",
    opt={"needs": Permission.PARTNERS},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, CommunityNotFound),
    summary="Admit a company",
)
async def create_partner(
    data: NewPartner, staff: StaffMember, db: Database, pepper: bytes, clock: Clock
) -> PartnerCreated:
    """Admit a courier company to communities of the caller's authority; its secret is shown this once.

    A `sandbox` tries its system out: it is answered as any other, and nothing of it reaches a gate, a household or a
    telephone.
    """
    async with db.transaction(Scope(platform=True)) as conn:
        row, secret = await service.create(
            conn,
            authority_id=staff.authority_id,
            name=data.name,
            sandbox=data.sandbox,
            community_ids=data.communities,
            pepper=pepper,
            now=clock(),
        )
        await audit.record(
            conn,
            community_id=None,
            actor=f"staff:{staff.staff_id}",
            action="partner.create",
            target=f"partner:{row.partner_id}",
        )
    return PartnerCreated(partner_id=row.partner_id, client_id=row.client_id, client_secret=secret.client_secret)


@get(
    "/",
    opt={"needs": Permission.PARTNERS_READ},
    responses=problems(CursorInvalid, Unauthorised, Forbidden),
    summary="List companies",
)
async def list_partners(
    staff: StaffMember, db: Database, limit: Limit = 200, cursor: Cursor = None
) -> PartnerSummaryList:
    """The companies that the caller's authority has admitted."""
    after = _after(cursor)
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        rows = await repository.list_partners(conn, authority_id=staff.authority_id, after=after, limit=limit + 1)
    page, next_cursor = split_page(rows, limit, lambda row: NameKey(row.name, row.partner_id))
    return PartnerSummaryList(
        tuple(PartnerSummary(partner_id=row.partner_id, name=row.name, sandbox=row.sandbox) for row in page),
        next_cursor,
    )


@get(
    "/{partner_id:uuid}",
    opt={"needs": Permission.PARTNERS_READ},
    responses=problems(Unauthorised, Forbidden, PartnerNotFound),
    summary="Read a company",
)
async def read_partner(partner_id: UUID, staff: StaffMember, db: Database) -> Partner:
    """One company: its communities and which of its secrets live."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        row = await service.get(conn, authority_id=staff.authority_id, partner_id=partner_id)
        admissions = await repository.list_admissions(conn, partner_id=partner_id)
        secrets = await repository.list_live_secrets(conn, partner_id=partner_id)
    return Partner.of(row, admissions, secrets)


@put(
    "/{partner_id:uuid}/communities/{admitted_id:uuid}",
    opt={"needs": Permission.PARTNERS},
    status_code=204,
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, PartnerNotFound, CommunityNotFound),
    summary="Admit a company to a community",
)
async def admit_partner(partner_id: UUID, admitted_id: UUID, staff: StaffMember, db: Database, clock: Clock) -> None:
    """Admit the company to one more community of the authority."""
    async with db.transaction(Scope(platform=True)) as conn:
        await service.admit(
            conn, authority_id=staff.authority_id, partner_id=partner_id, community_id=admitted_id, now=clock()
        )
        await audit.record(
            conn,
            community_id=None,
            actor=f"staff:{staff.staff_id}",
            action="partner.admit",
            target=f"partner:{partner_id}/community:{admitted_id}",
        )


@get(
    "/communities/{community_id:uuid}/partners",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(CursorInvalid, Unauthorised, Forbidden, CommunityNotFound),
    summary="List a community's companies",
)
async def list_community_partners(
    community_id: UUID, db: Database, limit: Limit = 200, cursor: Cursor = None
) -> PartnerSummaryList:
    """The companies admitted to the community, suspended ones too."""
    after = _after(cursor)
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        rows = await repository.list_of_community(
            conn, community_id=community_id, after=after, limit=limit + 1, everybody=True
        )
    return _summaries(rows, limit)


@get("/partners", responses=problems(CursorInvalid, Unauthorised, CommunityNotFound), summary="List courier companies")
async def list_for_resident(
    community_id: UUID, resident: ResidentPrincipal, db: Database, limit: Limit = 200, cursor: Cursor = None
) -> PartnerSummaryList:
    """The companies whose couriers may come to a community of the caller's."""
    after = _after(cursor)
    scope = Scope(community_id=community_id, person_id=resident.person_id)
    async with db.transaction(scope, read_only=True) as conn:
        subject = await people.get_subject(conn, community_id=community_id, person_id=resident.person_id)
        # Whoever has moved away is still known for a while, and lives there no more.
        if subject is None or not await access.kinds(conn, community_id=community_id, subject_id=subject.subject_id):
            raise CommunityNotFound
        rows = await repository.list_of_community(
            conn, community_id=community_id, after=after, limit=limit + 1, everybody=False
        )
    return _summaries(rows, limit)


def _after(cursor: str | None) -> tuple[str, UUID] | None:
    key = decode_cursor(cursor, NameKey)
    return None if key is None else (key.name, key.id)


def _summaries(rows: Sequence[AdmissionRow], limit: int) -> PartnerSummaryList:
    page, next_cursor = split_page(rows, limit, lambda row: NameKey(row.partner_name, row.partner_id))
    shown = tuple(
        PartnerSummary(
            partner_id=row.partner_id,
            name=row.partner_name,
            suspended=row.suspended_at is not None,
            reason=row.suspended_for,
            sandbox=row.sandbox,
        )
        for row in page
    )
    return PartnerSummaryList(shown, next_cursor)


@get(
    "/communities",
    responses=problems(CursorInvalid, Unauthorised),
    summary="List the communities you are admitted to",
)
async def list_communities(
    partner: PartnerPrincipal, db: Database, limit: Limit = 200, cursor: Cursor = None
) -> AdmissionList:
    """Where the company's couriers may be sent; shifts at a suspended community are refused."""
    after = _after(cursor)
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        rows = await repository.list_admissions(conn, partner_id=partner.partner_id, after=after, limit=limit + 1)
    page, next_cursor = split_page(rows, limit, lambda row: NameKey(row.community_name, row.community_id))
    return AdmissionList(tuple(Admission.of(row) for row in page), next_cursor)


staff_router = Router(
    path="/",
    route_handlers=[
        Router(
            path="/partners",
            route_handlers=[create_partner, list_partners, read_partner, admit_partner],
        ),
        list_community_partners,
    ],
    tags=["partners"],
)
resident_router = Router(path="/", route_handlers=[list_for_resident], tags=["deliveries"])
partner_router = Router(path="/", route_handlers=[list_communities], tags=["login"])

"""Staff: tenancies and members. Residents: joining a household, and the household."""

from typing import Annotated
from uuid import UUID

from litestar import Router, get, post
from litestar.params import Parameter

from backend.accounts.errors import PhoneInvalid
from backend.audit import service as audit
from backend.communities import repository as communities
from backend.guardians.errors import BirthDateInvalid
from backend.households import joining, repository, service
from backend.households.attaching import service as attaching
from backend.households.attaching.errors import NumberInUse
from backend.households.errors import (
    ActivationSpent,
    ActivationUnknown,
    AgeNeeded,
    AgeUnknown,
    AlreadyMember,
    HomeFull,
    HomeNotFound,
    HomeOccupied,
    MemberNotFound,
    MemberNotOpen,
    PeriodInvalid,
    PhoneContradicted,
    PhoneDiffers,
    TenancyEnded,
    TenancyNotFound,
    TenantOnly,
)
from backend.households.guards import of_tenant
from backend.households.homes import repository as homes
from backend.households.homes.schemas import Home
from backend.households.members import repository as members
from backend.households.members import service as membership
from backend.households.members.repository import MemberState
from backend.households.schemas import (
    Approval,
    Approved,
    HomeDetail,
    Household,
    HouseholdMember,
    Join,
    Joined,
    Member,
    MemberKey,
    MemberList,
    MyHome,
    MyHomes,
    NewMember,
    NewRegisteredMember,
    NewTenancy,
    Tenancy,
    TenancyCreated,
)
from backend.kit.auth import Permission, ResidentPrincipal, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope, enter_community
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Forbidden, NotFound, Unauthorised, problems

__all__ = ["resident_router", "staff_router"]

StateFilter = Annotated[MemberState, Parameter(description="Where they stand")]


@get(
    "/homes/{home_id:uuid}",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(Unauthorised, Forbidden, HomeNotFound),
    summary="Read a home",
)
async def read_home(community_id: UUID, home_id: UUID, db: Database) -> HomeDetail:
    """A home with its tenancies and their members."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        home = await homes.get_home(conn, community_id=community_id, home_id=home_id)
        if home is None:
            raise HomeNotFound
        tenancies = await repository.list_tenancies(conn, community_id=community_id, home_id=home_id)
        standing = await members.list_members(
            conn, community_id=community_id, tenancy_ids=[row.tenancy_id for row in tenancies]
        )
    return HomeDetail(home=Home.of(home), tenancies=tuple(Tenancy.of(row, standing) for row in tenancies))


@post(
    "/homes/{home_id:uuid}/tenancies",
    opt={"needs": Permission.REGISTER_WRITE},
    responses=problems(Unauthorised, Forbidden, HomeNotFound, HomeOccupied, PeriodInvalid, PhoneInvalid),
    summary="Begin a tenancy",
)
async def create_tenancy(
    community_id: UUID, home_id: UUID, data: NewTenancy, staff: StaffMember, db: Database, pepper: bytes, clock: Clock
) -> TenancyCreated:
    """A tenancy; the code in the answer goes to the tenant, who joins with it and with his phone."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        tenancy, activation = await service.create_tenancy(
            conn, community_id=community_id, home_id=home_id, new=data, pepper=pepper, now=clock()
        )
        await audit.record_of_staff(conn, community_id, staff, "tenancy.create", f"tenancy:{tenancy.tenancy_id}")
    return TenancyCreated(
        tenancy_id=tenancy.tenancy_id,
        member_id=activation.member_id,
        activation_code=activation.activation_code,
        activation_expires_at=activation.expires_at,
    )


@post(
    "/tenancies/{tenancy_id:uuid}/members",
    opt={"needs": Permission.REGISTER_WRITE},
    responses=problems(
        Unauthorised,
        Forbidden,
        TenancyNotFound,
        TenancyEnded,
        HomeFull,
        PhoneInvalid,
        PhoneContradicted,
        AgeNeeded,
        BirthDateInvalid,
    ),
    summary="Put somebody on the register",
)
async def add_member(
    community_id: UUID,
    tenancy_id: UUID,
    data: NewRegisteredMember,
    staff: StaffMember,
    db: Database,
    pepper: bytes,
    clock: Clock,
) -> Approved:
    """A member of the household whom the office knows to live there; the code is for him, if he has a phone."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        approved = await membership.add_member(
            conn,
            community_id=community_id,
            tenancy_id=tenancy_id,
            new=data,
            staff_id=staff.staff_id,
            pepper=pepper,
            now=clock(),
        )
        await audit.record_of_staff(conn, community_id, staff, "member.add", f"member:{approved.member_id}")
    return approved


@get(
    "/members",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(CursorInvalid, Unauthorised, Forbidden, NotFound),
    summary="List members by state",
)
async def list_members(
    community_id: UUID,
    db: Database,
    member_state: StateFilter = "proposed",
    limit: Limit = 200,
    cursor: Cursor = None,
) -> MemberList:
    """Members in that state, the longest waiting first; by default those whom the office has to approve."""
    key = decode_cursor(cursor, MemberKey)
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        rows = await members.list_members_in_state(
            conn,
            community_id=community_id,
            state=member_state,
            after=None if key is None else (key.created_at, key.member_id),
            limit=limit + 1,
        )
    page, next_cursor = split_page(rows, limit, lambda row: MemberKey(row.created_at, row.member_id))
    return MemberList(tuple(Member.of(row) for row in page), next_cursor)


@post(
    "/members/{member_id:uuid}/approve",
    opt={"needs": Permission.REGISTER_WRITE},
    responses=problems(
        Unauthorised, Forbidden, MemberNotFound, MemberNotOpen, TenancyEnded, AgeNeeded, BirthDateInvalid
    ),
    summary="Approve a member",
)
async def approve_member(
    community_id: UUID,
    member_id: UUID,
    staff: StaffMember,
    db: Database,
    pepper: bytes,
    clock: Clock,
    data: Approval | None = None,
) -> Approved:
    """Approve whom the tenant has named; for one who is approved already, a new code in place of the lost one.

    Whoever has no phone lives there from now on. Of a child the office says when it was born; the tenant whose child
    it is then acts for it.
    """
    async with db.transaction(Scope(community_id=community_id)) as conn:
        approved = await membership.approve(
            conn,
            community_id=community_id,
            member_id=member_id,
            approval=data or Approval(),
            staff_id=staff.staff_id,
            pepper=pepper,
            now=clock(),
        )
        await audit.record_of_staff(conn, community_id, staff, "member.approve", f"member:{member_id}")
    return approved


@post(
    "/join",
    responses=problems(
        Unauthorised, ActivationUnknown, ActivationSpent, PhoneDiffers, AlreadyMember, AgeUnknown, NumberInUse
    ),
    summary="Join a household with a code",
)
async def join(data: Join, resident: ResidentPrincipal, db: Database, pepper: bytes, clock: Clock) -> Joined:
    """Become the member whom the office gave this code out for; it opens the gates from the tenancy's beginning.

    A member who was registered without a telephone gets his account by it: then `renew_tokens` is true, and the tokens
    to be renewed at once, since from here on they are his.
    """
    hashed = joining.code_hash(pepper, data.activation_code)
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        community_id = await joining.find_code(conn, hashed=hashed)
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        known = await attaching.lives_there(conn, community_id=community_id, hashed=hashed)
    if known:
        return await _attach(resident, community_id, hashed, db, pepper, clock)
    async with db.transaction(Scope(community_id=community_id, person_id=resident.person_id)) as conn:
        tenancy, member = await joining.join(
            conn, community_id=community_id, person_id=resident.person_id, hashed=hashed, now=clock()
        )
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"resident:{resident.person_id}",
            action="member.join",
            target=f"member:{member.member_id}",
        )
    return Joined(community_id=community_id, home_id=tenancy.home_id, member_id=member.member_id)


async def _attach(
    resident: ResidentPrincipal, community_id: UUID, hashed: bytes, db: Database, pepper: bytes, clock: Clock
) -> Joined:
    scope = Scope(community_id=community_id, person_id=resident.person_id, platform=True)
    async with db.transaction(scope) as conn:
        tenancy, member = await attaching.attach(
            conn, community_id=community_id, resident=resident, hashed=hashed, pepper=pepper, now=clock()
        )
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"resident:{member.person_id}",
            action="member.account",
            target=f"member:{member.member_id}",
        )
    return Joined(community_id=community_id, home_id=tenancy.home_id, member_id=member.member_id, renew_tokens=True)


@get("/homes", responses=problems(Unauthorised), summary="List my homes")
async def list_my_homes(resident: ResidentPrincipal, db: Database) -> MyHomes:
    """The homes that the caller belongs to, in whatever community."""
    found_homes = []
    async with db.transaction(Scope(person_id=resident.person_id), read_only=True) as conn:
        for mine in await members.list_memberships(conn, person_id=resident.person_id):
            await enter_community(conn, mine.community_id)
            found = await repository.get_tenancy(conn, community_id=mine.community_id, tenancy_id=mine.tenancy_id)
            if found is None or found.ended_at is not None:
                continue
            home = await homes.get_home(conn, community_id=mine.community_id, home_id=found.home_id)
            community = await communities.get_community(conn, community_id=mine.community_id)
            if home is None or community is None:
                continue
            found_homes.append(
                MyHome(
                    community_id=mine.community_id,
                    community=community.name,
                    home_id=home.home_id,
                    building=home.building,
                    label=home.label,
                    tenancy_id=mine.tenancy_id,
                    member_id=mine.member_id,
                    relation=mine.relation,
                    starts_at=found.starts_at,
                    ends_at=found.ends_at,
                )
            )
    return MyHomes(tuple(found_homes))


@get(
    "/homes/{community_id:uuid}/{home_id:uuid}/members",
    responses=problems(Unauthorised, HomeNotFound),
    summary="List my household",
)
async def list_household(community_id: UUID, home_id: UUID, resident: ResidentPrincipal, db: Database) -> Household:
    """The present members of the caller's household, with those who wait for approval or have not come yet."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        mine = await service.require_membership(
            conn, community_id=community_id, home_id=home_id, person_id=resident.person_id
        )
        rows = await members.list_members(conn, community_id=community_id, tenancy_ids=[mine.tenancy_id])
    return Household(tuple(HouseholdMember.of(row) for row in rows if row.state != "ended"))


@post(
    "/homes/{community_id:uuid}/{home_id:uuid}/members",
    guards=[of_tenant],
    responses=problems(Unauthorised, HomeNotFound, TenantOnly, TenancyEnded, HomeFull, PhoneInvalid, PhoneContradicted),
    summary="Name a member of my household",
)
async def propose_member(
    community_id: UUID, home_id: UUID, data: NewMember, resident: ResidentPrincipal, db: Database, clock: Clock
) -> HouseholdMember:
    """Name somebody of the household. The office approves him, and gives him a code of his own if he has a phone."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        row = await membership.propose_member(
            conn, community_id=community_id, home_id=home_id, person_id=resident.person_id, new=data, now=clock()
        )
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"resident:{resident.person_id}",
            action="member.propose",
            target=f"member:{row.member_id}",
        )
    return HouseholdMember.of(row)


staff_router = Router(
    path="/communities/{community_id:uuid}",
    route_handlers=[
        read_home,
        create_tenancy,
        add_member,
        list_members,
        approve_member,
    ],
    tags=["register"],
)
resident_router = Router(
    path="/", route_handlers=[join, list_my_homes, list_household, propose_member], tags=["household"]
)

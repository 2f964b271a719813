"""Staff: tenancies and members."""

from typing import Annotated
from uuid import UUID

from litestar import Router, get, post
from litestar.params import Parameter

from backend.accounts.errors import PhoneInvalid
from backend.audit import service as audit
from backend.guardians.errors import BirthDateInvalid
from backend.households import repository, service
from backend.households.errors import (
    AgeNeeded,
    HomeFull,
    HomeNotFound,
    HomeOccupied,
    MemberNotFound,
    MemberNotOpen,
    PeriodInvalid,
    PhoneContradicted,
    TenancyEnded,
    TenancyNotFound,
)
from backend.households.homes import repository as homes
from backend.households.homes.schemas import Home
from backend.households.members import repository as members
from backend.households.members import service as membership
from backend.households.members.repository import MemberState
from backend.households.schemas import (
    Approval,
    Approved,
    HomeDetail,
    Member,
    MemberKey,
    MemberList,
    NewRegisteredMember,
    NewTenancy,
    Tenancy,
    TenancyCreated,
)
from backend.kit.auth import Permission, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Forbidden, NotFound, Unauthorised, problems

__all__ = ["staff_router"]

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

"""Residents: joining a household, and the household."""

from uuid import UUID

from litestar import Router, get, post

from backend.accounts.errors import PhoneInvalid
from backend.audit import service as audit
from backend.communities import repository as communities
from backend.households import joining, repository, service
from backend.households.attaching import service as attaching
from backend.households.attaching.errors import NumberInUse
from backend.households.errors import (
    ActivationSpent,
    ActivationUnknown,
    AgeUnknown,
    AlreadyMember,
    HomeFull,
    HomeNotFound,
    PhoneContradicted,
    PhoneDiffers,
    TenancyEnded,
    TenantOnly,
)
from backend.households.guards import of_tenant
from backend.households.homes import repository as homes
from backend.households.members import repository as members
from backend.households.members import service as membership
from backend.households.schemas import (
    Household,
    HouseholdMember,
    Join,
    Joined,
    MyHome,
    MyHomes,
    NewMember,
)
from backend.kit.auth import ResidentPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope, enter_community
from backend.kit.problems import Unauthorised, problems

__all__ = ["resident_router"]


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
                    time_zone=community.time_zone,
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


resident_router = Router(
    path="/", route_handlers=[join, list_my_homes, list_household, propose_member], tags=["household"]
)

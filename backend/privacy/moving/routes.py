"""Staff: planned ends, and households that move."""

from uuid import UUID

from litestar import Router, get, post, put

from backend.audit import service as audit
from backend.communities.errors import CommunityNotFound
from backend.enrolment.service import attach
from backend.households import repository as households
from backend.households.errors import (
    HomeFull,
    HomeNotFound,
    HomeOccupied,
    PeriodInvalid,
    TenancyEnded,
    TenancyNotFound,
)
from backend.households.schemas import Tenancy
from backend.keys.service import Keys
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.etag import IfMatch, PreconditionFailed, require_match
from backend.kit.problems import Forbidden, Unauthorised, problems
from backend.privacy import service as privacy
from backend.privacy.moving import service
from backend.privacy.moving.errors import SameHome
from backend.privacy.moving.schemas import PlannedEnd, Transfer, Transferred
from backend.privacy.schemas import Started
from backend.privacy.trail import record_begun

__all__ = ["staff_router"]


@get(
    "/tenancies/{tenancy_id:uuid}/planned-end",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(Unauthorised, Forbidden, TenancyNotFound),
    summary="Read a tenancy's planned end",
)
async def read_planned_end(community_id: UUID, tenancy_id: UUID, db: Database) -> PlannedEnd:
    """When the tenancy is to end; null where it goes on. Its ETag may go with a change."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        row = await households.get_tenancy(conn, community_id=community_id, tenancy_id=tenancy_id)
    if row is None:
        raise TenancyNotFound
    return PlannedEnd(row.ends_at)


@put(
    "/tenancies/{tenancy_id:uuid}/planned-end",
    opt={"needs": Permission.TENANCY_END},
    responses=problems(
        Unauthorised,
        Forbidden,
        SecondFactorRequired,
        TenancyNotFound,
        TenancyEnded,
        PeriodInvalid,
        HomeOccupied,
        PreconditionFailed,
    ),
    summary="Set, change or withdraw a tenancy's end",
)
async def plan_end(
    community_id: UUID,
    tenancy_id: UUID,
    data: PlannedEnd,
    staff: StaffMember,
    db: Database,
    clock: Clock,
    if_match: IfMatch = None,
) -> Tenancy:
    """When the tenancy is to end; at that moment every right of the household ends by itself, at offline gates too."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        row = await service.plan_end(
            conn,
            community_id=community_id,
            tenancy_id=tenancy_id,
            ends_at=data.ends_at,
            unchanged=lambda before: require_match(if_match, PlannedEnd(before.ends_at)),
            now=clock(),
        )
        await audit.record_of_staff(conn, community_id, staff, "tenancy.plan-end", f"tenancy:{tenancy_id}")
    return Tenancy.of(row, ())


@post(
    "/tenancies/{tenancy_id:uuid}/transfer",
    opt={"needs": Permission.TENANCY_END}, status_code=200,
    responses=problems(
        Unauthorised, Forbidden, SecondFactorRequired, CommunityNotFound, TenancyNotFound, HomeNotFound, TenancyEnded,
        SameHome, HomeOccupied, HomeFull,
    ),
    summary="Move a household to another home",
)  # fmt: skip
async def transfer(
    community_id: UUID, tenancy_id: UUID, data: Transfer, staff: StaffMember, db: Database, keys: Keys, clock: Clock
) -> Transferred:
    """Move a household; within a community members, rights and faces stay.

    In another community of the authority's it moves in first; then it leaves this one, which forgets it. Repeat the
    request where it broke off.
    """
    now = clock()
    if data.community_id is not None and data.community_id != community_id:
        return await _to_community(db, keys, community_id, tenancy_id, data.community_id, data.home_id, staff, clock)
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await service.transfer(conn, community_id=community_id, tenancy_id=tenancy_id, home_id=data.home_id, now=now)
        await audit.record_of_staff(conn, community_id, staff, "tenancy.transfer", f"tenancy:{tenancy_id}")
    return Transferred(
        community_id=community_id, tenancy_id=tenancy_id, home_id=data.home_id, invited=0, faces=0, erasures=()
    )


async def _to_community(
    db: Database,
    keys: Keys,
    community_id: UUID,
    tenancy_id: UUID,
    to: UUID,
    home_id: UUID,
    staff: StaffMember,
    clock: Clock,
) -> Transferred:
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        await service.require_register(conn, staff=staff, community_id=to)
    now = clock()
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        left, members = await service.leaving(conn, community_id=community_id, tenancy_id=tenancy_id, now=now)
    # In first: who has no right anywhere for a moment is erased, face and all.
    async with db.transaction(Scope(community_id=to)) as conn:
        arrival = await service.arrive(conn, community_id=to, home_id=home_id, left=left, members=members, now=now)
        await audit.record_of_staff(conn, to, staff, "tenancy.arrive", f"tenancy:{arrival.tenancy_id}")
    faces = 0
    for subject_id, person_id in arrival.joined:
        faces += await attach(db, keys, community_id=to, subject_id=subject_id, person_id=person_id, now=now)
    async with db.transaction(Scope(community_id=community_id)) as conn:
        begun = await privacy.end_tenancy(conn, community_id=community_id, tenancy_id=tenancy_id, now=now)
        await audit.record_of_staff(conn, community_id, staff, "tenancy.leave", f"tenancy:{tenancy_id}")
        await record_begun(conn, community_id=community_id, actor=f"staff:{staff.staff_id}", begun=begun)
    return Transferred(
        community_id=to,
        tenancy_id=arrival.tenancy_id,
        home_id=home_id,
        invited=arrival.invited,
        faces=faces,
        erasures=tuple(Started.of(row) for row in begun),
    )


staff_router = Router(
    path="/communities/{community_id:uuid}", route_handlers=[read_planned_end, plan_end, transfer], tags=["register"]
)

"""Staff: whether pictures of denied approaches are kept."""

from uuid import UUID

from litestar import Router, delete, get, put

from backend.audit import service as audit
from backend.communities.errors import CommunityNotFound
from backend.communities.frames import repository, service
from backend.communities.frames.errors import FramesOff
from backend.communities.frames.schemas import FramePolicy, NewFramePolicy
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import Forbidden, Unauthorised, problems

__all__ = ["staff_router"]


@get(
    "/",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(Unauthorised, Forbidden, CommunityNotFound, FramesOff),
    summary="Read what pictures of denied approaches are kept for",
)
async def read_policy(community_id: UUID, db: Database, clock: Clock) -> FramePolicy:
    """What the community has turned on; 404 where none are kept, as is the rule."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        row = await repository.get_policy(conn, community_id=community_id, at=clock())
    if row is None:
        raise FramesOff
    return FramePolicy.of(row)


@put(
    "/",
    opt={"needs": Permission.PRIVACY},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, CommunityNotFound),
    summary="Keep pictures of denied approaches for a purpose",
)
async def turn_on(
    community_id: UUID, data: NewFramePolicy, staff: StaffMember, db: Database, clock: Clock
) -> FramePolicy:
    """Have gates keep one small picture of each face that they refuse as unknown, ambiguous or not live.

    Ends by itself; repeating it renews it. What was kept for another purpose, or for longer, is deleted. People read of
    it beneath the consent text of this community.
    """
    async with db.transaction(Scope(community_id=community_id)) as conn:
        row = await service.turn_on(
            conn,
            community_id=community_id,
            purpose=data.purpose,
            hours=data.hours,
            days=data.days,
            staff_id=staff.staff_id,
            now=clock(),
        )
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff.staff_id}",
            action="denied_frames.on",
            target=f"denied_frames:{data.purpose}/{data.hours}h/{data.days}d",
        )
    return FramePolicy.of(row)


@delete(
    "/",
    opt={"needs": Permission.COMMUNITY_CHANGE},
    status_code=204,
    responses=problems(Unauthorised, Forbidden, CommunityNotFound),
    summary="Keep no pictures of denied approaches",
)
async def turn_off(community_id: UUID, staff: StaffMember, db: Database, clock: Clock) -> None:
    """Turn it off. What is kept is shown to nobody from now on and deleted within a minute; gates wipe theirs."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        if await service.turn_off(conn, community_id=community_id, now=clock()):
            await audit.record(
                conn,
                community_id=community_id,
                actor=f"staff:{staff.staff_id}",
                action="denied_frames.off",
                target="denied_frames",
            )


staff_router = Router(
    path="/communities/{community_id:uuid}/denied-frames/policy",
    route_handlers=[read_policy, turn_on, turn_off],
    tags=["denied frames"],
)

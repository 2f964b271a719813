"""Staff: changing a community's model pack for another."""

from uuid import UUID

from litestar import Router, get, post

from backend.communities.errors import CommunityNotFound
from backend.enrolment.faces import FaceService, ModelsRefused
from backend.enrolment.models import service
from backend.enrolment.models.errors import (
    ModelChangeNotFound,
    ModelChangeOver,
    ModelChangeRunning,
    PackInUse,
    PackNotInstalled,
    PeopleWaitedFor,
)
from backend.enrolment.models.schemas import ModelChange, NewModelChange
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from backend.kit.problems import Forbidden, Unauthorised, problems

__all__ = ["staff_router"]


async def _read(conn: Connection, community_id: UUID) -> ModelChange:
    return ModelChange.of(*await service.read(conn, community_id=community_id))


@post(
    "/",
    opt={"needs": Permission.RECOGNITION},
    responses=problems(
        Unauthorised,
        Forbidden,
        SecondFactorRequired,
        CommunityNotFound,
        ModelChangeRunning,
        PackInUse,
        PackNotInstalled,
    ),
    summary="Begin a change of models",
)
async def begin_change(
    community_id: UUID, data: NewModelChange, staff: StaffMember, db: Database, faces: FaceService, clock: Clock
) -> ModelChange:
    """Templates of the new pack are made of kept photographs; who has none there is asked to take new ones."""
    try:
        await faces.other(data.to_pack)
    except ModelsRefused:
        raise PackNotInstalled from None
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await service.begin(
            conn,
            community_id=community_id,
            to_pack=data.to_pack,
            days=data.days,
            staff_id=staff.staff_id,
            now=clock(),
        )
        return await _read(conn, community_id)


@get(
    "/",
    opt={"needs": Permission.COMMUNITY_CHANGE},
    responses=problems(Unauthorised, Forbidden, CommunityNotFound, ModelChangeNotFound),
    summary="Read how far the change of models is",
)
async def read_change(community_id: UUID, db: Database) -> ModelChange:
    """The change under way, or the last one."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        return await _read(conn, community_id)


@post(
    "/end",
    opt={"needs": Permission.RECOGNITION},
    status_code=200,
    responses=problems(
        Unauthorised,
        Forbidden,
        SecondFactorRequired,
        CommunityNotFound,
        ModelChangeNotFound,
        ModelChangeOver,
        PeopleWaitedFor,
    ),
    summary="End the change of models early",
)
async def end_change(community_id: UUID, staff: StaffMember, db: Database, clock: Clock) -> ModelChange:
    """Once nobody is waited for: the old pack's templates are erased, from the gates as well."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await service.end(conn, community_id=community_id, staff_id=staff.staff_id, now=clock())
        return await _read(conn, community_id)


@post(
    "/call-off",
    opt={"needs": Permission.RECOGNITION},
    status_code=200,
    responses=problems(
        Unauthorised, Forbidden, SecondFactorRequired, CommunityNotFound, ModelChangeNotFound, ModelChangeOver
    ),
    summary="Call the change of models off",
)
async def call_off_change(community_id: UUID, staff: StaffMember, db: Database, clock: Clock) -> ModelChange:
    """Everybody keeps the template that he had; those of the new pack are erased."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await service.call_off(conn, community_id=community_id, staff_id=staff.staff_id, now=clock())
        return await _read(conn, community_id)


staff_router = Router(
    path="/communities/{community_id:uuid}/model-change",
    route_handlers=[begin_change, read_change, end_change, call_off_change],
    tags=["recognition"],
)

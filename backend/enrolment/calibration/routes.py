"""Staff: how the community's gates decide whom they see."""

from uuid import UUID

from litestar import Router, get, put

from backend.audit import service as audit
from backend.communities.errors import CommunityNotFound
from backend.enrolment.calibration import service
from backend.enrolment.calibration.schemas import Recognition, Target
from backend.enrolment.calibration.shown import shown
from backend.enrolment.faces import FaceService
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import Forbidden, Unauthorised, problems

__all__ = ["staff_router"]


@get(
    "/",
    opt={"needs": Permission.COMMUNITY_CHANGE},
    responses=problems(Unauthorised, Forbidden, CommunityNotFound),
    summary="Read how faces are recognised",
)
async def read_recognition(community_id: UUID, db: Database, faces: FaceService) -> Recognition:
    """The threshold in use, how sure it is, and the curve it was fitted to; by kind of person and age where known."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        return await shown(conn, community_id=community_id, pack=faces.pack)


@put(
    "/",
    opt={"needs": Permission.RECOGNITION},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, CommunityNotFound),
    summary="Set how rarely a stranger may be taken for somebody",
)
async def set_target(
    community_id: UUID, data: Target, staff: StaffMember, db: Database, faces: FaceService, clock: Clock
) -> Recognition:
    """The threshold is fitted to it at once, and gates get it with their next head, within half a minute."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await service.change_fpir(conn, community_id=community_id, fpir=data.fpir, now=clock())
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff.staff_id}",
            action="recognition.target",
            target=f"community:{community_id}",
            reason=f"{data.fpir:g}",
        )
        return await shown(conn, community_id=community_id, pack=faces.pack)


staff_router = Router(
    path="/communities/{community_id:uuid}/recognition",
    route_handlers=[read_recognition, set_target],
    tags=["recognition"],
)

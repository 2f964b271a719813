"""Staff: the photograph that the register holds of one member."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, Router, delete, get, put
from litestar.datastructures import CacheControlHeader

from backend.audit import service as audit
from backend.enrolment.faces import MAX_PHOTO_BYTES, FaceService
from backend.enrolment.findings import register_threshold
from backend.enrolment.register import repository, service
from backend.enrolment.register.errors import FaceActive, RegisterPhotoNotFound
from backend.enrolment.register.limits import REGISTER
from backend.enrolment.register.schemas import RegisterPhoto
from backend.enrolment.uploads import PICTURE_FAILURES, PhotoOperation, received
from backend.households.errors import MemberNotFound
from backend.keys.service import Keys
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from backend.kit.problems import Forbidden, Unauthorised, problems
from backend.kit.storage import ObjectStore, StorageUnavailable

__all__ = ["staff_router"]

AnyRequest = Request[Any, Any, Any]


@put(
    "/",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    responses=problems(
        Unauthorised,
        Forbidden,
        SecondFactorRequired,
        MemberNotFound,
        FaceActive,
        *PICTURE_FAILURES,
    ),
    operation_class=PhotoOperation,
    request_max_body_size=MAX_PHOTO_BYTES + 1,
    summary="Keep a register photograph",
)
async def keep(
    community_id: UUID,
    member_id: UUID,
    request: AnyRequest,
    staff: StaffMember,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    faces: FaceService,
    clock: Clock,
) -> RegisterPhoto:
    """Keep a member's photograph, in place of one that was there, to compare with the first face that he takes.

    It opens no gate, is in no gallery, and goes once his face is active, when its time is over, or with him.
    """

    async def record(conn: Connection) -> None:
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff.staff_id}",
            action="register_photo.keep",
            target=f"member:{member_id}",
        )

    async with faces.upload():
        data = await received(request)
        checked = await faces.check(
            data, declared=request.headers.get("content-type", ""), person_id=staff.staff_id, limits=REGISTER
        )
        row = await service.keep(
            db,
            keys,
            objects,
            community_id=community_id,
            member_id=member_id,
            checked=checked,
            pack=faces.pack.id,
            match_from=register_threshold(faces.pack),
            kept_by=staff.staff_id,
            also=record,
            now=clock(),
        )
    return RegisterPhoto.of(row)


@get(
    "/",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, RegisterPhotoNotFound),
    summary="Ask for a register photograph",
)
async def read(community_id: UUID, member_id: UUID, db: Database) -> RegisterPhoto:
    """Whether the register holds a photograph of the member, and since when."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        return RegisterPhoto.of(await service.require(conn, community_id=community_id, member_id=member_id))


@get(
    "/picture",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, RegisterPhotoNotFound, StorageUnavailable),
    cache_control=CacheControlHeader(no_store=True),
    media_type="image/jpeg",
    summary="Look at a register photograph",
)
async def look(
    community_id: UUID, member_id: UUID, staff: StaffMember, db: Database, keys: Keys, objects: ObjectStore
) -> Response[bytes]:
    """The photograph as JPEG. Each look is recorded in the audit trail."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        row = await service.require(conn, community_id=community_id, member_id=member_id)
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff.staff_id}",
            action="register_photo.read",
            target=f"member:{member_id}",
        )
    jpeg = await service.opened(keys, objects, row)
    return Response(jpeg, media_type="image/jpeg", headers={"X-Content-Type-Options": "nosniff"})


@delete(
    "/",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, RegisterPhotoNotFound),
    summary="Drop a register photograph",
)
async def drop(community_id: UUID, member_id: UUID, staff: StaffMember, db: Database, clock: Clock) -> None:
    """Use it no more; key and object are destroyed within a minute."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        if not await repository.retire(conn, community_id=community_id, member_id=member_id, now=clock()):
            raise RegisterPhotoNotFound
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff.staff_id}",
            action="register_photo.drop",
            target=f"member:{member_id}",
        )


staff_router = Router(
    path="/communities/{community_id:uuid}/members/{member_id:uuid}/register-photo",
    route_handlers=[keep, read, look, drop],
    tags=["register photographs"],
)

"""Devices: handing over pictures of denied approaches. Staff: looking at them."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, Router, get, post
from litestar.datastructures import CacheControlHeader
from litestar.enums import RequestEncodingType
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body

from backend.communities.errors import CommunityNotFound
from backend.gates.errors import GateRevoked
from backend.gates.frames import repository, service
from backend.gates.frames.errors import FrameInvalid, FrameNotFound
from backend.gates.frames.schemas import Frame, FrameKey, FrameList
from backend.gates.guards import in_service
from backend.keys.errors import KeyServiceUnavailable
from backend.keys.service import Keys
from backend.kit.auth import GatePrincipal, Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Forbidden, PayloadTooLarge, Unauthorised, problems
from backend.kit.storage import ObjectStore, StorageUnavailable
from gate_sdk.wire import MAX_FRAME_BYTES, DeniedFrame, FrameReceipt

__all__ = ["gate_router", "staff_router"]

_MSGPACK = "application/vnd.msgpack"


@post(
    "/",
    guards=[in_service],
    status_code=200,
    media_type=_MSGPACK,
    request_max_body_size=MAX_FRAME_BYTES + 1024,
    responses={
        200: ResponseSpec(FrameReceipt, media_type=_MSGPACK, description="Whether it is kept", generate_examples=False),
        **problems(Unauthorised, GateRevoked, PayloadTooLarge, FrameInvalid, KeyServiceUnavailable, StorageUnavailable),
    },
    summary="Hand over a picture of a denied approach",
)
async def hand_over(
    data: Annotated[DeniedFrame, Body(media_type=RequestEncodingType.MESSAGEPACK)],
    gate: GatePrincipal,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    clock: Clock,
) -> Response[bytes]:
    """Only where the head of the community carries a policy for it; otherwise it is not kept, and the answer says so.

    The gate forgets its own copy with any answer of 200.
    """
    kept = await service.keep(
        db, keys, objects, community_id=gate.community_id, gate_id=gate.gate_id, frame=data, now=clock()
    )
    return Response(msgspec.msgpack.encode(FrameReceipt(kept=kept)), media_type=_MSGPACK)


gate_router = Router(path="/denied-frames", route_handlers=[hand_over], tags=["gates"])


@get(
    "/",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, CommunityNotFound, CursorInvalid),
    summary="List pictures of denied approaches",
)
async def list_frames(
    community_id: UUID, db: Database, clock: Clock, cursor: Cursor = None, limit: Limit = 50
) -> FrameList:
    """What there is to look at, the newest first; nothing where the community has not turned it on."""
    key = decode_cursor(cursor, FrameKey)
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        rows = await repository.list_frames(
            conn,
            community_id=community_id,
            at=clock(),
            before=None if key is None else (key.taken_at, key.frame_id),
            limit=limit + 1,
        )
    shown, following = split_page(rows, limit, lambda row: FrameKey(row.taken_at, row.frame_id))
    return FrameList(tuple(Frame.of(row) for row in shown), following)


@get(
    "/{frame_id:uuid}/picture",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    responses=problems(
        Unauthorised,
        Forbidden,
        SecondFactorRequired,
        CommunityNotFound,
        FrameNotFound,
        KeyServiceUnavailable,
        StorageUnavailable,
    ),
    cache_control=CacheControlHeader(no_store=True),
    media_type="image/jpeg",
    summary="Look at a picture of a denied approach",
)
async def read_picture(
    community_id: UUID,
    frame_id: UUID,
    staff: StaffMember,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    clock: Clock,
) -> Response[bytes]:
    """The picture as JPEG. Each look is recorded in the audit trail."""
    jpeg = await service.show(
        db, keys, objects, community_id=community_id, frame_id=frame_id, staff_id=staff.staff_id, now=clock()
    )
    return Response(jpeg, media_type="image/jpeg", headers={"X-Content-Type-Options": "nosniff"})


staff_router = Router(
    path="/communities/{community_id:uuid}/denied-frames",
    route_handlers=[list_frames, read_picture],
    tags=["denied frames"],
)

"""Staff: faces that somebody has to look at."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, Router, get, post
from litestar.datastructures import CacheControlHeader
from litestar.params import Parameter
from msgspec import Meta

from backend.enrolment.errors import (
    PhotoNotFound,
    ReviewChanged,
    ReviewDecided,
    ReviewMoot,
    ReviewNotFound,
)
from backend.enrolment.reviews import repository, service
from backend.enrolment.reviews.alike import alike
from backend.enrolment.reviews.schemas import AlikeList, Approval, Refusal, Retake, Review, ReviewList
from backend.keys.service import Keys
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Forbidden, Unauthorised, problems
from backend.kit.storage import ObjectStore, StorageUnavailable

__all__ = ["staff_router"]

Slot = Annotated[int, Parameter(ge=1, le=3)]


class _After(msgspec.Struct, frozen=True, array_like=True):
    """The key of a page's last row."""

    opened_at: Annotated[datetime, Meta(tz=True)]
    review_id: UUID


@get(
    "/",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, CursorInvalid),
    cache_control=CacheControlHeader(no_store=True),
    summary="List faces in review",
)
async def list_reviews(community_id: UUID, db: Database, limit: Limit = 50, cursor: Cursor = None) -> ReviewList:
    """The faces that wait, the longest waiting first."""
    after = decode_cursor(cursor, _After)
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        rows = await repository.list_pending(
            conn,
            community_id=community_id,
            after=None if after is None else (after.opened_at, after.review_id),
            limit=limit + 1,
        )
        page, next_cursor = split_page(rows, limit, lambda row: _After(row.opened_at, row.review_id))
        return ReviewList(await service.shown(conn, community_id=community_id, rows=page), next_cursor)


@get(
    "/{review_id:uuid}",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, ReviewNotFound),
    cache_control=CacheControlHeader(no_store=True),
    summary="Read a review",
)
async def read_review(community_id: UUID, review_id: UUID, db: Database) -> Review:
    """One face that waits or was decided on."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        return await service.read(conn, community_id=community_id, review_id=review_id)


@get(
    "/{review_id:uuid}/photos/{slot:int}",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    responses=problems(
        Unauthorised, Forbidden, SecondFactorRequired, ReviewNotFound, PhotoNotFound, StorageUnavailable
    ),
    cache_control=CacheControlHeader(no_store=True),
    media_type="image/jpeg",
    summary="Look at a photograph",
)
async def read_photo(
    community_id: UUID,
    review_id: UUID,
    slot: Slot,
    staff: StaffMember,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
) -> Response[bytes]:
    """A photograph of an open review, as JPEG without any hidden data. Each look is recorded in the audit trail."""
    jpeg = await service.photo(
        db, keys, objects, community_id=community_id, review_id=review_id, slot=slot, staff_id=staff.staff_id
    )
    return Response(jpeg, media_type="image/jpeg", headers={"X-Content-Type-Options": "nosniff"})


@post(
    "/{review_id:uuid}/approve",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    status_code=200,
    responses=problems(
        Unauthorised,
        Forbidden,
        SecondFactorRequired,
        ReviewNotFound,
        ReviewDecided,
        ReviewChanged,
        ReviewMoot,
        StorageUnavailable,
    ),
    summary="Approve a face",
)
async def approve(
    community_id: UUID,
    review_id: UUID,
    data: Approval,
    staff: StaffMember,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    clock: Clock,
) -> Review:
    """The reviewer has made sure whose face it is: the community's gates may know it."""
    return await service.approve(
        db,
        keys,
        objects,
        community_id=community_id,
        review_id=review_id,
        basis=data.basis,
        staff_id=staff.staff_id,
        now=clock(),
    )


@post(
    "/{review_id:uuid}/refuse",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    status_code=200,
    responses=problems(
        Unauthorised, Forbidden, SecondFactorRequired, ReviewNotFound, ReviewDecided, StorageUnavailable
    ),
    summary="Refuse a face",
)
async def refuse(
    community_id: UUID,
    review_id: UUID,
    data: Refusal,
    staff: StaffMember,
    db: Database,
    objects: ObjectStore,
    clock: Clock,
) -> Review:
    """The gates do not get this face, and it is erased; the person sees the reason and keeps his QR code."""
    return await service.refuse(
        db,
        objects,
        community_id=community_id,
        review_id=review_id,
        state="refused",
        reason_code=data.reason,
        note=data.note,
        staff_id=staff.staff_id,
        now=clock(),
    )


@post(
    "/{review_id:uuid}/retake",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    status_code=200,
    responses=problems(
        Unauthorised, Forbidden, SecondFactorRequired, ReviewNotFound, ReviewDecided, StorageUnavailable
    ),
    summary="Ask for new photographs",
)
async def retake(
    community_id: UUID,
    review_id: UUID,
    data: Retake,
    staff: StaffMember,
    db: Database,
    objects: ObjectStore,
    clock: Clock,
) -> Review:
    """Nobody can decide by these photographs: they are erased, and a message asks the person to take new ones."""
    return await service.refuse(
        db,
        objects,
        community_id=community_id,
        review_id=review_id,
        state="retake",
        reason_code=data.reason,
        note=data.note,
        staff_id=staff.staff_id,
        now=clock(),
    )


@get(
    "/{review_id:uuid}/alike",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, ReviewNotFound, ReviewDecided, ReviewMoot),
    cache_control=CacheControlHeader(no_store=True),
    summary="Read whom a face is like",
)
async def read_alike(community_id: UUID, review_id: UUID, staff: StaffMember, db: Database, keys: Keys) -> AlikeList:
    """Others of this community, active or waiting, whose face is like this one. Each look is recorded."""
    return AlikeList(await alike(db, keys, community_id=community_id, review_id=review_id, staff_id=staff.staff_id))


staff_router = Router(
    path="/communities/{community_id:uuid}/reviews",
    route_handlers=[list_reviews, read_review, read_photo, read_alike, approve, refuse, retake],
    tags=["faces"],
)

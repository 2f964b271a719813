"""Staff: legal holds, for the authority's legal officer alone."""

from uuid import UUID

from litestar import Response, Router, get, post
from litestar.datastructures import CacheControlHeader

from backend.keys.service import Keys
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Forbidden, NotFound, Unauthorised, problems
from backend.kit.storage import ObjectStore, StorageFull, StorageUnavailable
from backend.privacy.holds import repository, service
from backend.privacy.holds.errors import (
    ErasureBegun,
    HeldPersonNotFound,
    HeldPhotographNotFound,
    HoldEnded,
    HoldNotFound,
    HoldPeriodInvalid,
    NothingToHold,
    PhotographsChanged,
    SecrecyUnfounded,
)
from backend.privacy.holds.schemas import Hold, HoldKey, HoldPage, HoldRenewal, NewHold

__all__ = ["staff_router"]


@post(
    "/",
    opt={"needs": Permission.LEGAL_HOLD},
    responses=problems(
        Unauthorised,
        Forbidden,
        SecondFactorRequired,
        HeldPersonNotFound,
        NothingToHold,
        ErasureBegun,
        PhotographsChanged,
        HoldPeriodInvalid,
        SecrecyUnfounded,
        StorageUnavailable,
        StorageFull,
    ),
    summary="Set a legal hold",
)
async def set_hold(
    community_id: UUID,
    data: NewHold,
    staff: StaffMember,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    clock: Clock,
) -> Hold:
    """Keep the photographs that there are of a person from being erased, by an order and for a time.

    Those of his enrolments, and those that this community's office holds of him for its register, whether or not he has
    ever joined. Everything else of an erasure goes on. A hold keeps what there is now; later photographs need another.
    """
    row, kept = await service.set_hold(
        db, keys, objects, community_id=community_id, staff_id=staff.staff_id, new=data, now=clock()
    )
    return Hold.of(row, kept)


@get(
    "/",
    opt={"needs": Permission.LEGAL_HOLD},
    responses=problems(CursorInvalid, Unauthorised, Forbidden, SecondFactorRequired, NotFound),
    summary="List legal holds",
)
async def list_holds(community_id: UUID, db: Database, limit: Limit = 50, cursor: Cursor = None) -> HoldPage:
    """The community's holds, those that have ended included, those set last at the head."""
    key = decode_cursor(cursor, HoldKey)
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        rows = await repository.list_in_community(
            conn,
            community_id=community_id,
            before=None if key is None else (key.set_at, key.hold_id),
            limit=limit + 1,
        )
    page, next_cursor = split_page(rows, limit, lambda row: HoldKey(row.set_at, row.hold_id))
    return HoldPage(holds=tuple(Hold.of(row) for row in page), next_cursor=next_cursor)


@get(
    "/{hold_id:uuid}",
    opt={"needs": Permission.LEGAL_HOLD},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, HoldNotFound),
    summary="Read a legal hold",
)
async def read_hold(community_id: UUID, hold_id: UUID, db: Database) -> Hold:
    """One hold, and which photographs it keeps."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        row, kept = await service.read(conn, community_id=community_id, hold_id=hold_id)
    return Hold.of(row, kept)


@post(
    "/{hold_id:uuid}/renew",
    opt={"needs": Permission.LEGAL_HOLD},
    status_code=200,
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, HoldNotFound, HoldEnded, HoldPeriodInvalid),
    summary="Renew a legal hold",
)
async def renew_hold(
    community_id: UUID, hold_id: UUID, data: HoldRenewal, staff: StaffMember, db: Database, clock: Clock
) -> Hold:
    """Give a standing hold another end, at most six months from now."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        row = await service.renew(
            conn, community_id=community_id, hold_id=hold_id, staff_id=staff.staff_id, renewal=data, now=clock()
        )
    return Hold.of(row)


@post(
    "/{hold_id:uuid}/end",
    opt={"needs": Permission.LEGAL_HOLD},
    status_code=200,
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, HoldNotFound, HoldEnded),
    summary="Lift a legal hold",
)
async def end_hold(community_id: UUID, hold_id: UUID, staff: StaffMember, db: Database, clock: Clock) -> Hold:
    """End a hold before its time. What it kept is destroyed, and erasures that waited for it go on."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        row = await service.lift(conn, community_id=community_id, hold_id=hold_id, staff_id=staff.staff_id, now=clock())
    return Hold.of(row)


@get(
    "/{hold_id:uuid}/photographs/{photo_id:uuid}",
    opt={"needs": Permission.LEGAL_HOLD},
    responses=problems(
        Unauthorised, Forbidden, SecondFactorRequired, HoldNotFound, HeldPhotographNotFound, StorageUnavailable
    ),
    cache_control=CacheControlHeader(no_store=True),
    media_type="image/jpeg",
    summary="Look at a held photograph",
)
async def read_photograph(
    community_id: UUID,
    hold_id: UUID,
    photo_id: UUID,
    staff: StaffMember,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    clock: Clock,
) -> Response[bytes]:
    """A photograph that a standing hold keeps, as JPEG. Each look is recorded in the audit trail."""
    jpeg = await service.photograph(
        db,
        keys,
        objects,
        community_id=community_id,
        hold_id=hold_id,
        photo_id=photo_id,
        staff_id=staff.staff_id,
        now=clock(),
    )
    return Response(jpeg, media_type="image/jpeg", headers={"X-Content-Type-Options": "nosniff"})


staff_router = Router(
    path="/communities/{community_id:uuid}/holds",
    route_handlers=[set_hold, list_holds, read_hold, renew_hold, end_hold, read_photograph],
    tags=["privacy"],
)

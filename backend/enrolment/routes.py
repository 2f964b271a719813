"""Residents and visitors: enrolling by three photographs, and what became of it."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Router, get, post, put
from litestar.params import Parameter

from backend.communities.errors import CommunityNotFound
from backend.consent.errors import ConsentMissing
from backend.enrolment import service, status
from backend.enrolment.errors import EnrolmentNotFound
from backend.enrolment.faces import MAX_PHOTO_BYTES, FaceService
from backend.enrolment.schemas import Completed, Enrolment, EnrolmentList, EnrolmentProgress, NewEnrolment, PhotoTaken
from backend.enrolment.uploads import COMPLETION_FAILURES, PHOTO_FAILURES, PhotoOperation, declared_type, received
from backend.keys.service import Keys
from backend.kit.auth import ResidentPrincipal, VisitorPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import Unauthorised, problems
from backend.kit.storage import ObjectStore

__all__ = ["resident_router", "visitor_router"]

AnyRequest = Request[Any, Any, Any]
Slot = Annotated[int, Parameter(ge=1, le=3, description="Which of the three pictures")]

_BEGIN = problems(Unauthorised, CommunityNotFound, EnrolmentNotFound, ConsentMissing)
_PHOTO = problems(Unauthorised, *PHOTO_FAILURES)
_COMPLETE = problems(Unauthorised, *COMPLETION_FAILURES)


class Caller(msgspec.Struct, frozen=True):
    """Who enrols: a resident, or a visitor whom a community has invited; ``actor`` as the audit trail names him."""

    person_id: UUID
    actor: str
    invited_to: UUID | None = None


def _resident(principal: ResidentPrincipal) -> Caller:
    return Caller(principal.person_id, f"resident:{principal.person_id}")


def _visitor(principal: VisitorPrincipal) -> Caller:
    return Caller(principal.person_id, f"{principal.kind}:{principal.person_id}", principal.community_id)


@post("/", responses=_BEGIN, summary="Begin an enrolment")
async def begin_resident(
    data: NewEnrolment,
    resident: ResidentPrincipal,
    db: Database,
    objects: ObjectStore,
    faces: FaceService,
    clock: Clock,
) -> Enrolment:
    """Begin to enrol the caller's own face. An enrolment that was open ends."""
    return await _begin(_resident(resident), data, db, objects, faces, clock)


@post("/", responses=_BEGIN, summary="Begin an enrolment")
async def begin_visitor(
    data: NewEnrolment,
    visitor: VisitorPrincipal,
    db: Database,
    objects: ObjectStore,
    faces: FaceService,
    clock: Clock,
) -> Enrolment:
    """Begin to enrol the caller's own face. An enrolment that was open ends."""
    return await _begin(_visitor(visitor), data, db, objects, faces, clock)


@put(
    "/{enrolment_id:uuid}/photos/{slot:int}",
    responses=_PHOTO,
    operation_class=PhotoOperation,
    request_max_body_size=MAX_PHOTO_BYTES + 1,
    summary="Take a photograph",
)
async def photo_resident(
    enrolment_id: UUID,
    slot: Slot,
    request: AnyRequest,
    resident: ResidentPrincipal,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    faces: FaceService,
    clock: Clock,
) -> PhotoTaken:
    """Look at a photograph while the person waits, and keep it where it is good; again takes the place of the first."""
    return await _photo(request, _resident(resident), enrolment_id, slot, db, keys, objects, faces, clock)


@put(
    "/{enrolment_id:uuid}/photos/{slot:int}",
    responses=_PHOTO,
    operation_class=PhotoOperation,
    request_max_body_size=MAX_PHOTO_BYTES + 1,
    summary="Take a photograph",
)
async def photo_visitor(
    enrolment_id: UUID,
    slot: Slot,
    request: AnyRequest,
    visitor: VisitorPrincipal,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    faces: FaceService,
    clock: Clock,
) -> PhotoTaken:
    """Look at a photograph while the person waits, and keep it where it is good; again takes the place of the first."""
    return await _photo(request, _visitor(visitor), enrolment_id, slot, db, keys, objects, faces, clock)


@post("/{enrolment_id:uuid}/complete", status_code=200, responses=_COMPLETE, summary="Complete an enrolment")
async def complete_resident(
    enrolment_id: UUID,
    resident: ResidentPrincipal,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    faces: FaceService,
    clock: Clock,
) -> Completed:
    """Make the caller's template of the three photographs. Repeating it is harmless."""
    return await _complete(_resident(resident), enrolment_id, db, keys, objects, faces, clock)


@post("/{enrolment_id:uuid}/complete", status_code=200, responses=_COMPLETE, summary="Complete an enrolment")
async def complete_visitor(
    enrolment_id: UUID,
    visitor: VisitorPrincipal,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    faces: FaceService,
    clock: Clock,
) -> Completed:
    """Make the caller's template of the three photographs. Repeating it is harmless."""
    return await _complete(_visitor(visitor), enrolment_id, db, keys, objects, faces, clock)


@get("/", responses=problems(Unauthorised), summary="List my enrolments")
async def list_resident(resident: ResidentPrincipal, db: Database, clock: Clock) -> EnrolmentList:
    """The caller's enrolments: where his face is active, where it waits for somebody to look at it and since when."""
    return await _list(_resident(resident), db, clock)


@get("/", responses=problems(Unauthorised), summary="List my enrolments")
async def list_visitor(visitor: VisitorPrincipal, db: Database, clock: Clock) -> EnrolmentList:
    """The caller's enrolments: where his face is active, where it waits for somebody to look at it and since when."""
    return await _list(_visitor(visitor), db, clock)


@get("/{enrolment_id:uuid}", responses=problems(Unauthorised, EnrolmentNotFound), summary="Read an enrolment")
async def read_resident(
    enrolment_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock
) -> EnrolmentProgress:
    """Which pictures are taken and which are to be taken still, to go on after a lost connection."""
    return await _read(_resident(resident), enrolment_id, db, clock)


@get("/{enrolment_id:uuid}", responses=problems(Unauthorised, EnrolmentNotFound), summary="Read an enrolment")
async def read_visitor(enrolment_id: UUID, visitor: VisitorPrincipal, db: Database, clock: Clock) -> EnrolmentProgress:
    """Which pictures are taken and which are to be taken still, to go on after a lost connection."""
    return await _read(_visitor(visitor), enrolment_id, db, clock)


async def _begin(
    caller: Caller, data: NewEnrolment, db: Database, objects: ObjectStore, faces: FaceService, clock: Clock
) -> Enrolment:
    row = await service.begin(
        db,
        objects,
        faces,
        person_id=caller.person_id,
        invited_to=caller.invited_to,
        community_id=data.community_id,
        actor=caller.actor,
        now=clock(),
    )
    return Enrolment.of(row)


async def _photo(
    request: AnyRequest,
    caller: Caller,
    enrolment_id: UUID,
    slot: int,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    faces: FaceService,
    clock: Clock,
) -> PhotoTaken:
    declared = declared_type(request)
    await service.admit(db, person_id=caller.person_id, enrolment_id=enrolment_id, now=clock())
    async with faces.upload():
        data = await received(request)
        checked = await service.take_photo(
            db,
            keys,
            objects,
            faces,
            person_id=caller.person_id,
            invited_to=caller.invited_to,
            enrolment_id=enrolment_id,
            slot=slot,
            data=data,
            declared=declared,
            now=clock(),
        )
    return PhotoTaken(slot=slot, quality=checked.numbers())


async def _complete(
    caller: Caller,
    enrolment_id: UUID,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    faces: FaceService,
    clock: Clock,
) -> Completed:
    placed = await service.complete(
        db,
        keys,
        objects,
        faces,
        person_id=caller.person_id,
        enrolment_id=enrolment_id,
        actor=caller.actor,
        now=clock(),
    )
    return status.completed(placed)


async def _read(caller: Caller, enrolment_id: UUID, db: Database, clock: Clock) -> EnrolmentProgress:
    async with db.transaction(Scope(person_id=caller.person_id), read_only=True) as conn:
        return await service.progress(conn, person_id=caller.person_id, enrolment_id=enrolment_id, now=clock())


async def _list(caller: Caller, db: Database, clock: Clock) -> EnrolmentList:
    async with db.transaction(Scope(person_id=caller.person_id), read_only=True) as conn:
        return await status.list_status(conn, person_id=caller.person_id, now=clock())


resident_router = Router(
    path="/enrolments",
    route_handlers=[begin_resident, photo_resident, complete_resident, list_resident, read_resident],
    tags=["faces"],
)
visitor_router = Router(
    path="/enrolments",
    route_handlers=[begin_visitor, photo_visitor, complete_visitor, list_visitor, read_visitor],
    tags=["faces"],
)

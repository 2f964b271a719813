"""Residents: a child's face, taken by its guardian."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Router, get, post, put
from litestar.params import Parameter

from backend.communities.errors import CommunityNotFound
from backend.consent.errors import ConsentMissing
from backend.enrolment import service as enrolment
from backend.enrolment import status
from backend.enrolment.errors import EnrolmentNotFound
from backend.enrolment.faces import MAX_PHOTO_BYTES, FaceService
from backend.enrolment.schemas import Completed, Enrolment, EnrolmentList, EnrolmentProgress, NewEnrolment, PhotoTaken
from backend.enrolment.uploads import COMPLETION_FAILURES, PHOTO_FAILURES, PhotoOperation, declared_type, received
from backend.guardians.rules import Power
from backend.keys.service import Keys
from backend.kit.auth import ResidentPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import problems
from backend.kit.storage import ObjectStore
from backend.privacy.wards.acting import WARD, actor, require
from backend.privacy.wards.guards import of_guardian

__all__ = ["faces_router"]

Slot = Annotated[int, Parameter(ge=1, le=3, description="Which of the three pictures")]


@post(
    "/wards/{person_id:uuid}/enrolments",
    guards=[of_guardian],
    responses=problems(*WARD, CommunityNotFound, EnrolmentNotFound, ConsentMissing),
    summary="Begin to enrol a child",
)
async def begin_enrolment(
    person_id: UUID,
    data: NewEnrolment,
    resident: ResidentPrincipal,
    db: Database,
    objects: ObjectStore,
    faces: FaceService,
    clock: Clock,
) -> Enrolment:
    """Begin to enrol a child's face. An enrolment of it that was open ends."""
    await require(db, resident, person_id, Power.ENROL, clock)
    row = await enrolment.begin(
        db,
        objects,
        faces,
        person_id=person_id,
        invited_to=None,
        community_id=data.community_id,
        actor=actor(resident),
        now=clock(),
    )
    return Enrolment.of(row)


@put(
    "/wards/{person_id:uuid}/enrolments/{enrolment_id:uuid}/photos/{slot:int}",
    responses=problems(*WARD, *PHOTO_FAILURES),
    operation_class=PhotoOperation,
    request_max_body_size=MAX_PHOTO_BYTES + 1,
    summary="Take a photograph of a child",
)
async def take_photo(
    person_id: UUID,
    enrolment_id: UUID,
    slot: Slot,
    request: Request[Any, Any, Any],
    resident: ResidentPrincipal,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    faces: FaceService,
    clock: Clock,
) -> PhotoTaken:
    """Look at a photograph while guardian and child wait, and keep it where it is good."""
    await require(db, resident, person_id, Power.ENROL, clock)
    declared = declared_type(request)
    await enrolment.admit(db, person_id=person_id, enrolment_id=enrolment_id, now=clock())
    async with faces.upload():
        checked = await enrolment.take_photo(
            db,
            keys,
            objects,
            faces,
            person_id=person_id,
            invited_to=None,
            enrolment_id=enrolment_id,
            slot=slot,
            data=await received(request),
            declared=declared,
            now=clock(),
        )
    return PhotoTaken(slot=slot, quality=checked.numbers())


@post(
    "/wards/{person_id:uuid}/enrolments/{enrolment_id:uuid}/complete",
    status_code=200,
    responses=problems(*WARD, *COMPLETION_FAILURES),
    summary="Complete a child's enrolment",
)
async def complete_enrolment(
    person_id: UUID,
    enrolment_id: UUID,
    resident: ResidentPrincipal,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    faces: FaceService,
    clock: Clock,
) -> Completed:
    """Make the child's template of the three photographs. Repeating it is harmless."""
    await require(db, resident, person_id, Power.ENROL, clock)
    placed = await enrolment.complete(
        db,
        keys,
        objects,
        faces,
        person_id=person_id,
        enrolment_id=enrolment_id,
        actor=actor(resident),
        now=clock(),
    )
    return status.completed(placed)


@get("/wards/{person_id:uuid}/enrolments", responses=problems(*WARD), summary="List a child's enrolments")
async def list_enrolments(person_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock) -> EnrolmentList:
    """Where the child's face is active, and where it waits for somebody to look at it."""
    await require(db, resident, person_id, Power.LOOK, clock)
    async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        return await status.list_status(conn, person_id=person_id, now=clock())


@get(
    "/wards/{person_id:uuid}/enrolments/{enrolment_id:uuid}",
    responses=problems(*WARD, EnrolmentNotFound),
    summary="Read a child's enrolment",
)
async def read_enrolment(
    person_id: UUID, enrolment_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock
) -> EnrolmentProgress:
    """Which pictures of the child are taken and which are to be taken still, to go on after a lost connection."""
    await require(db, resident, person_id, Power.LOOK, clock)
    async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        return await enrolment.progress(conn, person_id=person_id, enrolment_id=enrolment_id, now=clock())


faces_router = Router(
    path="/", route_handlers=[begin_enrolment, take_photo, complete_enrolment, list_enrolments, read_enrolment]
)

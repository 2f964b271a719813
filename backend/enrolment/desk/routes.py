"""Staff: enrolling somebody who stands at the desk."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Router, get, post, put
from litestar.params import Parameter

from backend.consent.errors import (
    ConsentDocumentNotFound,
    ConsentMissing,
    ConsentVersionOutdated,
    ErasureRunning,
)
from backend.enrolment import service, status
from backend.enrolment.desk import service as desk
from backend.enrolment.desk.schemas import DeskEnrolment
from backend.enrolment.errors import EnrolmentNotFound
from backend.enrolment.faces import MAX_PHOTO_BYTES, FaceService
from backend.enrolment.schemas import Completed, Enrolment, EnrolmentProgress, PhotoTaken
from backend.enrolment.uploads import COMPLETION_FAILURES, PHOTO_FAILURES, PhotoOperation, declared_type, received
from backend.guardians.errors import DecidesHimself, GuardianNeeded, GuardianRefused, WardNotFound
from backend.households.errors import AgeUnknown, MemberNotFound, MemberNotOpen, TenancyEnded
from backend.keys.service import Keys
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import Forbidden, Unauthorised, problems
from backend.kit.storage import ObjectStore

__all__ = ["staff_router"]

AnyRequest = Request[Any, Any, Any]
Slot = Annotated[int, Parameter(ge=1, le=3, description="Which of the three pictures")]


@post(
    "/",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    responses=problems(
        Unauthorised,
        Forbidden,
        SecondFactorRequired,
        MemberNotFound,
        MemberNotOpen,
        TenancyEnded,
        AgeUnknown,
        GuardianNeeded,
        GuardianRefused,
        WardNotFound,
        DecidesHimself,
        ConsentMissing,
        ConsentDocumentNotFound,
        ConsentVersionOutdated,
        ErasureRunning,
    ),
    summary="Begin an enrolment at the desk",
)
async def begin(
    community_id: UUID,
    member_id: UUID,
    data: DeskEnrolment,
    staff: StaffMember,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    faces: FaceService,
    clock: Clock,
) -> Enrolment:
    """Record what the person signed on paper, and take his photographs: for people without a smartphone or an account.

    The caller sees him and his identity document; the face needs no other look in this community.
    """
    row = await desk.begin(
        db,
        keys,
        objects,
        faces,
        community_id=community_id,
        member_id=member_id,
        texts=data.texts,
        paper_reference=data.paper_reference,
        language=data.language,
        guardianship_id=data.guardianship_id,
        staff_id=staff.staff_id,
        now=clock(),
    )
    return Enrolment.of(row)


@get(
    "/{enrolment_id:uuid}",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, MemberNotFound, EnrolmentNotFound),
    summary="Read an enrolment at the desk",
)
async def read(
    community_id: UUID, member_id: UUID, enrolment_id: UUID, db: Database, clock: Clock
) -> EnrolmentProgress:
    """Which pictures are taken and which are to be taken still."""
    person_id = await _person(db, community_id, member_id)
    async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        return await service.progress(
            conn, person_id=person_id, enrolment_id=enrolment_id, now=clock(), desk=community_id
        )


@put(
    "/{enrolment_id:uuid}/photos/{slot:int}",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, MemberNotFound, *PHOTO_FAILURES),
    operation_class=PhotoOperation,
    request_max_body_size=MAX_PHOTO_BYTES + 1,
    summary="Take a photograph at the desk",
)
async def photo(
    community_id: UUID,
    member_id: UUID,
    enrolment_id: UUID,
    slot: Slot,
    request: AnyRequest,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    faces: FaceService,
    clock: Clock,
) -> PhotoTaken:
    """Look at a photograph, and keep it where it is good; again takes the place of the first."""
    declared = declared_type(request)
    person_id = await _person(db, community_id, member_id)
    await service.admit(db, person_id=person_id, enrolment_id=enrolment_id, now=clock(), desk=community_id)
    async with faces.upload():
        data = await received(request)
        checked = await service.take_photo(
            db,
            keys,
            objects,
            faces,
            person_id=person_id,
            invited_to=None,
            enrolment_id=enrolment_id,
            slot=slot,
            data=data,
            declared=declared,
            now=clock(),
            desk=community_id,
        )
    return PhotoTaken(slot=slot, quality=checked.numbers())


@post(
    "/{enrolment_id:uuid}/complete",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    status_code=200,
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, MemberNotFound, *COMPLETION_FAILURES),
    summary="Complete an enrolment at the desk",
)
async def complete(
    community_id: UUID,
    member_id: UUID,
    enrolment_id: UUID,
    staff: StaffMember,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    faces: FaceService,
    clock: Clock,
) -> Completed:
    """Make the template; it is active at once, unless somebody else here has that face. Repeating it is harmless."""
    person_id = await _person(db, community_id, member_id)
    placed = await service.complete(
        db,
        keys,
        objects,
        faces,
        person_id=person_id,
        enrolment_id=enrolment_id,
        actor=f"staff:{staff.staff_id}",
        now=clock(),
        desk=community_id,
    )
    # What other communities make of the face is not this office's to know.
    return status.completed([place for place in placed if place.community_id == community_id])


async def _person(db: Database, community_id: UUID, member_id: UUID) -> UUID:
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        return await desk.person_of(conn, community_id=community_id, member_id=member_id)


staff_router = Router(
    path="/communities/{community_id:uuid}/members/{member_id:uuid}/desk-enrolments",
    route_handlers=[begin, read, photo, complete],
    tags=["faces"],
)

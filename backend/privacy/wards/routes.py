"""Residents: acting for a child. Every route begins by asking whether the caller is its guardian, and how old it is."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Router, get, post, put
from litestar.datastructures import CacheControlHeader
from litestar.params import Parameter
from litestar.response import Stream

from backend.audit import service as audit
from backend.communities.errors import CommunityNotFound
from backend.consent import repository as consents
from backend.consent import service as consent
from backend.consent.errors import ConsentDocumentNotFound, ConsentMissing, ConsentVersionOutdated, ErasureRunning
from backend.consent.schemas import Consent, ConsentList, NewConsent
from backend.consent.service import Purpose
from backend.enrolment import service as enrolment
from backend.enrolment import status
from backend.enrolment.errors import (
    EnrolmentEnded,
    EnrolmentExpired,
    EnrolmentNotFound,
    EnrolmentUnderErasure,
    FacesBusy,
    PhotoRefused,
    PhotosChanged,
    PhotosMissing,
    PhotoTooLarge,
    PhotoTypeUnsupported,
    SetRefused,
    TooManyPhotos,
    UploadInterrupted,
)
from backend.enrolment.faces import MAX_PHOTO_BYTES, FaceService
from backend.enrolment.schemas import Completed, Enrolment, EnrolmentList, EnrolmentProgress, NewEnrolment, PhotoTaken
from backend.enrolment.uploads import PhotoOperation, declared_type, received
from backend.guardians.errors import DecidesHimself, GuardianRefused, WardNotFound
from backend.guardians.rules import Power, Recapture
from backend.keys.service import Keys
from backend.kit.auth import ResidentPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from backend.kit.problems import Unauthorised, problems
from backend.kit.storage import ObjectStore, StorageFull, StorageUnavailable
from backend.privacy import routes as erasures
from backend.privacy.forgetting import repository as traces
from backend.privacy.requests import routes as requests
from backend.privacy.requests.errors import (
    ExportExpired,
    FreshLogInNeeded,
    RequestDecided,
    RequestIncomplete,
    RequestNotFound,
    TooManyRequestsMade,
)
from backend.privacy.requests.repository import Kind
from backend.privacy.requests.schemas import NewRequest, RequestList
from backend.privacy.requests.schemas import Request as MadeRequest
from backend.privacy.requests.service import Asker
from backend.privacy.schemas import ErasureList, Started, Withdrawn
from backend.privacy.wards import service
from backend.privacy.wards.guards import of_guardian
from backend.privacy.wards.reading import list_wards, own_age
from backend.privacy.wards.schemas import OwnAge, WardList

__all__ = ["resident_router"]

Slot = Annotated[int, Parameter(ge=1, le=3, description="Which of the three pictures")]
_WARD = (Unauthorised, WardNotFound, DecidesHimself)
_POWERS: dict[Kind, Power] = {
    "access": Power.COPY,
    "correction": Power.SPEAK,
    "objection": Power.SPEAK,
    "restriction": Power.RESTRICT,
    "erasure": Power.WITHDRAW,
}


@get("/wards", responses=problems(Unauthorised), summary="List the children I act for")
async def read_wards(resident: ResidentPrincipal, db: Database, clock: Clock, recapture: Recapture) -> WardList:
    """The children whose guardian the caller is, what he may do for each, and when its face should be taken anew."""
    async with db.transaction(Scope(person_id=resident.person_id), read_only=True) as conn:
        return await list_wards(conn, guardian_id=resident.person_id, recapture=recapture, now=clock())


@get("/age", responses=problems(Unauthorised), summary="Read how far I decide for myself")
async def read_age(resident: ResidentPrincipal, db: Database, clock: Clock, recapture: Recapture) -> OwnAge:
    """For young people with a phone of their own: from when they decide, until when an answer is waited for."""
    async with db.transaction(Scope(person_id=resident.person_id), read_only=True) as conn:
        return await own_age(conn, person_id=resident.person_id, recapture=recapture, now=clock())


@get("/wards/{person_id:uuid}/consents", responses=problems(*_WARD), summary="List a child's consents")
async def list_consents(person_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock) -> ConsentList:
    """All that was ever agreed to for the child, by which guardian's word, and what it agreed to itself."""
    await _require(db, resident, person_id, Power.LOOK, clock)
    async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        rows = await consents.list_consents(conn, person_id=person_id)
    return ConsentList(tuple(Consent.of(row) for row in rows))


@put(
    "/wards/{person_id:uuid}/consents/{purpose:str}",
    guards=[of_guardian],
    responses=problems(*_WARD, GuardianRefused, ConsentDocumentNotFound, ConsentVersionOutdated, ErasureRunning),
    summary="Agree for a child",
)
async def give_consent(
    person_id: UUID,
    purpose: Purpose,
    data: NewConsent,
    resident: ResidentPrincipal,
    db: Database,
    keys: Keys,
    clock: Clock,
) -> Consent:
    """Agree to the current text of a purpose for a child under fourteen; not against another guardian's no."""
    await _require(db, resident, person_id, Power.CONSENT, clock)
    async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        await consent.check_may_give(conn, person_id=person_id)
    # As for one's own consent: a new key before the consent that promises one.
    await keys.readmit(person_id)
    now = clock()
    async with db.transaction(Scope(person_id=resident.person_id)) as conn:
        tie = await service.act_for(
            conn, guardian_id=resident.person_id, person_id=person_id, power=Power.CONSENT, now=now
        )
        row = await consent.give(
            conn,
            person_id=person_id,
            purpose=purpose,
            version=data.version,
            language=data.language,
            surface="resident",
            actor=_actor(resident),
            now=now,
            guardian=tie,
        )
        await _record(conn, resident, person_id, "ward.consent.give")
    return Consent.of(row)


@post(
    "/wards/{person_id:uuid}/consents/{purpose:str}/withdraw",
    responses=problems(*_WARD),
    summary="Refuse, or withdraw, for a child",
)
async def withdraw_consent(
    person_id: UUID,
    purpose: Purpose,
    resident: ResidentPrincipal,
    db: Database,
    clock: Clock,
    pepper: bytes,
    public_url: str,
) -> Withdrawn:
    """Say no for a child. What stood, whoever gave it, ends and is erased; the right to enter goes on by QR code.

    No other guardian's yes counts until the caller says yes himself, or is its guardian no more.
    """
    now = clock()
    async with db.transaction(Scope(person_id=resident.person_id)) as conn:
        tie = await service.act_for(
            conn, guardian_id=resident.person_id, person_id=person_id, power=Power.WITHDRAW, now=now
        )
        begun = await service.withdraw(conn, guardianship=tie, person_id=person_id, purpose=purpose, now=now)
        await _record(conn, resident, person_id, "ward.consent.withdraw")
        if begun is None:
            return Withdrawn(withdrawn=False, erasures=())
        link = await erasures.certificate_link_of(conn, begun, pepper, public_url)
    return Withdrawn(withdrawn=True, erasures=(Started.of(begun),), certificate_link=link)


@post(
    "/wards/{person_id:uuid}/enrolments",
    guards=[of_guardian],
    responses=problems(*_WARD, CommunityNotFound, EnrolmentNotFound, ConsentMissing),
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
    await _require(db, resident, person_id, Power.ENROL, clock)
    row = await enrolment.begin(
        db,
        objects,
        faces,
        person_id=person_id,
        invited_to=None,
        community_id=data.community_id,
        actor=_actor(resident),
        now=clock(),
    )
    return Enrolment.of(row)


@put(
    "/wards/{person_id:uuid}/enrolments/{enrolment_id:uuid}/photos/{slot:int}",
    responses=problems(
        *_WARD,
        EnrolmentNotFound,
        ConsentMissing,
        EnrolmentEnded,
        EnrolmentUnderErasure,
        EnrolmentExpired,
        PhotoTooLarge,
        PhotoTypeUnsupported,
        PhotoRefused,
        TooManyPhotos,
        UploadInterrupted,
        FacesBusy,
        StorageUnavailable,
        StorageFull,
    ),
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
    await _require(db, resident, person_id, Power.ENROL, clock)
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
    responses=problems(
        *_WARD,
        EnrolmentNotFound,
        ConsentMissing,
        EnrolmentEnded,
        EnrolmentUnderErasure,
        EnrolmentExpired,
        PhotosMissing,
        PhotosChanged,
        SetRefused,
    ),
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
    await _require(db, resident, person_id, Power.ENROL, clock)
    placed = await enrolment.complete(
        db,
        keys,
        objects,
        faces,
        person_id=person_id,
        enrolment_id=enrolment_id,
        actor=_actor(resident),
        now=clock(),
    )
    return status.completed(placed)


@get("/wards/{person_id:uuid}/enrolments", responses=problems(*_WARD), summary="List a child's enrolments")
async def list_enrolments(person_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock) -> EnrolmentList:
    """Where the child's face is active, and where it waits for somebody to look at it."""
    await _require(db, resident, person_id, Power.LOOK, clock)
    async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        return await status.list_status(conn, person_id=person_id, now=clock())


@get(
    "/wards/{person_id:uuid}/enrolments/{enrolment_id:uuid}",
    responses=problems(*_WARD, EnrolmentNotFound),
    summary="Read a child's enrolment",
)
async def read_enrolment(
    person_id: UUID, enrolment_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock
) -> EnrolmentProgress:
    """Which pictures of the child are taken and which are to be taken still, to go on after a lost connection."""
    await _require(db, resident, person_id, Power.LOOK, clock)
    async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        return await enrolment.progress(conn, person_id=person_id, enrolment_id=enrolment_id, now=clock())


@post(
    "/wards/{person_id:uuid}/requests",
    guards=[of_guardian],
    responses=problems(*_WARD, FreshLogInNeeded, RequestIncomplete, CommunityNotFound, TooManyRequestsMade),
    summary="Ask about a child's data",
)
async def ask(
    person_id: UUID, data: NewRequest, resident: ResidentPrincipal, db: Database, clock: Clock
) -> MadeRequest:
    """Ask for a copy, a correction, a restriction, an objection or erasure; needs a log-in of the last five minutes.

    From fourteen on the copy and the erasure are the young person's own to ask for.
    """
    await _require(db, resident, person_id, _POWERS[data.kind], clock)
    if data.kind == "erasure":
        # His no stands, as after a withdrawal; once he has shown that the phone is his.
        asker = await _asker(db, resident, person_id)
        asker.require_fresh(now=clock())
        async with db.transaction(Scope(person_id=resident.person_id)) as conn:
            now = clock()
            tie = await service.act_for(
                conn, guardian_id=resident.person_id, person_id=person_id, power=Power.WITHDRAW, now=now
            )
            await service.refuse_all(conn, guardianship=tie, person_id=person_id, now=now)
    return await requests.ask(db, clock, await _asker(db, resident, person_id), _actor(resident), data)


@get("/wards/{person_id:uuid}/requests", responses=problems(*_WARD), summary="List requests about a child")
async def list_requests(person_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock) -> RequestList:
    """What was asked about the child's data, and what became of it."""
    await _require(db, resident, person_id, Power.LOOK, clock)
    return await requests.list_own(db, clock, person_id)


@get(
    "/wards/{person_id:uuid}/requests/{request_id:uuid}/export",
    responses=problems(*_WARD, FreshLogInNeeded, RequestNotFound, ExportExpired),
    cache_control=CacheControlHeader(no_store=True),
    media_type="application/zip",
    summary="Fetch the copy of a child's data",
)
async def fetch(
    person_id: UUID,
    request_id: UUID,
    resident: ResidentPrincipal,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    clock: Clock,
) -> Stream:
    """A ZIP archive as for one's own data, of a child under fourteen; by the session that asked, or a new one."""
    await _require(db, resident, person_id, Power.COPY, clock)
    asker = await _asker(db, resident, person_id)
    return await requests.export(db, keys, objects, clock, asker, _actor(resident), request_id)


@post(
    "/wards/{person_id:uuid}/requests/{request_id:uuid}/lift",
    status_code=200,
    responses=problems(*_WARD, FreshLogInNeeded, GuardianRefused, RequestNotFound, RequestDecided),
    summary="Take back a restriction for a child",
)
async def lift(
    person_id: UUID, request_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock
) -> MadeRequest:
    """Let the gates use the child's face again; not against the guardian who asked for the restriction."""
    await _require(db, resident, person_id, Power.RESTRICT, clock)
    return await requests.lift(db, clock, await _asker(db, resident, person_id), _actor(resident), request_id)


@get("/wards/{person_id:uuid}/erasures", responses=problems(*_WARD), summary="List a child's erasures")
async def list_erasures(person_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock) -> ErasureList:
    """The child's erasures and how far they are, the newest first."""
    await _require(db, resident, person_id, Power.LOOK, clock)
    return await erasures.list_own(db, person_id)


async def _require(db: Database, resident: ResidentPrincipal, person_id: UUID, power: Power, clock: Clock) -> None:
    async with db.transaction(Scope(person_id=resident.person_id), read_only=True) as conn:
        await service.act_for(conn, guardian_id=resident.person_id, person_id=person_id, power=power, now=clock())


async def _asker(db: Database, resident: ResidentPrincipal, person_id: UUID) -> Asker:
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        begun = await traces.session_begun_at(conn, session_id=resident.session_id, person_id=resident.person_id)
    return Asker(person_id, "resident", resident.session_id, begun, resident.person_id)


async def _record(conn: Connection, resident: ResidentPrincipal, person_id: UUID, action: str) -> None:
    # The platform's chain: the child's consent is no community's.
    await audit.record(conn, community_id=None, actor=_actor(resident), action=action, target=f"person:{person_id}")


def _actor(resident: ResidentPrincipal) -> str:
    return f"guardian:{resident.person_id}"


resident_router = Router(
    path="/",
    route_handlers=[
        read_wards,
        read_age,
        list_consents,
        give_consent,
        withdraw_consent,
        begin_enrolment,
        take_photo,
        complete_enrolment,
        list_enrolments,
        read_enrolment,
        ask,
        list_requests,
        fetch,
        lift,
        list_erasures,
    ],
    tags=["guardians"],
)

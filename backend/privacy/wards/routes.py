"""Residents: acting for a child. Every route begins by asking whether the caller is its guardian, and how old it is."""

from uuid import UUID

from litestar import Router, get, post, put

from backend.consent import repository as consents
from backend.consent import service as consent
from backend.consent.errors import ConsentDocumentNotFound, ConsentVersionOutdated, ErasureRunning
from backend.consent.schemas import Consent, ConsentList, NewConsent
from backend.consent.service import Purpose
from backend.guardians.errors import GuardianRefused
from backend.guardians.rules import Power, Recapture
from backend.keys.service import Keys
from backend.kit.auth import ResidentPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import Unauthorised, problems
from backend.privacy import routes as erasures
from backend.privacy.schemas import ErasureList, Started, Withdrawn
from backend.privacy.trail import record_begun
from backend.privacy.wards import service
from backend.privacy.wards.acting import WARD, actor, record, require
from backend.privacy.wards.asking import asking_router
from backend.privacy.wards.faces import faces_router
from backend.privacy.wards.guards import of_guardian
from backend.privacy.wards.reading import list_wards, own_age
from backend.privacy.wards.schemas import OwnAge, WardList

__all__ = ["resident_router"]


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


@get("/wards/{person_id:uuid}/consents", responses=problems(*WARD), summary="List a child's consents")
async def list_consents(person_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock) -> ConsentList:
    """All that was ever agreed to for the child, by which guardian's word, and what it agreed to itself."""
    await require(db, resident, person_id, Power.LOOK, clock)
    async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        rows = await consents.list_consents(conn, person_id=person_id)
    return ConsentList(tuple(Consent.of(row) for row in rows))


@put(
    "/wards/{person_id:uuid}/consents/{purpose:str}",
    guards=[of_guardian],
    responses=problems(*WARD, GuardianRefused, ConsentDocumentNotFound, ConsentVersionOutdated, ErasureRunning),
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
    await require(db, resident, person_id, Power.CONSENT, clock)
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
            actor=actor(resident),
            now=now,
            guardian=tie,
        )
        await record(conn, resident, person_id, "ward.consent.give")
    return Consent.of(row)


@post(
    "/wards/{person_id:uuid}/consents/{purpose:str}/withdraw",
    responses=problems(*WARD),
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
        await record(conn, resident, person_id, "ward.consent.withdraw")
        if begun is None:
            return Withdrawn(withdrawn=False, erasures=())
        await record_begun(conn, community_id=None, actor=actor(resident), begun=[begun])
        link = await erasures.certificate_link_of(conn, begun, pepper, public_url)
    return Withdrawn(withdrawn=True, erasures=(Started.of(begun),), certificate_link=link)


@get("/wards/{person_id:uuid}/erasures", responses=problems(*WARD), summary="List a child's erasures")
async def list_erasures(person_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock) -> ErasureList:
    """The child's erasures and how far they are, the newest first."""
    await require(db, resident, person_id, Power.LOOK, clock)
    return await erasures.list_own(db, person_id)


resident_router = Router(
    path="/",
    route_handlers=[
        read_wards,
        read_age,
        list_consents,
        give_consent,
        withdraw_consent,
        list_erasures,
        faces_router,
        asking_router,
    ],
    tags=["guardians"],
)

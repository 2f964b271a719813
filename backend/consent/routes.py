"""Residents and visitors: the texts, and agreeing to them. Withdrawing is privacy's, because it erases."""

from uuid import UUID

from litestar import Router, get, put

from backend.communities.frames import repository as frames
from backend.communities.repository import get_community
from backend.consent import repository, service
from backend.consent.errors import ConsentDocumentNotFound, ConsentVersionOutdated, ErasureRunning
from backend.consent.schemas import Consent, ConsentList, Document, DocumentList, NewConsent
from backend.consent.service import Purpose
from backend.guardians.errors import GuardianNeeded
from backend.keys.service import Keys
from backend.kit.auth import ResidentPrincipal, VisitorPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import Unauthorised, problems

__all__ = ["resident_router", "visitor_router"]


@get("/documents", opt={"public": True}, security=[{}], responses=problems(), summary="Read the current texts")
async def list_documents(db: Database, clock: Clock, community_id: UUID | None = None) -> DocumentList:
    """The current text of every purpose, in every language. Nobody has to log in to read what he would agree to.

    With `community_id` the text about faces carries a `supplement` where that community's gates keep more than others',
    and `handler` says who processes the data there.
    """
    async with db.transaction(Scope(community_id=community_id, platform=True), read_only=True) as conn:
        rows = await repository.list_current_documents(conn)
        policy = community = None
        if community_id is not None:
            policy = await frames.get_policy(conn, community_id=community_id, at=clock())
            community = await get_community(conn, community_id=community_id)
    documents = tuple(Document.of(row, policy) for row in rows)
    return DocumentList(documents, handler=None if community is None else community.handler)


@get("/", responses=problems(Unauthorised), summary="List my consents")
async def list_resident_consents(resident: ResidentPrincipal, db: Database) -> ConsentList:
    """All that the caller ever agreed to."""
    return await _list(db, resident.person_id)


@get("/", opt={"after_end": "rights"}, responses=problems(Unauthorised), summary="List my consents")
async def list_visitor_consents(visitor: VisitorPrincipal, db: Database) -> ConsentList:
    """All that the caller ever agreed to."""
    return await _list(db, visitor.person_id)


_GIVE = problems(Unauthorised, GuardianNeeded, ConsentDocumentNotFound, ConsentVersionOutdated, ErasureRunning)


@put("/{purpose:str}", responses=_GIVE, summary="Agree to the current text of a purpose")
async def give_resident_consent(
    purpose: Purpose, data: NewConsent, resident: ResidentPrincipal, db: Database, keys: Keys, clock: Clock
) -> Consent:
    """Agree, for this purpose alone; repeating it changes nothing."""
    return await _give(db, keys, clock, resident.person_id, purpose, data, "resident", "resident")


@put("/{purpose:str}", responses=_GIVE, summary="Agree to the current text of a purpose")
async def give_visitor_consent(
    purpose: Purpose, data: NewConsent, visitor: VisitorPrincipal, db: Database, keys: Keys, clock: Clock
) -> Consent:
    """Agree, for this purpose alone; repeating it changes nothing."""
    return await _give(db, keys, clock, visitor.person_id, purpose, data, "visitor", visitor.kind)


async def _list(db: Database, person_id: UUID) -> ConsentList:
    async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        rows = await repository.list_consents(conn, person_id=person_id)
    return ConsentList(tuple(Consent.of(row) for row in rows))


async def _give(
    db: Database,
    keys: Keys,
    clock: Clock,
    person_id: UUID,
    purpose: Purpose,
    data: NewConsent,
    surface: str,
    calling: str,
) -> Consent:
    async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        await service.check_may_give(conn, person_id=person_id)
    # Whoever was erased and agrees anew gets a new key. Before the consent is kept: a crash between the two then leaves
    # a person who may have a key and has none, not one who agreed and can never enrol.
    await keys.readmit(person_id)
    async with db.transaction(Scope(person_id=person_id)) as conn:
        row = await service.give(
            conn,
            person_id=person_id,
            purpose=purpose,
            version=data.version,
            language=data.language,
            surface=surface,
            actor=f"{calling}:{person_id}",
            now=clock(),
        )
    return Consent.of(row)


_RESIDENT = [list_documents, list_resident_consents, give_resident_consent]
_VISITOR = [list_documents, list_visitor_consents, give_visitor_consent]
resident_router = Router(path="/consents", route_handlers=_RESIDENT, tags=["consent"])
visitor_router = Router(path="/consents", route_handlers=_VISITOR, tags=["consent"])

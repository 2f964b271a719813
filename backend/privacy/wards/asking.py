"""Residents: requests about a child's data, by its guardian."""

from uuid import UUID

from litestar import Router, get, post
from litestar.datastructures import CacheControlHeader
from litestar.response import Stream

from backend.communities.errors import CommunityNotFound
from backend.guardians.errors import GuardianRefused
from backend.guardians.rules import Power
from backend.keys.service import Keys
from backend.kit.auth import ResidentPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import problems
from backend.kit.storage import ObjectStore
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
from backend.privacy.wards import service
from backend.privacy.wards.acting import WARD, actor, require
from backend.privacy.wards.guards import of_guardian

__all__ = ["asking_router"]

_POWERS: dict[Kind, Power] = {
    "access": Power.COPY,
    "correction": Power.SPEAK,
    "objection": Power.SPEAK,
    "restriction": Power.RESTRICT,
    "erasure": Power.WITHDRAW,
}


@post(
    "/wards/{person_id:uuid}/requests",
    guards=[of_guardian],
    responses=problems(*WARD, FreshLogInNeeded, RequestIncomplete, CommunityNotFound, TooManyRequestsMade),
    summary="Ask about a child's data",
)
async def ask(
    person_id: UUID, data: NewRequest, resident: ResidentPrincipal, db: Database, clock: Clock
) -> MadeRequest:
    """Ask for a copy, a correction, a restriction, an objection or erasure; needs a log-in of the last five minutes.

    From fourteen on the copy and the erasure are the young person's own to ask for.
    """
    await require(db, resident, person_id, _POWERS[data.kind], clock)
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
    return await requests.ask(db, clock, await _asker(db, resident, person_id), actor(resident), data)


@get("/wards/{person_id:uuid}/requests", responses=problems(*WARD), summary="List requests about a child")
async def list_requests(person_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock) -> RequestList:
    """What was asked about the child's data, and what became of it."""
    await require(db, resident, person_id, Power.LOOK, clock)
    return await requests.list_own(db, clock, person_id)


@get(
    "/wards/{person_id:uuid}/requests/{request_id:uuid}/export",
    responses=problems(*WARD, FreshLogInNeeded, RequestNotFound, ExportExpired),
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
    await require(db, resident, person_id, Power.COPY, clock)
    asker = await _asker(db, resident, person_id)
    return await requests.export(db, keys, objects, clock, asker, actor(resident), request_id)


@post(
    "/wards/{person_id:uuid}/requests/{request_id:uuid}/lift",
    status_code=200,
    responses=problems(*WARD, FreshLogInNeeded, GuardianRefused, RequestNotFound, RequestDecided),
    summary="Take back a restriction for a child",
)
async def lift(
    person_id: UUID, request_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock
) -> MadeRequest:
    """Let the gates use the child's face again; not against the guardian who asked for the restriction."""
    await require(db, resident, person_id, Power.RESTRICT, clock)
    return await requests.lift(db, clock, await _asker(db, resident, person_id), actor(resident), request_id)


async def _asker(db: Database, resident: ResidentPrincipal, person_id: UUID) -> Asker:
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        begun = await traces.session_begun_at(conn, session_id=resident.session_id, person_id=resident.person_id)
    return Asker(person_id, "resident", resident.session_id, begun, resident.person_id)


asking_router = Router(path="/", route_handlers=[ask, list_requests, fetch, lift])

"""Residents and visitors: requests about their data, and the copy of it. Staff: the requests that wait for them."""

from typing import Annotated
from uuid import UUID

from litestar import Router, get, post
from litestar.datastructures import CacheControlHeader
from litestar.params import Parameter
from litestar.response import Stream

from backend.audit import service as audit
from backend.communities.errors import CommunityNotFound
from backend.enrolment.export import opened_faces
from backend.guardians.errors import GuardianNeeded
from backend.keys.service import Keys
from backend.kit.auth import Permission, ResidentPrincipal, SecondFactorRequired, StaffMember, VisitorPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Forbidden, Unauthorised, problems
from backend.kit.storage import ObjectStore
from backend.privacy.forgetting import repository as traces
from backend.privacy.requests import repository, service
from backend.privacy.requests.errors import (
    ExportExpired,
    FreshLogInNeeded,
    RequestDecided,
    RequestIncomplete,
    RequestNotFound,
    TooManyRequestsMade,
)
from backend.privacy.requests.export import archive, gather
from backend.privacy.requests.schemas import Decision, NewRequest, Request, RequestKey, RequestList, RequestPage
from backend.privacy.requests.service import Asked, Asker
from backend.privacy.trail import record_act

__all__ = ["ask", "export", "lift", "list_own", "resident_router", "staff_router", "visitor_router"]

_ASK = problems(Unauthorised, FreshLogInNeeded, RequestIncomplete, CommunityNotFound, TooManyRequestsMade)
_LIFT = problems(Unauthorised, FreshLogInNeeded, GuardianNeeded, RequestNotFound, RequestDecided)
_EXPORT = problems(Unauthorised, FreshLogInNeeded, RequestNotFound, ExportExpired)
OnlyOpen = Annotated[bool, Parameter(description="Only those that wait for a decision")]


@post("/requests", responses=_ASK, summary="Ask about my data")
async def ask_as_resident(data: NewRequest, resident: ResidentPrincipal, db: Database, clock: Clock) -> Request:
    """Ask for a copy, a correction, a restriction, an objection or erasure.

    Needs a log-in of the last five minutes. A copy can be fetched at once, for 24 hours.
    """
    return await ask(db, clock, await _resident(db, resident), f"resident:{resident.person_id}", data)


@post("/requests", opt={"after_end": "rights"}, responses=_ASK, summary="Ask about my data")
async def ask_as_visitor(data: NewRequest, visitor: VisitorPrincipal, db: Database, clock: Clock) -> Request:
    """Ask for a copy, a correction, a restriction, an objection or erasure. A copy can be fetched at once."""
    return await ask(db, clock, _visitor(visitor), f"{visitor.kind}:{visitor.person_id}", data)


@get("/requests", responses=problems(Unauthorised), summary="List my requests")
async def list_resident_requests(resident: ResidentPrincipal, db: Database, clock: Clock) -> RequestList:
    """The caller's requests and what became of them."""
    return await list_own(db, clock, resident.person_id)


@get("/requests", opt={"after_end": "rights"}, responses=problems(Unauthorised), summary="List my requests")
async def list_visitor_requests(visitor: VisitorPrincipal, db: Database, clock: Clock) -> RequestList:
    """The caller's requests and what became of them."""
    return await list_own(db, clock, visitor.person_id)


@get(
    "/requests/{request_id:uuid}/export",
    responses=_EXPORT,
    cache_control=CacheControlHeader(no_store=True),
    media_type="application/zip",
    summary="Fetch the copy of my data",
)
async def fetch_as_resident(
    request_id: UUID, resident: ResidentPrincipal, db: Database, keys: Keys, objects: ObjectStore, clock: Clock
) -> Stream:
    """A ZIP archive: index.html to read, JSON by noun, photographs. Made anew each time; nothing of it is stored.

    By the session that asked, or by one that has just begun.
    """
    asker = await _resident(db, resident)
    return await export(db, keys, objects, clock, asker, f"resident:{resident.person_id}", request_id)


@get(
    "/requests/{request_id:uuid}/export",
    opt={"after_end": "rights"},
    responses=_EXPORT,
    cache_control=CacheControlHeader(no_store=True),
    media_type="application/zip",
    summary="Fetch the copy of my data",
)
async def fetch_as_visitor(
    request_id: UUID, visitor: VisitorPrincipal, db: Database, keys: Keys, objects: ObjectStore, clock: Clock
) -> Stream:
    """A ZIP archive: index.html to read, JSON by noun, photographs. Made anew each time; nothing of it is stored."""
    actor = f"{visitor.kind}:{visitor.person_id}"
    return await export(db, keys, objects, clock, _visitor(visitor), actor, request_id)


@post("/requests/{request_id:uuid}/lift", status_code=200, responses=_LIFT, summary="Take back a restriction")
async def lift_as_resident(request_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock) -> Request:
    """Let the community's gates use the face again."""
    return await lift(db, clock, await _resident(db, resident), f"resident:{resident.person_id}", request_id)


@post(
    "/requests/{request_id:uuid}/lift",
    opt={"after_end": "rights"},
    status_code=200,
    responses=_LIFT,
    summary="Take back a restriction",
)
async def lift_as_visitor(request_id: UUID, visitor: VisitorPrincipal, db: Database, clock: Clock) -> Request:
    """Let the community's gates use the face again."""
    return await lift(db, clock, _visitor(visitor), f"{visitor.kind}:{visitor.person_id}", request_id)


@get(
    "/requests",
    opt={"needs": Permission.ERASURE},
    responses=problems(CursorInvalid, Unauthorised, Forbidden, SecondFactorRequired),
    summary="List people's requests",
)
async def list_requests(
    community_id: UUID,
    db: Database,
    clock: Clock,
    only_open: OnlyOpen = True,  # noqa: FBT002 - a query parameter, named by its caller
    limit: Limit = 50,
    cursor: Cursor = None,
) -> RequestPage:
    """What people have asked of this community, those that are due first at the head."""
    key = decode_cursor(cursor, RequestKey)
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        rows = await repository.list_in_community(
            conn,
            community_id=community_id,
            only_open=only_open,
            after=None if key is None else (key.due_at, key.request_id),
            limit=limit + 1,
        )
    page, next_cursor = split_page(rows, limit, lambda row: RequestKey(row.due_at, row.request_id))
    now = clock()
    return RequestPage(requests=tuple(Request.of(row, now=now) for row in page), next_cursor=next_cursor)


@post(
    "/requests/{request_id:uuid}/decide",
    opt={"needs": Permission.ERASURE},
    status_code=200,
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, RequestNotFound, RequestDecided),
    summary="Decide a request",
)
async def decide_request(
    community_id: UUID, request_id: UUID, data: Decision, staff: StaffMember, db: Database, clock: Clock
) -> Request:
    """Grant or refuse, with the answer that the person reads. A granted correction changes the register at once."""
    now = clock()
    async with db.transaction(Scope(community_id=community_id)) as conn:
        row = await service.decide(
            conn,
            community_id=community_id,
            request_id=request_id,
            granted=data.granted,
            answer=data.answer,
            staff_id=staff.staff_id,
            now=now,
        )
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff.staff_id}",
            action="request.grant" if data.granted else "request.refuse",
            target=f"request:{request_id}",
        )
    return Request.of(row, now=now)


async def _resident(db: Database, resident: ResidentPrincipal) -> Asker:
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        begun = await traces.session_begun_at(conn, session_id=resident.session_id, person_id=resident.person_id)
    return Asker(resident.person_id, "resident", resident.session_id, begun)


def _visitor(visitor: VisitorPrincipal) -> Asker:
    return Asker(visitor.person_id, "visitor", visitor.session_id, None)


async def ask(db: Database, clock: Clock, asker: Asker, actor: str, data: NewRequest) -> Request:
    """Make a request for ``asker``, on the word of ``actor``."""
    now = clock()
    asked = Asked(kind=data.kind, community_id=data.community_id, text=data.text, name=data.name)
    async with db.transaction(Scope(person_id=asker.person_id)) as conn:
        row, begun = await service.ask(conn, asker=asker, asked=asked, now=now)
        # The platform's chain: a person's request is no community's, and which one it names stands in its row.
        action, target = f"request.{row.kind}", f"request:{row.request_id}"
        await record_act(conn, community_id=None, actor=actor, action=action, target=target, begun=begun)
    return Request.of(row, now=now)


async def list_own(db: Database, clock: Clock, person_id: UUID) -> RequestList:
    """What was asked about the person."""
    async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        rows = await repository.list_of_person(conn, person_id=person_id)
    now = clock()
    return RequestList(tuple(Request.of(row, now=now) for row in rows))


async def lift(db: Database, clock: Clock, asker: Asker, actor: str, request_id: UUID) -> Request:
    """Take back a restriction."""
    now = clock()
    async with db.transaction(Scope(person_id=asker.person_id)) as conn:
        row = await service.lift(conn, asker=asker, request_id=request_id, now=now)
        await audit.record(conn, community_id=None, actor=actor, action="request.lift", target=f"request:{request_id}")
    return Request.of(row, now=now)


async def export(
    db: Database, keys: Keys, objects: ObjectStore, clock: Clock, asker: Asker, actor: str, request_id: UUID
) -> Stream:
    """The copy of the person's data, as a stream."""
    now, person_id = clock(), asker.person_id
    async with db.transaction(Scope(person_id=person_id)) as conn:
        await service.open_export(conn, asker=asker, request_id=request_id, now=now)
        # Before anything is opened: that biometric data was read is known also where the line broke.
        await audit.record(
            conn, community_id=None, actor=actor, action="request.export", target=f"request:{request_id}"
        )
    both = Scope(person_id=person_id, platform=True)
    async with db.transaction(both, isolation="REPEATABLE READ", read_only=True) as conn:
        found = await gather(conn, person_id=person_id)
    faces = opened_faces(db, keys, objects, person_id=person_id)
    return Stream(
        archive(found, faces, person_id=person_id, now=now),
        media_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="my-data.zip"', "X-Content-Type-Options": "nosniff"},
    )


resident_router = Router(
    path="/",
    route_handlers=[ask_as_resident, list_resident_requests, fetch_as_resident, lift_as_resident],
    tags=["privacy"],
)
visitor_router = Router(
    path="/",
    route_handlers=[ask_as_visitor, list_visitor_requests, fetch_as_visitor, lift_as_visitor],
    tags=["privacy"],
)
staff_router = Router(
    path="/communities/{community_id:uuid}", route_handlers=[list_requests, decide_request], tags=["privacy"]
)

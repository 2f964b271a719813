"""Devices: provisioning, tokens, sync, events. Staff: gates."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, get, post, put
from litestar.datastructures import ResponseHeader
from litestar.enums import RequestEncodingType
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body, Parameter

from backend.access import service as access
from backend.audit import service as audit
from backend.codes import service as codes
from backend.communities.errors import CommunityNotFound
from backend.couriers.comings import service as comings
from backend.doors.errors import DoorNotFound
from backend.doors.plans.service import publish
from backend.doors.repository import hold as hold_doors
from backend.enrolment.faces import FaceService
from backend.enrolment.models import repository as models
from backend.entries import service as entries
from backend.entries.errors import BatchInvalid
from backend.gates import repository, service
from backend.gates.arrivals import service as arrivals
from backend.gates.assertions import read_assertion
from backend.gates.errors import (
    AssertionRefused,
    ClaimEnded,
    ClaimUnknown,
    CursorStale,
    GateNotFound,
    GateOutOfService,
    GateRevoked,
    ProofInvalid,
    RosterDiverged,
    StateIncomplete,
    TooManyClaims,
)
from backend.gates.guards import in_service
from backend.gates.pages import read_position, server_keys
from backend.gates.schemas import ClaimCode, Gate, GateKey, GateList, GatePlace, NewGate, Revocation
from backend.gates.sync import MAX_WAIT_S, GateSync
from backend.keys.service import Keys
from backend.kit.auth import ACCESS_TTL, GatePrincipal, Permission, SecondFactorRequired, StaffMember, Tokens
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from backend.kit.etag import IfMatch, PreconditionFailed, require_match
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Forbidden, PayloadTooLarge, Unauthorised, problems
from gate_sdk.wire import (
    Acknowledged,
    EventBatch,
    EventReceipt,
    ProvisionRequest,
    ProvisionResponse,
    SyncPage,
    TokenRequest,
    TokenResponse,
    UseAnswer,
    UseClaim,
)

__all__ = ["gate_router", "staff_router"]

MSGPACK = "application/vnd.msgpack"
TOKEN_PATH = "/gate/v1/token"  # noqa: S105 - an address
# A provisioning or token request is a few hundred bytes, a full batch of events about 100 kB.
_MAX_SMALL_BYTES = 16_384
_MAX_BATCH_BYTES = 1_000_000
_MOST = 2**63 - 1
Counter = Annotated[int | None, Parameter(ge=0, le=_MOST, description="Of the head that the gate has")]
Digest = Annotated[str | None, Parameter(pattern="^[0-9a-f]{64}$", description="Of that head, hexadecimal")]
HeldPlan = Annotated[
    str | None,
    Parameter(
        pattern="^(none|[0-9a-f]{64})$",
        description="SHA-256 of the plan that the gate has, or `none`; absent: it knows no plans, and is sent none",
    ),
]
HeldFrames = Annotated[
    str | None,
    Parameter(
        pattern="^(none|[0-9]{1,2}-[0-9]{1,17})$",
        description="`hours-until_us` of the `denied_frames` that the gate's head has, or `none`",
    ),
]
Wait = Annotated[int, Parameter(ge=0, le=MAX_WAIT_S, description="Seconds to wait for news at most")]


@post(
    "/provision",
    opt={"public": True},
    security=[{}],
    request_max_body_size=_MAX_SMALL_BYTES,
    responses=problems(ClaimUnknown, ClaimEnded, PayloadTooLarge, ProofInvalid, TooManyClaims),
    summary="Become a gate",
)
async def provision(
    data: ProvisionRequest,
    db: Database,
    keys: Keys,
    pepper: bytes,
    clock: Clock,
    gates: GateSync,
    faces: FaceService,
    client_address: str,
) -> ProvisionResponse:
    """Exchange a claim code, with the public half of a key that the device made, for the gate's identity."""
    now = clock()
    gates.claims.require(client_address, now=now)
    async with db.transaction(Scope(platform=True)) as conn:
        gate = await service.provision(conn, request=data, pepper=pepper, now=now)
        await audit.record(
            conn,
            community_id=gate.community_id,
            actor=f"gate:{gate.gate_id}",
            action="gate.provision",
            target=f"gate:{gate.gate_id}",
        )
        pack = (await models.packs_of(conn, community_id=gate.community_id)).own
    return ProvisionResponse(
        gate_id=gate.gate_id,
        community_id=gate.community_id,
        name=gate.name,
        pack=pack or faces.pack.id,
        server_keys=await server_keys(keys, community_id=gate.community_id),
    )


@post(
    "/token",
    opt={"public": True},
    security=[{}],
    status_code=200,
    request_max_body_size=_MAX_SMALL_BYTES,
    responses=problems(AssertionRefused, GateRevoked, PayloadTooLarge),
    response_headers=[ResponseHeader(name="Cache-Control", value="no-store", documentation_only=False)],
    summary="Get an access token",
)
async def token(data: TokenRequest, db: Database, tokens: Tokens, clock: Clock, public_url: str) -> TokenResponse:
    """Exchange an assertion signed by the device key (RFC 7523) for an access token.

    The assertion's audience is this route's address as the deployment is known by. A refusal's Date header tells a
    device whose clock is wrong what time it is.
    """
    now = clock()
    gate_id, assertion = read_assertion(data, now=now)
    async with db.transaction(Scope(platform=True)) as conn:
        principal = await service.accept_assertion(
            conn, gate_id=gate_id, assertion=assertion, audience=public_url.rstrip("/") + TOKEN_PATH, now=now
        )
    return TokenResponse(access_token=tokens.issue(principal, now=now), expires_in=int(ACCESS_TTL.total_seconds()))


@get(
    "/sync",
    media_type=MSGPACK,
    responses={
        200: ResponseSpec(SyncPage, media_type=MSGPACK, description="A page", generate_examples=False),
        **problems(Unauthorised, GateRevoked, RosterDiverged, CursorStale, CursorInvalid, StateIncomplete),
    },
    summary="Follow the roster",
)
async def sync(
    gate: GatePrincipal,
    gates: GateSync,
    request: Request[Any, Any, Any],
    epoch: Counter = None,
    version: Counter = None,
    digest: Digest = None,
    cursor: Cursor = None,
    wait: Wait = 0,
    plan: HeldPlan = None,
    frames: HeldFrames = None,
) -> Response[bytes]:
    """What changed since the state that the gate names, and by naming acknowledges; all of it where it names none.

    Waits up to `wait` seconds for a change where there is none, and then answers with a fresh head alone.
    """
    state = None
    if epoch is not None and version is not None and digest is not None:
        state = Acknowledged(epoch=epoch, version=version, digest=bytes.fromhex(digest))
    elif (epoch, version, digest) != (None, None, None):
        raise StateIncomplete
    held = None if plan is None else b"" if plan == "none" else bytes.fromhex(plan)
    page = await gates.poll(gate, state=state, position=read_position(cursor), wait_s=wait, held=held, frames=frames)
    headers = {"Vary": "Accept-Encoding"}
    if page.packed is not None and _takes_gzip(request.headers.get("Accept-Encoding", "")):
        return Response(page.packed, media_type=MSGPACK, headers=headers | {"Content-Encoding": "gzip"})
    return Response(page.body, media_type=MSGPACK, headers=headers)


def _takes_gzip(accepted: str) -> bool:
    """Whether a client that sends this Accept-Encoding can read gzip (RFC 9110, section 12.5.3)."""
    for coding in accepted.lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


@post(
    "/events",
    guards=[in_service],
    status_code=200,
    media_type=MSGPACK,
    request_max_body_size=_MAX_BATCH_BYTES,
    responses={
        200: ResponseSpec(EventReceipt, media_type=MSGPACK, description="What is kept", generate_examples=False),
        **problems(Unauthorised, GateRevoked, PayloadTooLarge, BatchInvalid),
    },
    summary="Deliver events",
)
async def deliver(
    data: Annotated[EventBatch, Body(media_type=RequestEncodingType.MESSAGEPACK)],
    gate: GatePrincipal,
    db: Database,
    clock: Clock,
) -> Response[bytes]:
    """Hand over events in the order of their numbers. What is delivered twice counts once."""
    # The receipt leaves this block only once the transaction has committed: the gate forgets what it names.
    async with db.transaction(Scope(community_id=gate.community_id)) as conn:
        await service.require_in_service(conn, community_id=gate.community_id, gate_id=gate.gate_id)
        events = await codes.named(conn, community_id=gate.community_id, events=data.events)
        receipt = await entries.record(
            conn, community_id=gate.community_id, gate_id=gate.gate_id, events=events, now=clock()
        )
        await codes.count_told(
            conn, community_id=gate.community_id, gate_id=gate.gate_id, events=data.events, now=clock()
        )
        await arrivals.tell_arrivals(conn, community_id=gate.community_id, events=events, now=clock())
        await comings.tell_companies(
            conn, community_id=gate.community_id, gate_id=gate.gate_id, events=events, now=clock()
        )
    # Encoded here: the framework knows MessagePack by another media type only.
    return Response(msgspec.msgpack.encode(receipt), media_type=MSGPACK)


@post(
    "/uses",
    guards=[in_service],
    status_code=200,
    media_type=MSGPACK,
    request_max_body_size=_MAX_SMALL_BYTES,
    responses={
        200: ResponseSpec(UseAnswer, media_type=MSGPACK, description="Whether it may", generate_examples=False),
        **problems(Unauthorised, GateRevoked, PayloadTooLarge),
    },
    summary="Count a use of a visitor's code",
)
async def count_use(
    data: Annotated[UseClaim, Body(media_type=RequestEncodingType.MESSAGEPACK)],
    gate: GatePrincipal,
    db: Database,
    clock: Clock,
) -> Response[bytes]:
    """Count one use across the community's gates; the same use again gets the same answer."""
    async with db.transaction(Scope(community_id=gate.community_id)) as conn:
        await service.require_in_service(conn, community_id=gate.community_id, gate_id=gate.gate_id)
        answer = await codes.count_use(
            conn, community_id=gate.community_id, gate_id=gate.gate_id, claim=data, now=clock()
        )
    return Response(msgspec.msgpack.encode(answer), media_type=MSGPACK)


gate_router = Router(path="/", route_handlers=[provision, token, sync, deliver, count_use], tags=["gates"])


@post(
    "/",
    opt={"needs": Permission.GATES},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, CommunityNotFound),
    summary="Create a gate",
)
async def create_gate(
    community_id: UUID, data: NewGate, staff: StaffMember, db: Database, pepper: bytes, clock: Clock
) -> ClaimCode:
    """A new gate, and the code that makes a device into it: shown once, valid for 30 minutes, for one device."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        gate_id, claim = await service.create(
            conn, community_id=community_id, name=data.name, pepper=pepper, now=clock()
        )
        await _record(conn, community_id, staff, "gate.create", gate_id)
    return ClaimCode.of(gate_id, claim)


@post(
    "/{gate_id:uuid}/claims",
    opt={"needs": Permission.GATES},
    responses=problems(
        Unauthorised, Forbidden, SecondFactorRequired, CommunityNotFound, GateNotFound, GateOutOfService
    ),
    summary="Get a new claim code",
)
async def create_claim(
    community_id: UUID, gate_id: UUID, staff: StaffMember, db: Database, pepper: bytes, clock: Clock
) -> ClaimCode:
    """Another code, where the first one expired or the device is to be replaced. Codes before it end."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        claim = await service.new_claim(conn, community_id=community_id, gate_id=gate_id, pepper=pepper, now=clock())
        await _record(conn, community_id, staff, "gate.claim", gate_id)
    return ClaimCode.of(gate_id, claim)


@get(
    "/",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(CursorInvalid, Unauthorised, Forbidden, CommunityNotFound),
    summary="List gates and their health",
)
async def list_gates(community_id: UUID, db: Database, limit: Limit = 200, cursor: Cursor = None) -> GateList:
    """The community's gates: when they were last seen, and how far behind the roster they are."""
    key = decode_cursor(cursor, GateKey)
    async with db.transaction(Scope(community_id=community_id), isolation="REPEATABLE READ", read_only=True) as conn:
        head, rows = await service.list_health(
            conn,
            community_id=community_id,
            after=None if key is None else (key.revoked, key.name, key.gate_id),
            limit=limit + 1,
        )
    page, next_cursor = split_page(rows, limit, lambda row: GateKey(row.revoked_at is not None, row.name, row.gate_id))
    return GateList(
        epoch=head.epoch,
        version=head.version,
        gates=tuple(Gate.of(row, head) for row in page),
        next_cursor=next_cursor,
    )


@post(
    "/{gate_id:uuid}/revoke",
    opt={"needs": Permission.GATES},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, CommunityNotFound, GateNotFound),
    status_code=200,
    summary="Take a gate out of service",
)
async def revoke_gate(
    community_id: UUID, gate_id: UUID, data: Revocation, staff: StaffMember, db: Database, clock: Clock
) -> Gate:
    """Final. The device hears of it at once where it is connected, and erases itself."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        before = await service.revoke(conn, community_id=community_id, gate_id=gate_id, reason=data.reason, now=clock())
        if before.revoked_at is None:
            await _record(conn, community_id, staff, "gate.revoke", gate_id, data.reason)
        row = await repository.get_gate(conn, community_id=community_id, gate_id=gate_id)
        head = await access.roster_version(conn, community_id=community_id)
    if row is None:
        raise GateNotFound
    return Gate.of(row, head)


@get(
    "/{gate_id:uuid}/door",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(Unauthorised, Forbidden, CommunityNotFound, GateNotFound),
    summary="Read where a gate stands",
)
async def read_place(community_id: UUID, gate_id: UUID, db: Database) -> GatePlace:
    """At which door the gate stands; its ETag may go with a change."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        return await _place(conn, community_id, gate_id)


@put(
    "/{gate_id:uuid}/door",
    opt={"needs": Permission.DOORS},
    responses=problems(Unauthorised, Forbidden, CommunityNotFound, GateNotFound, DoorNotFound, PreconditionFailed),
    summary="Put a gate at a door",
)
async def place_gate(
    community_id: UUID,
    gate_id: UUID,
    data: GatePlace,
    staff: StaffMember,
    db: Database,
    clock: Clock,
    if_match: IfMatch = None,
) -> Gate:
    """Say at which door the gate stands: its groups and hours go for it from now."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await hold_doors(conn, community_id=community_id)
        require_match(if_match, await _place(conn, community_id, gate_id))
        row = await service.put_at_door(conn, community_id=community_id, gate_id=gate_id, door_id=data.door_id)
        await _record(conn, community_id, staff, "gate.place", gate_id)
        await publish(conn, community_id=community_id, now=clock())
        head = await access.roster_version(conn, community_id=community_id)
    return Gate.of(row, head)


async def _place(conn: Connection, community_id: UUID, gate_id: UUID) -> GatePlace:
    row = await repository.get_gate(conn, community_id=community_id, gate_id=gate_id)
    if row is None:
        raise GateNotFound
    return GatePlace(row.door_id)


async def _record(
    conn: Connection, community_id: UUID, staff: StaffMember, action: str, gate_id: UUID, reason: str | None = None
) -> None:
    await audit.record(
        conn,
        community_id=community_id,
        actor=f"staff:{staff.staff_id}",
        action=action,
        target=f"gate:{gate_id}",
        reason=reason,
    )


staff_router = Router(
    path="/communities/{community_id:uuid}/gates",
    route_handlers=[create_gate, create_claim, list_gates, read_place, place_gate, revoke_gate],
    tags=["gates"],
)

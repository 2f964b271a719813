"""What gates themselves ask: provisioning, tokens, sync, events, uses of codes."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.datastructures import ResponseHeader
from litestar.enums import RequestEncodingType
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body, Parameter

from backend.audit import service as audit
from backend.codes import tokens as visitor_tokens
from backend.couriers.comings import service as comings
from backend.enrolment.faces import FaceService
from backend.enrolment.models import repository as models
from backend.entries import service as entries
from backend.entries.errors import BatchInvalid
from backend.gates import service
from backend.gates.arrivals import service as arrivals
from backend.gates.assertions import read_assertion
from backend.gates.errors import (
    AssertionRefused,
    ClaimEnded,
    ClaimUnknown,
    CursorStale,
    GateRevoked,
    ProofInvalid,
    RosterDiverged,
    StateIncomplete,
    TooManyClaims,
)
from backend.gates.guards import in_service
from backend.gates.pages import read_position, server_keys
from backend.gates.sync import MAX_WAIT_S, GateSync
from backend.keys.service import Keys
from backend.kit.auth import ACCESS_TTL, GatePrincipal, Tokens
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.pagination import Cursor, CursorInvalid
from backend.kit.problems import PayloadTooLarge, Unauthorised, problems
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

__all__ = ["gate_router"]

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
        events = await visitor_tokens.named(conn, community_id=gate.community_id, events=data.events)
        receipt = await entries.record(
            conn, community_id=gate.community_id, gate_id=gate.gate_id, events=events, now=clock()
        )
        await visitor_tokens.count_told(
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
        answer = await visitor_tokens.count_use(
            conn, community_id=gate.community_id, gate_id=gate.gate_id, claim=data, now=clock()
        )
    return Response(msgspec.msgpack.encode(answer), media_type=MSGPACK)


gate_router = Router(path="/", route_handlers=[provision, token, sync, deliver, count_use], tags=["gates"])

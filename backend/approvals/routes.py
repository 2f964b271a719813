"""Gates: asking a home. Residents: answering."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, Router, get, post
from litestar.enums import RequestEncodingType
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body

from backend.approvals import repository, service
from backend.approvals.errors import ApprovalAnswered, ApprovalNotFound, ApprovalOver
from backend.approvals.rules import MOST_OPEN, Answer
from backend.approvals.schemas import Approval, ApprovalList
from backend.approvals.service import Asking
from backend.audit import service as audit
from backend.gates.errors import GateRevoked
from backend.gates.guards import in_service
from backend.households import service as households
from backend.households.errors import HomeNotFound
from backend.kit.auth import GatePrincipal, ResidentPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import PayloadTooLarge, Unauthorised, problems
from gate_sdk.wire import AskAnswer, AskRequest, AskState

__all__ = ["gate_router", "resident_router"]

_MSGPACK = "application/vnd.msgpack"
_MAX_BYTES = 16_384


@post(
    "/asks",
    guards=[in_service],
    status_code=200,
    media_type=_MSGPACK,
    request_max_body_size=_MAX_BYTES,
    responses={
        200: ResponseSpec(AskAnswer, media_type=_MSGPACK, description="Where it stands", generate_examples=False),
        **problems(Unauthorised, GateRevoked, PayloadTooLarge),
    },
    summary="Ask a home whether somebody may come in",
)
async def ask(
    data: Annotated[AskRequest, Body(media_type=RequestEncodingType.MESSAGEPACK)], gate: GatePrincipal, asking: Asking
) -> Response[bytes]:
    """Ask by whose leave the subject may come, and wait for the answer; the same approach again is the same question.

    `closed` where nobody answered in time, where there is nobody to ask, or where the home was asked too often.
    """
    state = await asking.ask(gate, data)
    return Response(msgspec.msgpack.encode(AskAnswer(state=AskState(state))), media_type=_MSGPACK)


gate_router = Router(path="/", route_handlers=[ask], tags=["gates"])


@get("/", responses=problems(Unauthorised, HomeNotFound), summary="List who waits for an answer")
async def list_approvals(
    community_id: UUID, home_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock
) -> ApprovalList:
    """Who stands at a gate and waits for this home; cheap to poll with its ETag."""
    now = clock()
    scope = Scope(community_id=community_id, person_id=resident.person_id)
    async with db.transaction(scope, read_only=True) as conn:
        await households.require_home(conn, community_id=community_id, home_id=home_id, person_id=resident.person_id)
        rows = await repository.list_open(conn, community_id=community_id, home_id=home_id, now=now, limit=MOST_OPEN)
    return ApprovalList(tuple(Approval.of(row, now) for row in rows))


@post(
    "/{approval_id:uuid}/approve",
    status_code=200,
    responses=problems(Unauthorised, HomeNotFound, ApprovalNotFound, ApprovalAnswered, ApprovalOver),
    summary="Let somebody in",
)
async def approve(
    community_id: UUID, home_id: UUID, approval_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock
) -> Approval:
    """Say yes, for this time; repeating is harmless."""
    return await _answer(community_id, home_id, approval_id, resident, db, clock, "approved")


@post(
    "/{approval_id:uuid}/deny",
    status_code=200,
    responses=problems(Unauthorised, HomeNotFound, ApprovalNotFound, ApprovalAnswered, ApprovalOver),
    summary="Let somebody not in",
)
async def deny(
    community_id: UUID, home_id: UUID, approval_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock
) -> Approval:
    """Say no, for this time; the pass goes on. Repeating is harmless."""
    return await _answer(community_id, home_id, approval_id, resident, db, clock, "denied")


async def _answer(
    community_id: UUID,
    home_id: UUID,
    approval_id: UUID,
    resident: ResidentPrincipal,
    db: Database,
    clock: Clock,
    said: Answer,
) -> Approval:
    now = clock()
    async with db.transaction(Scope(community_id=community_id, person_id=resident.person_id)) as conn:
        await households.require_home(conn, community_id=community_id, home_id=home_id, person_id=resident.person_id)
        row, fresh = await service.answer(
            conn, community_id=community_id, home_id=home_id, approval_id=approval_id, said=said, now=now
        )
        if fresh:
            await audit.record(
                conn,
                community_id=community_id,
                actor=f"resident:{resident.person_id}",
                action="approval.approve" if said == "approved" else "approval.deny",
                target=f"approval:{approval_id}",
            )
    return Approval.of(row, now)


resident_router = Router(
    path="/homes/{community_id:uuid}/{home_id:uuid}/approvals",
    route_handlers=[list_approvals, approve, deny],
    tags=["approvals"],
)

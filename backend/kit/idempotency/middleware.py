"""``Idempotency-Key`` on every POST that creates (draft-ietf-httpapi-idempotency-key-header).

The key is claimed in the database before the route runs, so that it holds across processes. Every transaction that the
route commits also notes, in itself, that the request has had its effect, and fails where another try has taken the
request over meanwhile. So a crash at any moment leaves either no effect, and the request can be repeated, or an effect
that a repetition is told of; never two.
"""

import hashlib
from collections.abc import Awaitable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import msgspec
import structlog
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from backend.kit.auth import (
    GatePrincipal,
    PartnerPrincipal,
    Principal,
    ResidentPrincipal,
    StaffPrincipal,
    VisitorPrincipal,
)
from backend.kit.crypto import keyed_hash, open_sealed, seal
from backend.kit.db import Database, Witness, witnessed
from backend.kit.db import Scope as Rows
from backend.kit.idempotency import repository
from backend.kit.idempotency.errors import (
    AnswerLost,
    BodyTooLargeToRepeat,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    RequestInProgress,
)
from backend.kit.layers import Layer, header
from backend.kit.problems import Unavailable

__all__ = ["KEPT", "IdempotencyLayer", "creates", "document"]

_log = structlog.get_logger(__name__)
_PLATFORM = Rows(platform=True)
#: How long an answer can be had again.
KEPT = timedelta(hours=24)
# Longer than any statement may take; a try that lives on is kept from committing, see repository.witness_sql.
_LEASE = timedelta(seconds=60)
_MAX_BODY = 1_000_000
_LONGEST_KEY = 255
_OPENED = 500


class _Answer(msgspec.Struct, frozen=True, array_like=True):
    """An answer as it went out."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class _Request(msgspec.Struct, frozen=True):
    """One try of a request. ``request_hash`` is of who sent it and its key, ``fingerprint`` of what he sent."""

    db: Database
    pepper: bytes
    request_hash: bytes
    fingerprint: bytes
    attempt: UUID
    now: datetime


def creates(handler: HTTPRouteHandler) -> bool:
    """Whether a route takes the header: a POST behind log-in that answers 201, or as ``opt={"creates": ...}`` says."""
    said: bool = handler.opt.get("creates", handler.status_code == 201)  # noqa: PLR2004 - Created
    return said and "POST" in handler.http_methods and not handler.opt.get("public", False)


class IdempotencyLayer(Layer):
    """See the module. ``app.state.resources`` and ``app.state.clock`` are set when the application starts."""

    def around(self, app: ASGIApp, scope: HTTPScope, receive: Receive, send: Send) -> Awaitable[None]:
        """Run the route at most once for a key.

        Raises:
            IdempotencyKeyInvalid: the header is none of ours.
            BodyTooLargeToRepeat: the body is too large to be compared.
            RequestInProgress: another try has it in hand.
            IdempotencyKeyReused: the key came with another request before.
            AnswerLost: it had its effect, but the answer was not kept.
        """
        handler = scope["route_handler"]
        key = header(scope, b"idempotency-key")
        if key is None or not isinstance(handler, HTTPRouteHandler) or not creates(handler):
            return app(scope, receive, send)
        return self._once(key, app, scope, receive, send)

    async def _once(self, key: bytes, app: ASGIApp, scope: HTTPScope, receive: Receive, send: Send) -> None:
        if not 0 < len(key) <= _LONGEST_KEY or not all(0x21 <= byte <= 0x7E for byte in key):  # noqa: PLR2004 - visible ASCII
            raise IdempotencyKeyInvalid
        body = await _read(receive)
        request = _request(scope, key.decode("ascii"), body)
        kept = await _claim(request)
        if kept is not None:
            await _send(send, kept, replayed=True)
            return
        await self._run(request, app, scope, _replay_body(body, receive), send)

    async def _run(self, request: _Request, app: ASGIApp, scope: HTTPScope, receive: Receive, send: Send) -> None:
        sent: list[Message] = []

        async def hold(message: Message) -> None:
            sent.append(message)

        sql = repository.witness_sql(request_hash=request.request_hash, attempt=request.attempt, now=request.now)
        status = _OPENED
        try:
            with witnessed(Witness(request.db, sql)):
                await app(scope, receive, hold)
            answer = _answer(sent)
            status = answer.status
            # Kept before it goes out: what the caller has seen is what he gets again.
            if 200 <= status < 300:  # noqa: PLR2004 - success
                await _keep(request, answer)
        finally:
            if not 200 <= status < 300:  # noqa: PLR2004 - success
                await _release(request, even_committed=status < _OPENED)
        await _send(send, answer, replayed=False)


async def _claim(request: _Request) -> _Answer | None:
    """Take the request in hand, or give the answer that it got before."""
    async with request.db.transaction(_PLATFORM) as conn:
        taken = await repository.claim(
            conn,
            request_hash=request.request_hash,
            fingerprint=request.fingerprint,
            attempt=request.attempt,
            now=request.now,
            lease_until=request.now + _LEASE,
            forgotten_before=request.now - KEPT,
        )
        row = None if taken else await repository.get(conn, request_hash=request.request_hash)
    if taken:
        return None
    if row is None:
        # Released between the two statements.
        raise RequestInProgress
    if row.fingerprint != request.fingerprint:
        raise IdempotencyKeyReused
    if row.answer is not None:
        opened = open_sealed(_seal_key(request.pepper), row.answer, bound_to=request.request_hash.hex())
        return msgspec.msgpack.decode(opened, type=_Answer)
    if row.committed_at is not None and row.lease_until <= request.now:
        raise AnswerLost
    raise RequestInProgress


async def _keep(request: _Request, answer: _Answer) -> None:
    sealed = seal(_seal_key(request.pepper), msgspec.msgpack.encode(answer), bound_to=request.request_hash.hex())
    try:
        async with request.db.transaction(_PLATFORM) as conn:
            await repository.keep_answer(
                conn, request_hash=request.request_hash, attempt=request.attempt, answer=sealed
            )
    except Unavailable:
        # The caller has his answer all the same; only a repetition would not get it.
        _log.warning("answer_not_kept")


async def _release(request: _Request, *, even_committed: bool) -> None:
    try:
        async with request.db.transaction(_PLATFORM) as conn:
            await repository.release(
                conn, request_hash=request.request_hash, attempt=request.attempt, even_committed=even_committed
            )
    except Unavailable:
        # The lease runs out by itself.
        _log.warning("request_not_released")


def _request(scope: Scope, key: str, body: bytes) -> _Request:
    state = scope["litestar_app"].state
    pepper: bytes = state.resources.pepper
    sent = hashlib.sha256()
    for part in (scope["path"].encode(), scope.get("query_string", b""), body):
        sent.update(len(part).to_bytes(8, "big") + part)
    return _Request(
        db=state.resources.db,
        pepper=pepper,
        request_hash=keyed_hash(pepper, "idempotency-key", f"{_who(scope['user'])}\0{key}"),
        fingerprint=keyed_hash(pepper, "idempotency-body", sent.hexdigest()),
        attempt=uuid4(),
        now=state.clock(),
    )


def _who(principal: Principal) -> str:
    """Whose key it is: two callers may choose the same one."""
    match principal:
        case ResidentPrincipal():
            return f"resident/{principal.person_id}"
        case StaffPrincipal():
            return f"staff/{principal.staff_id}"
        case VisitorPrincipal():
            return f"visitor/{principal.person_id}/{principal.invitation_id}"
        case PartnerPrincipal():
            return f"partner/{principal.partner_id}"
        case GatePrincipal():
            return f"gate/{principal.gate_id}"


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > _MAX_BODY:
            raise BodyTooLargeToRepeat
        more = message.get("more_body", False)
    return b"".join(parts)


def _replay_body(body: bytes, receive: Receive) -> Receive:
    waiting: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Any:
        return waiting.pop() if waiting else await receive()

    return again


def _answer(sent: list[Message]) -> _Answer:
    start = next(message for message in sent if message["type"] == "http.response.start")
    body = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    return _Answer(start["status"], [(bytes(name), bytes(value)) for name, value in start["headers"]], body)


async def _send(send: Send, answer: _Answer, *, replayed: bool) -> None:
    headers = [*answer.headers, (b"idempotency-replayed", b"true")] if replayed else answer.headers
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


def _seal_key(pepper: bytes) -> bytes:
    return keyed_hash(pepper, "seal-key", "idempotency")


_PARAMETER: Mapping[str, object] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A new random text, such as a UUID, for each new request, and the same one when it is repeated: "
    "within 24 hours it has its effect once and gets the same answer again (`Idempotency-Replayed: true`). "
    "409 `request-in-progress` while the first is being worked on, 409 `answer-lost` where it was carried out but its "
    "answer could not be kept, 422 `idempotency-key-reused` with another body.",
    "schema": {"type": "string", "minLength": 1, "maxLength": _LONGEST_KEY, "pattern": "^[!-~]+$"},
}
_ADDED: Mapping[str, Literal["409", "422"]] = {
    "Conflict: `request-in-progress`, `answer-lost`": "409",
    "Cannot be done: `idempotency-key-reused`": "422",
}


def document(operation: dict[str, Any]) -> None:
    """Add the header to an operation of an OpenAPI document, and its failures where none of that status stands."""
    operation.setdefault("parameters", []).append(dict(_PARAMETER))
    for description, status in _ADDED.items():
        operation["responses"].setdefault(status, {"description": description})

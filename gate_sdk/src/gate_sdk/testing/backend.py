"""A whole Doorward server in memory, as far as gates can tell."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from email.utils import formatdate
from uuid import UUID, uuid4

import httpx
import jwt
import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gate_sdk.testing import http
from gate_sdk.testing.http import Disconnect, Request, Response
from gate_sdk.testing.roster import FakeRoster, Person
from gate_sdk.wire import (
    ASSERTION_TYPE,
    MAX_BATCH,
    Acknowledged,
    EventBatch,
    EventReceipt,
    GateEvent,
    GrantKind,
    Policy,
    ProvisionRequest,
    ProvisionResponse,
    RosterGrant,
    SyncPage,
    TokenRequest,
    TokenResponse,
    provision_statement,
)

__all__ = ["FakeBackend", "Person", "always"]

_MSGPACK = "application/vnd.msgpack"
_MAX_WAIT_S = 25.0
_TOKEN_S = 600


def always(kind: GrantKind = GrantKind.RESIDENT) -> RosterGrant:
    """A grant that began long ago and has no end."""
    return RosterGrant(kind=kind, from_us=0)


class _Refusal(Exception):
    def __init__(self, status: int, code: str, retry_after: float | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.retry_after = retry_after


class FakeBackend:
    """Speaks the gate protocol exactly: claim codes, assertions, tokens, long polls, signed heads, receipts.

    Every method may be called from any thread; changes wake gates that poll. What gates told it can be read in
    ``events`` (counted once), ``deliveries`` (how often each came) and ``acknowledged`` (by gate).
    """

    def __init__(
        self,
        *,
        community: UUID | None = None,
        policy: Policy | None = None,
        pack: str = "synthetic-1",
        page_size: int = 1000,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        self.roster = FakeRoster(community or uuid4(), policy or Policy(), page_size, now_us)
        self.pack = pack
        self.events: dict[tuple[UUID, int, int], GateEvent] = {}
        self.deliveries: Counter[tuple[UUID, int, int]] = Counter()
        self.acknowledged: dict[UUID, Acknowledged] = {}
        self.requests: Counter[str] = Counter()
        #: Changes a sync page on its way out: what somebody between the server and the gate could try.
        self.rewrite: Callable[[SyncPage], SyncPage] | None = None
        self._condition = threading.Condition()
        self._claims: dict[str, bytes | None] = {}
        self._gates: dict[UUID, bytes] = {}
        self._revoked: set[UUID] = set()
        self._tokens: dict[str, UUID] = {}
        self._partitioned = False
        self._diverged = False
        self._faults: list[tuple[str, int, float | None]] = []
        self._lost: list[str] = []

    @property
    def transport(self) -> httpx.BaseTransport:
        """A way to this server for one client, without sockets."""
        return http.MemoryTransport(self.handle, self._wake)

    def serve(self) -> AbstractContextManager[str]:
        """Listen on a loopback port while the context lasts; gives the address."""
        return http.serve(self.handle, self._wake)

    def claim(self) -> str:
        """A fresh claim code."""
        with self._condition:
            code = secrets.token_urlsafe(8)
            self._claims[code] = None
            return code

    def add_person(
        self,
        template: bytes | None = None,
        grants: tuple[RosterGrant, ...] = (always(),),
        *,
        subject: UUID | None = None,
        pack: str | None = None,
    ) -> UUID:
        """Put somebody on the roster, or replace ``subject``; ``template`` is float16 little-endian bytes."""
        with self._changing():
            return self.roster.put(subject or uuid4(), grants, template, pack or self.pack).subject

    def set_grants(self, subject: UUID, grants: tuple[RosterGrant, ...]) -> None:
        """Change when somebody may pass."""
        with self._changing():
            self.roster.put(subject, grants, self.roster.people[subject].template, self.pack)

    def expire(self, subject: UUID, kind: GrantKind = GrantKind.GUEST) -> None:
        """Let somebody's only grant have ended a second ago, while he still is on the roster."""
        self.set_grants(subject, (RosterGrant(kind=kind, from_us=0, until_us=self.roster.now_us() - 1_000_000),))

    def revoke(self, subject: UUID) -> None:
        """Take somebody off the roster."""
        with self._changing():
            self.roster.remove(subject)

    def restore(self) -> None:
        """Begin a new epoch."""
        with self._changing():
            self.roster.restore()

    def revoke_gates(self) -> None:
        """Take every gate out of service."""
        with self._changing():
            self._revoked = set(self._gates)

    def partition(self, *, on: bool = True) -> None:
        """Cut the network, or mend it."""
        with self._changing():
            self._partitioned = on

    def diverge(self) -> None:
        """Answer the next poll with 409: the gate's roster is not ours."""
        with self._changing():
            self._diverged = True

    def fail(self, path: str, status: int, *, times: int = 1, retry_after: float | None = None) -> None:
        """Answer the next requests to ``path`` (its last part) with ``status``."""
        with self._changing():
            self._faults += [(path, status, retry_after)] * times

    def lose_answer(self, path: str, *, times: int = 1) -> None:
        """Do what the next requests to ``path`` ask, and cut the connection before the answer."""
        with self._changing():
            self._lost += [path] * times

    def drop_tokens(self) -> None:
        """Make every access token invalid."""
        with self._changing():
            self._tokens.clear()

    def wait_for(self, condition: Callable[[], bool], timeout: float = 10.0) -> bool:
        """Wait until something is true of this server; whether it became so."""
        with self._condition:
            return self._condition.wait_for(condition, timeout)

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        name = request.path.rsplit("/", 1)[-1]
        routes = {
            ("POST", "/gate/v1/provision"): self._provision,
            ("POST", "/gate/v1/token"): self._token,
            ("GET", "/gate/v1/sync"): self._sync,
            ("POST", "/gate/v1/events"): self._events,
        }
        with self._condition:
            self.requests[name] += 1
            try:
                if self._partitioned:
                    raise Disconnect
                self._faulty(name)
                answer = routes.get((request.method, request.path), _not_found)(request)
            except _Refusal as refusal:
                answer = self._problem(refusal)
            except msgspec.DecodeError:
                answer = self._problem(_Refusal(400, "malformed"))
            finally:
                self._condition.notify_all()
            if name in self._lost:
                self._lost.remove(name)
                raise Disconnect
            return answer

    def _faulty(self, name: str) -> None:
        for fault in self._faults:
            if fault[0] == name:
                self._faults.remove(fault)
                raise _Refusal(fault[1], "fault", fault[2])

    def _provision(self, request: Request) -> Response:
        asked = msgspec.json.decode(request.body, type=ProvisionRequest)
        if asked.claim_code not in self._claims:
            raise _Refusal(404, "claim-code-unknown")
        used_by = self._claims[asked.claim_code]
        if used_by not in {None, asked.public_key}:
            raise _Refusal(409, "claim-code-used")
        try:
            Ed25519PublicKey.from_public_bytes(asked.public_key).verify(
                asked.proof, provision_statement(asked.claim_code, asked.public_key)
            )
        except InvalidSignature:
            raise _Refusal(400, "bad-proof") from None
        self._claims[asked.claim_code] = asked.public_key
        known = [gate for gate, key in self._gates.items() if key == asked.public_key]
        gate = known[0] if known else uuid4()
        self._gates[gate] = asked.public_key
        answer = ProvisionResponse(
            gate_id=gate,
            community_id=self.roster.community,
            name="Front gate",
            pack=self.pack,
            server_keys=(self.roster.server_key,),
        )
        return Response(201, msgspec.json.encode(answer), {"Content-Type": "application/json"})

    def _token(self, request: Request) -> Response:
        asked = msgspec.json.decode(request.body, type=TokenRequest)
        if asked.client_assertion_type != ASSERTION_TYPE:
            raise _Refusal(400, "bad-assertion-type")
        try:
            gate = UUID(jwt.decode(asked.client_assertion, options={"verify_signature": False})["iss"])
            key = Ed25519PublicKey.from_public_bytes(self._gates[gate])
            claims = jwt.decode(
                asked.client_assertion,
                key,
                algorithms=["EdDSA"],
                audience=f"{request.base}/gate/v1/token",
                options={
                    "require": ["iss", "sub", "aud", "jti", "iat", "exp"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except (jwt.InvalidTokenError, KeyError, ValueError):
            raise _Refusal(401, "bad-assertion") from None
        now = self.roster.now_us() / 1e6
        if claims["sub"] != str(gate) or not claims["iat"] - 60 <= now <= claims["exp"]:
            raise _Refusal(401, "bad-assertion")
        if gate in self._revoked:
            raise _Refusal(403, "gate-revoked")
        token = secrets.token_urlsafe(16)
        self._tokens[token] = gate
        answer = TokenResponse(access_token=token, expires_in=_TOKEN_S)
        return Response(200, msgspec.json.encode(answer), {"Content-Type": "application/json"})

    def _gate(self, request: Request) -> UUID:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        gate = self._tokens.get(token)
        if gate is None:
            raise _Refusal(401, "token-invalid")
        if gate in self._revoked:
            raise _Refusal(403, "gate-revoked")
        return gate

    def _sync(self, request: Request) -> Response:
        gate = self._gate(request)
        at = self._acknowledge(gate, request.query)
        cursor = request.query.get("cursor")
        if cursor is not None:
            page = self.roster.next_page(cursor)
            if page is None:
                raise _Refusal(400, "cursor-unknown")
        elif at is None or at.epoch != self.roster.epoch:
            page = self.roster.snapshot()
        else:
            self._wait_for_news(gate, at, request)
            page = self.roster.delta(at.version) if at.epoch == self.roster.epoch else self.roster.snapshot()
        if self.rewrite is not None:
            page = self.rewrite(page)
        return Response(200, msgspec.msgpack.encode(page), {"Content-Type": _MSGPACK})

    def _acknowledge(self, gate: UUID, query: dict[str, str]) -> Acknowledged | None:
        if "epoch" not in query:
            return None
        at = Acknowledged(int(query["epoch"]), int(query["version"]), bytes.fromhex(query["digest"]))
        head = self.roster.head()
        same = (at.epoch, at.version) == (head.epoch, head.version)
        if (
            self._diverged
            or (same and at.digest != head.digest)
            or (at.epoch == head.epoch and at.version > head.version)
        ):
            self._diverged = False
            raise _Refusal(409, "roster-diverged")
        self.acknowledged[gate] = at
        self._condition.notify_all()
        return at

    def _wait_for_news(self, gate: UUID, at: Acknowledged, request: Request) -> None:
        def news() -> bool:
            return (
                request.cancelled()
                or self._partitioned
                or self._diverged
                or gate in self._revoked
                or (at.epoch, at.version) != (self.roster.epoch, self.roster.version)
            )

        self._condition.wait_for(news, min(float(request.query.get("wait", "0")), _MAX_WAIT_S))
        if self._partitioned or request.cancelled():
            raise Disconnect
        if self._diverged:
            self._diverged = False
            raise _Refusal(409, "roster-diverged")
        if gate in self._revoked:
            raise _Refusal(403, "gate-revoked")

    def _events(self, request: Request) -> Response:
        gate = self._gate(request)
        batch = msgspec.msgpack.decode(request.body, type=EventBatch)
        if not 0 < len(batch.events) <= MAX_BATCH:
            raise _Refusal(422, "batch-size")
        for event in batch.events:
            identity = (gate, event.store_epoch, event.seq)
            self.deliveries[identity] += 1
            self.events.setdefault(identity, event)
        last = batch.events[-1]
        receipt = EventReceipt(store_epoch=last.store_epoch, seq=last.seq)
        return Response(200, msgspec.msgpack.encode(receipt), {"Content-Type": _MSGPACK})

    def _wake(self) -> None:
        with self._condition:
            self._condition.notify_all()

    def _changing(self) -> AbstractContextManager[object]:
        return _Changing(self._condition)

    def _problem(self, refusal: _Refusal) -> Response:
        body = {
            "type": f"https://doorward.example/problems/{refusal.code}",
            "title": refusal.code,
            "status": refusal.status,
            "detail": refusal.code,
            "remedy": "",
            "code": refusal.code,
        }
        headers = {
            "Content-Type": "application/problem+json",
            "Date": formatdate(self.roster.now_us() / 1e6, usegmt=True),
        }
        if refusal.retry_after is not None:
            headers["Retry-After"] = str(refusal.retry_after)
        return Response(refusal.status, msgspec.json.encode(body), headers)


class _Changing:
    """Holds the lock for a change, then wakes whoever waits for one."""

    def __init__(self, condition: threading.Condition) -> None:
        self._condition = condition

    def __enter__(self) -> None:
        self._condition.acquire()

    def __exit__(self, *_: object) -> None:
        self._condition.notify_all()
        self._condition.release()


def _not_found(_: Request) -> Response:
    raise _Refusal(404, "not-found")

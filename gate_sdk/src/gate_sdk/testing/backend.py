"""A whole Doorward server in memory, as far as gates can tell."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from uuid import UUID, uuid4

import httpx
import msgspec

from gate_sdk.testing import http
from gate_sdk.testing.devices import FakeDevices
from gate_sdk.testing.homes import FakeHomes
from gate_sdk.testing.http import Disconnect, Refusal, Request, Response
from gate_sdk.testing.phone import Phone
from gate_sdk.testing.reports import FakeReports, Identity
from gate_sdk.testing.roster import FakeRoster, Person
from gate_sdk.wire import (
    Acknowledged,
    AskAnswer,
    AskRequest,
    AskState,
    Card,
    DeniedFrame,
    DoorRules,
    Emergency,
    EmergencyMode,
    FramePolicy,
    FrameReceipt,
    GateEvent,
    GateHealth,
    GrantKind,
    KindHours,
    Policy,
    RosterGrant,
    SyncPage,
    VisitorCode,
    card_hash,
    encode_card,
    encode_visitor,
    pin_verifier,
    plan_hash,
    policy_held,
    sign_visitor,
)

__all__ = ["FakeBackend", "Person", "always"]

_MAX_WAIT_S = 25.0
_TOKEN_S = 600


def always(kind: GrantKind = GrantKind.RESIDENT) -> RosterGrant:
    """A grant that began long ago and has no end."""
    return RosterGrant(kind=kind, from_us=0)


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
        self.acknowledged: dict[UUID, Acknowledged] = {}
        self.requests: Counter[str] = Counter()
        #: Changes a sync page on its way out: what somebody between the server and the gate could try.
        self.rewrite: Callable[[SyncPage], SyncPage] | None = None
        self._condition = threading.Condition()
        self._devices = FakeDevices(self.roster)
        self._partitioned = False
        self._diverged = False
        self._faults: list[tuple[str, int, float | None]] = []
        self._lost: list[str] = []
        self._homes = FakeHomes()
        self._reports = FakeReports()

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
            return self._devices.claim()

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

    def renew(self, subject: UUID, template: bytes, *, pack: str) -> None:
        """Give somebody a template of another pack beside his own, as while a community changes its models."""
        with self._changing():
            self.roster.renew(subject, template, pack)

    def end_change(self, pack: str) -> None:
        """End a change of models: only templates of that pack remain."""
        with self._changing():
            self.roster.end_change(pack)
            self.pack = pack

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

    def add_phone(self, subject: UUID, phone: Phone) -> None:
        """Register a phone's key for somebody."""
        with self._changing():
            self.roster.change(subject, keys=(*self.roster.entry(subject).keys, phone.key))

    def revoke_phone(self, subject: UUID, phone: Phone) -> None:
        """Take a phone's key off the roster: it was lost."""
        with self._changing():
            kept = tuple(key for key in self.roster.entry(subject).keys if key.id != phone.key.id)
            self.roster.change(subject, keys=kept)

    def issue_token(self, subject: UUID, from_us: int, until_us: int, *, uses: int = 0) -> str:
        """A visitor's token for somebody on the roster, as the text of its QR code; ``uses`` 0 has no limit."""
        with self._changing():
            token_id = secrets.token_bytes(8)
            self.roster.change(subject, tokens=(*self.roster.entry(subject).tokens, token_id))
            self._reports.limit(token_id, uses)
            code = VisitorCode(
                token_id=token_id,
                from_s=from_us // 1_000_000,
                until_s=until_us // 1_000_000,
                since_s=self.roster.now_us() // 1_000_000 + 1,
                uses=uses,
            )
            return encode_visitor(sign_visitor(code, community=self.roster.community, key=self.roster.key))

    @property
    def events(self) -> dict[Identity, GateEvent]:
        """What gates reported, each event once, by gate, store epoch and sequence."""
        return self._reports.events

    @property
    def deliveries(self) -> Counter[Identity]:
        """How often each event came."""
        return self._reports.deliveries

    @property
    def frames(self) -> dict[Identity, DeniedFrame]:
        """Pictures of denied approaches that were kept."""
        return self._reports.frames

    @property
    def health(self) -> dict[UUID, GateHealth]:
        """What each gate last told of how it is doing."""
        return self._reports.health

    @property
    def asked(self) -> dict[UUID, AskRequest]:
        """What gates asked homes, by approach; each once, however often it was asked."""
        return self._homes.asked

    def answer(self, approach: UUID, *, approve: bool) -> bool:
        """Say yes or no for the home to what a gate has asked; whether it still waited for that."""
        with self._changing():
            return self._homes.answer(approach, approve=approve)

    def cancel_tokens(self, subject: UUID) -> None:
        """Cancel all of somebody's tokens; his grants stay."""
        with self._changing():
            self.roster.change(subject, tokens=())

    def mark_lookalike(self, subject: UUID) -> None:
        """Say of somebody that another one is so like him that his face needs the larger lead."""
        with self._changing():
            self.roster.change(subject, lookalike=True)

    def issue_card(self, subject: UUID, pin: str) -> str:
        """A printed card for somebody, as the text of its QR code."""
        with self._changing():
            secret = secrets.token_bytes(16)
            community = self.roster.community
            # As cheap as gates take it: a test has many PINs to try.
            verifier = pin_verifier(community, secret, pin, log_n=10)
            self.roster.change(subject, card=Card(hash=card_hash(community, secret), pin=verifier, log_n=10))
            return encode_card(secret)

    def keep_denied_frames(self, policy: FramePolicy | None) -> None:
        """Have gates keep pictures of denied approaches, or no longer; they hear of it at once.

        What they hand over can be read in ``frames``.
        """
        with self._changing():
            self.roster.denied_frames = policy

    def set_door(self, rules: DoorRules, *, gate: UUID | None = None) -> None:
        """Publish what goes for the door of ``gate``, or of every gate that has no rules of its own."""
        with self._changing():
            self.roster.set_rules(gate, rules)

    def set_hours(self, kind: GrantKind, bounds: tuple[int, ...], *, gate: UUID | None = None) -> None:
        """Let that kind pass between the first and the second bound, the third and the fourth, and so on only."""
        with self._changing():
            rules = self.roster.rules(gate)
            others = tuple(one for one in rules.hours if one.kind is not kind)
            hours = (*others, KindHours(kind=kind, bounds=bounds))
            self.roster.set_rules(gate, msgspec.structs.replace(rules, hours=hours))

    def declare(
        self,
        mode: EmergencyMode,
        *,
        seconds: float = 3600,
        admits: tuple[GrantKind, ...] = (GrantKind.STAFF,),
        gate: UUID | None = None,
    ) -> UUID:
        """Order a lockdown or an unlock from now on; its id."""
        with self._changing():
            now_us = self.roster.now_us()
            order = Emergency(
                id=uuid4(),
                mode=mode,
                from_us=now_us,
                until_us=now_us + int(seconds * 1e6),
                admits=admits if mode is EmergencyMode.LOCKDOWN else (),
            )
            rules = self.roster.rules(gate)
            rules = msgspec.structs.replace(rules, emergencies=(order, *rules.emergencies))
            self.roster.set_rules(gate, rules)
            return order.id

    def end_emergency(self, order: UUID, *, gate: UUID | None = None) -> None:
        """End an order before its time."""
        with self._changing():
            rules = self.roster.rules(gate)
            kept = tuple(one for one in rules.emergencies if one.id != order)
            self.roster.set_rules(gate, msgspec.structs.replace(rules, emergencies=kept))

    def restore(self) -> None:
        """Begin a new epoch."""
        with self._changing():
            self.roster.restore()

    def rotate_key(self) -> None:
        """Sign heads with another key from now on; the present one vouches for it."""
        with self._changing():
            self.roster.rotate_key()

    def revoke_gates(self) -> None:
        """Take every gate out of service."""
        with self._changing():
            self._devices.revoke_all()

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
            self._devices.drop_tokens()

    def wait_for(self, condition: Callable[[], bool], timeout: float = 30.0) -> bool:
        """Wait until something is true of this server; whether it became so."""
        with self._condition:
            return self._condition.wait_for(condition, timeout)

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        name = request.path.rsplit("/", 1)[-1]
        routes = {
            ("POST", "/gate/v1/provision"): lambda asked: self._devices.provision(asked, self.pack),
            ("POST", "/gate/v1/token"): self._devices.token,
            ("GET", "/gate/v1/sync"): self._sync,
            ("POST", "/gate/v1/events"): self._reported(self._reports.take_events),
            ("POST", "/gate/v1/uses"): self._reported(self._reports.count_use),
            ("POST", "/gate/v1/asks"): self._ask,
            ("POST", "/gate/v1/denied-frames"): self._reported(self._frame),
            ("POST", "/gate/v1/health"): self._tell_health,
        }
        with self._condition:
            self.requests[name] += 1
            try:
                if self._partitioned:
                    raise Disconnect
                self._faulty(name)
                answer = routes.get((request.method, request.path), _not_found)(request)
            except Refusal as refusal:
                answer = refusal.response(self.roster.now_us())
            except msgspec.DecodeError:
                answer = Refusal(400, "malformed").response(self.roster.now_us())
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
                raise Refusal(fault[1], "fault", fault[2])

    def _sync(self, request: Request) -> Response:
        gate = self._devices.gate(request)
        at = self._acknowledge(gate, request.query)
        cursor = request.query.get("cursor")
        if cursor is not None:
            page = self.roster.next_page(cursor)
            if page is None:
                raise Refusal(400, "cursor-unknown")
        elif at is None or at.epoch != self.roster.epoch:
            page = self.roster.snapshot()
        else:
            self._wait_for_news(gate, at, request)
            page = self.roster.delta(at.version) if at.epoch == self.roster.epoch else self.roster.snapshot()
        if not isinstance(page.plan, msgspec.UnsetType) and request.query.get("plan") in {
            None,
            plan_hash(page.plan).hex(),
        }:
            page = msgspec.structs.replace(page, plan=msgspec.UNSET)
        if self.rewrite is not None:
            page = self.rewrite(page)
        return http.packed(page)

    def _plan_is_news(self, request: Request) -> bool:
        ref = self.roster.plan_ref
        held = request.query.get("plan")
        return held is not None and held != ("none" if ref is None else ref.sha256.hex())

    def _frames_are_news(self, request: Request) -> bool:
        return request.query.get("frames") not in {None, policy_held(self.roster.head().denied_frames)}

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
            raise Refusal(409, "roster-diverged")
        self.acknowledged[gate] = at
        self._condition.notify_all()
        return at

    def _wait_for_news(self, gate: UUID, at: Acknowledged, request: Request) -> None:
        def news() -> bool:
            return (
                request.cancelled()
                or self._partitioned
                or self._diverged
                or gate in self._devices.revoked
                or (at.epoch, at.version) != (self.roster.epoch, self.roster.version)
                or self._plan_is_news(request)
                or self._frames_are_news(request)
            )

        self._condition.wait_for(news, min(float(request.query.get("wait", "0")), _MAX_WAIT_S))
        if self._partitioned or request.cancelled():
            raise Disconnect
        if self._diverged:
            self._diverged = False
            raise Refusal(409, "roster-diverged")
        if gate in self._devices.revoked:
            raise Refusal(403, "gate-revoked")

    def _reported(self, take: Callable[[UUID, bytes], msgspec.Struct]) -> Callable[[Request], Response]:
        return lambda request: http.packed(take(self._devices.gate(request), request.body))

    def _tell_health(self, request: Request) -> Response:
        self._reports.take_health(self._devices.gate(request), request.body)
        return Response(204, b"", {})

    def _frame(self, gate: UUID, body: bytes) -> FrameReceipt:
        return self._reports.take_frame(gate, body, wanted=self.roster.denied_frames is not None)

    def _ask(self, request: Request) -> Response:
        self._devices.gate(request)
        asked = msgspec.msgpack.decode(request.body, type=AskRequest)
        left = self._homes.ask(asked)
        self._condition.notify_all()

        def settled() -> bool:
            waits = self._homes.state(asked.approach) is AskState.WAITING
            return request.cancelled() or self._partitioned or not waits

        self._condition.wait_for(settled, min(asked.wait, left))
        if self._partitioned or request.cancelled():
            raise Disconnect
        return http.packed(AskAnswer(state=self._homes.state(asked.approach)))

    def _wake(self) -> None:
        with self._condition:
            self._condition.notify_all()

    def _changing(self) -> AbstractContextManager[object]:
        return _Changing(self._condition)


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
    raise Refusal(404, "not-found")

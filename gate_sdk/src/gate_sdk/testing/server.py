"""What answers gates: the protocol's routes over a roster, devices and reports in memory."""

from __future__ import annotations

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
from gate_sdk.testing.reports import FakeReports
from gate_sdk.testing.roster import FakeRoster
from gate_sdk.wire import (
    Acknowledged,
    AskAnswer,
    AskRequest,
    AskState,
    FrameReceipt,
    Policy,
    SyncPage,
    plan_hash,
    policy_held,
)

__all__ = ["FakeServer"]

_MAX_WAIT_S = 25.0


class FakeServer:
    """Speaks the gate protocol exactly: claim codes, assertions, tokens, long polls, signed heads, receipts.

    Every method may be called from any thread.
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

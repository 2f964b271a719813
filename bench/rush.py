"""A morning's rush: twenty thousand comings in ten minutes, told by hundreds of gates over their own connections."""

import asyncio
import itertools
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from uuid import UUID

import msgspec

from bench.box import BenchBox
from bench.fleet import Http, provision, token_of
from bench.measure import Figure, Tell, Times
from bench.seed import Community
from gate_sdk.wire import EventBatch, EventKind, GateEvent, Outcome, Reason, Via

__all__ = ["rush"]

_GATES = 6
_EVENTS = 20_000
_PACE = _EVENTS / 600  # events a second
_SAMPLED = 1_000
# Deliveries on their way at the same moment, where all are told as fast as they can be.
_AT_ONCE = 32
_BAR_MS = 1_000.0


class _Gate:
    """Tells each coming as it happens, one in a request, as a gate with a network does."""

    def __init__(self, http: Http, token: str, subjects: Sequence[UUID]) -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/vnd.msgpack"}
        self._subjects = itertools.cycle(subjects)
        self._epoch = random.getrandbits(62)
        self._seq = 0
        self._turn = asyncio.Lock()

    async def tell(self) -> float:
        """Seconds until the server has committed one more."""
        async with self._turn:
            self._seq += 1
            event = GateEvent(
                store_epoch=self._epoch, seq=self._seq, kind=EventKind.ENTRY, at_us=time.time_ns() // 1000,
                outcome=Outcome.ALLOW, reason=Reason.MATCHED, subject=next(self._subjects), via=Via.FACE,
            )  # fmt: skip
            began = time.perf_counter()
            await self._http.request(
                "POST /gate/v1/events", self._headers, msgspec.msgpack.encode(EventBatch(events=(event,)))
            )
            return time.perf_counter() - began


def rush(box: BenchBox, communities: Sequence[Community], section: str, tell: Tell) -> Iterator[Figure]:
    """First at the pace of such a morning, then the rest of it as fast as the server takes them."""
    paced, seconds = asyncio.run(_told(box, communities, tell))
    times = Times.of(paced)
    yield Figure(
        section=section,
        name=f"a coming told in the morning's rush, {_PACE:.0f} a second from {_GATES * len(communities)} gates",
        value=times.median_ms, unit="ms", detail=f"p99 {times.p99_ms:.0f} ms, {times.runs} comings",
        bar=f"p99 ≤ {_BAR_MS:.0f} ms", met=times.p99_ms <= _BAR_MS,
    )  # fmt: skip
    rate = (_EVENTS - _SAMPLED) / seconds
    yield Figure(
        section=section, name=f"{_EVENTS - _SAMPLED:,} comings told as fast as they are taken", value=rate, unit="/s",
        detail="one in a request", beside=f"the rush itself {_PACE:.0f} /s", ratio=rate / _PACE,
        bar="faster than they come", met=rate > _PACE,
    )  # fmt: skip


async def _told(box: BenchBox, communities: Sequence[Community], tell: Tell) -> tuple[list[float], float]:
    devices = await provision(box, [community.community_id for community in communities], _GATES)
    subjects = {community.community_id: community.subjects for community in communities}
    async with AsyncExitStack() as opened:
        gates = []
        for device in devices:
            http = await opened.enter_async_context(Http.open(box.url))
            gates.append(_Gate(http, await token_of(http, box.url, device), subjects[device.community_id]))
        order = random.Random(1)
        tell(f"{_SAMPLED:,} comings at the pace of a rush")
        async with asyncio.TaskGroup() as tasks:
            told = []
            for _ in range(_SAMPLED):
                told.append(tasks.create_task(order.choice(gates).tell()))
                await asyncio.sleep(order.expovariate(_PACE))
        tell(f"{_EVENTS - _SAMPLED:,} more as fast as they are taken")
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def one(gate: _Gate) -> None:
            async with at_once:
                await gate.tell()

        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for number in range(_EVENTS - _SAMPLED):
                tasks.create_task(one(gates[number % len(gates)]))
        return [task.result() for task in told], time.perf_counter() - began

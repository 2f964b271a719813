"""A pass is cancelled: when has each gate of its community heard, while hundreds of others are connected?"""

import asyncio
import multiprocessing
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from uuid import UUID, uuid4

import msgspec

from backend.access import service as access
from backend.access.moving.service import move_residents
from backend.access.service import NewGrant
from backend.access.windows import Window
from backend.demo.parties import Visitor
from backend.kit.db import Database, Scope
from bench.box import BenchBox, Household
from bench.fleet import Fleet, provision
from bench.measure import Figure, Tell, Times
from bench.seed import Community
from gate_sdk.wire import GrantKind

__all__ = ["GATES", "revocations"]

GATES = 6
_HOMES = 10
_PASSES_PER_HOME = 10
_PATIENCE_S = 20.0
_CHUNK = 300
_BAR_MS = 1000.0


class _Pass(msgspec.Struct, frozen=True):
    home: Household
    pass_id: str

    def cancel(self) -> None:
        path = f"/homes/{self.home.community_id}/{self.home.home_id}/passes/{self.pass_id}"
        self.home.tenant.call("DELETE", path)


def revocations(box: BenchBox, communities: Sequence[Community], section: str, tell: Tell) -> Iterator[Figure]:
    """Half of the first community's passes are cancelled while nothing else happens, half beside an import."""
    first, second = communities[0], communities[1]
    tell(f"inviting {_HOMES * _PASSES_PER_HOME} guests")
    passes = _invite(box, str(first.community_id))
    tell(f"connecting {GATES * len(communities)} gates of {len(communities)} communities")
    with _import(box, second) as imported:
        measured = asyncio.run(_cancelled(box, communities, passes, imported, tell))
    for beside, (latest, calls, put_off) in zip(
        ("nothing beside", f"{imported.rate:,.0f} rights/s imported beside"), measured, strict=True
    ):
        times, answered = Times.of(latest), Times.of(calls)
        yield Figure(
            section=section,
            name=f"revocation at all {GATES} gates of {len(first.people):,} people, "
            f"{GATES * len(communities)} connected, {beside}",
            value=times.p99_ms, unit="ms",
            detail=f"p99 of {times.runs}, median {times.median_ms:.0f} ms"
            + (f"; {put_off} polls put off" if put_off else ""),
            beside=f"the call itself {answered.median_ms:.0f} ms", bar=f"p99 ≤ {_BAR_MS:.0f} ms",
            met=times.p99_ms <= _BAR_MS,
        )  # fmt: skip


def _invite(box: BenchBox, community_id: str) -> list[_Pass]:
    begin = datetime.now(UTC)
    window = {"valid_from": begin.isoformat(), "valid_until": (begin + timedelta(hours=4)).isoformat()}
    passes = []
    for home_id in box.manager.create_homes(community_id, _HOMES):
        home = box.household(community_id, home_id)
        for _ in range(_PASSES_PER_HOME):
            path = f"/homes/{community_id}/{home_id}/passes"
            created = home.tenant.call("POST", path, {"guest_name": "Guest", **window})
            Visitor(box.http, created["link_token"]).accept()
            passes.append(_Pass(home, created["pass_id"]))
    return passes


_Measured = tuple[list[float], list[float], int]


async def _cancelled(
    box: BenchBox, communities: Sequence[Community], passes: Sequence[_Pass], imported: "_Import", tell: Tell
) -> tuple[_Measured, _Measured]:
    devices = await provision(box, [community.community_id for community in communities], GATES)
    fleet = Fleet(box.url, devices)
    async with fleet.polling():
        removals = fleet.removals[communities[0].community_id]
        half = len(passes) // 2
        tell(f"cancelling {half} passes while nothing else happens")
        latest, calls = await _cancel(passes[:half], removals)
        idle = latest, calls, fleet.put_off
        tell(f"cancelling {half} passes while an import runs")
        imported.begin()
        latest, calls = await _cancel(passes[half:], removals)
        return idle, (latest, calls, fleet.put_off - idle[2])


async def _cancel(
    passes: Sequence[_Pass], removals: "asyncio.Queue[tuple[UUID, float]]"
) -> tuple[list[float], list[float]]:
    """One after the other: seconds to the last gate, and to the answer."""
    latest, calls = [], []
    for one in passes:
        begin = time.perf_counter()
        call = asyncio.create_task(asyncio.to_thread(one.cancel))
        heard: dict[UUID, float] = {}
        async with asyncio.timeout(_PATIENCE_S):
            while len(heard) < GATES:
                gate_id, moment = await removals.get()
                heard[gate_id] = moment
            await call
        calls.append(time.perf_counter() - begin)
        latest.append(max(heard.values()) - begin)
        await asyncio.sleep(0.2)
    return latest, calls


class _Import:
    """A right for everybody of a community, then another end for all, a chunk a transaction, as imports bring them.

    In a process of its own, as the worker is: it must not take turns with those who measure.
    """

    def __init__(self, box: BenchBox, community: Community) -> None:
        context = multiprocessing.get_context("spawn")
        self._begin, self._end = context.Event(), context.Event()
        self._results: SimpleQueue[float] = context.SimpleQueue()
        arguments = (box.postgres.url("doorward_api"), community, self._begin, self._end, self._results)
        self._process = context.Process(target=_imported, args=arguments, name="import")
        self._process.start()
        self.rate = 0.0

    def begin(self) -> None:
        self._begin.set()

    def stop(self) -> None:
        self._end.set()
        self._begin.set()
        self._process.join(_PATIENCE_S)
        assert self._process.exitcode == 0
        self.rate = self._results.get()


def _imported(url: str, community: Community, begin: Event, end: Event, results: "SimpleQueue[float]") -> None:
    """Bring rights from ``begin`` to ``end``; how many in a second."""
    begin.wait()
    results.put(asyncio.run(_bring(Database(url), community, end)))


async def _bring(db: Database, community: Community, end: Event) -> float:
    sources = {subject: uuid4() for subject in community.subjects}
    began, made = time.perf_counter(), 0
    await db.open()
    try:
        for again in count():
            for first in range(0, len(community.subjects), _CHUNK):
                if end.is_set():
                    return made / (time.perf_counter() - began)
                chunk = {one: sources[one] for one in community.subjects[first : first + _CHUNK]}
                made += await _chunk(db, community.community_id, chunk, again)
    finally:
        await db.close()
    raise AssertionError("it has an end")


async def _chunk(db: Database, community_id: UUID, sources: Mapping[UUID, UUID], again: int) -> int:
    now = datetime.now(UTC)
    until = now + timedelta(days=30 + again)
    async with db.transaction(Scope(community_id=community_id)) as conn:
        if again:
            windows = {source: Window(now, until) for source in sources.values()}
            return await move_residents(conn, community_id=community_id, source="member", windows=windows, now=now)
        grants = [
            NewGrant(subject, GrantKind.RESIDENT, "member", source, now, until) for subject, source in sources.items()
        ]
        return len(await access.grant_many(conn, community_id=community_id, grants=grants, now=now))


@contextmanager
def _import(box: BenchBox, community: Community) -> Iterator[_Import]:
    imported = _Import(box, community)
    try:
        yield imported
    finally:
        imported.stop()

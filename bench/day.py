"""A gate's day in accelerated time: entries, strangers, changes of the roster, a cut; memory stays flat."""

import gc
import hashlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import msgspec
import numpy as np
import psutil

from bench.measure import Figure, Tell
from gate_sdk import GateClient
from gate_sdk._cache.index import build_roster
from gate_sdk._cache.rules import Row
from gate_sdk._face import FaceGallery
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import GrantKind, Head, Policy, RosterEntry, RosterGrant, TemplateRef, entry_hash, roster_digest

SECTION = "day"
_PEOPLE = 2_254
_HOURS = 24
# Somebody every minute, night and day.
_APPROACHES_AN_HOUR = 60
_CHANGES_AN_HOUR = 10
_FRAMES = 4
# Caches fill within the first hours; what grows afterwards grows for ever.
_WARM_HOURS = 4
_FLAT_MB = 5.0
_PROGRAMME = 133_000
_DIMS = 128
_PATIENCE_S = 60.0


class _Clock:
    """Clocks that jump from one approach to the next."""

    def __init__(self) -> None:
        self.wall_us = time.time_ns() // 1000
        self.mono = 0.0

    def now_us(self) -> int:
        return self.wall_us

    def monotonic(self) -> float:
        return self.mono

    def pass_(self, seconds: float) -> None:
        self.wall_us += int(seconds * 1e6)
        self.mono += seconds


def run(tell: Tell) -> Iterator[Figure]:
    """One gate's day, its recovery after a cut, and the whole programme's people in one roster."""
    with tempfile.TemporaryDirectory(prefix="doorward-day-") as folder:
        yield from day(Path(folder), tell)
    yield in_memory(_PROGRAMME, tell)


def day(folder: Path, tell: Tell, *, people: int = _PEOPLE, hours: int = _HOURS) -> Iterator[Figure]:
    """Live through the hours with the real client, its threads, files and outbox, without models or a server."""
    clock = _Clock()
    backend = FakeBackend(now_us=clock.now_us)
    tell(f"a roster of {people:,} people")
    subjects = [backend.add_person(syn.template(number)) for number in range(people)]
    GateClient.provision("https://bench.test", backend.claim(), data_dir=folder, transport=backend.transport).close()
    chance = np.random.default_rng(1)
    with GateClient(folder, transport=backend.transport, recognition=syn.SyntheticRecognition(), clock=clock) as gate:
        gate.load()
        assert gate.start(wait=_PATIENCE_S)
        megabytes: list[float] = []
        entries = 0
        began = time.perf_counter()
        for hour in range(hours):
            tell(f"hour {hour + 1} of {hours}")
            for _ in range(_APPROACHES_AN_HOUR):
                clock.pass_(3600 / _APPROACHES_AN_HOUR)
                who = (
                    int(chance.integers(0, people))
                    if chance.random() < 0.9
                    else people + int(chance.integers(0, 10**6))
                )
                entries += _approach(gate, clock, who)
            for _ in range(_CHANGES_AN_HOUR):
                place = int(chance.integers(0, people))
                backend.revoke(subjects[place])
                subjects[place] = backend.add_person(syn.template(place))
            assert _follows(gate, backend)
            assert backend.wait_for(lambda: gate.status().pending == 0, _PATIENCE_S)
            gc.collect()
            megabytes.append(psutil.Process().memory_info().rss / 1e6)
            backend.events.clear()
            backend.deliveries.clear()
        took = time.perf_counter() - began
        warm = min(_WARM_HOURS, hours - 1)
        grown = max(megabytes[warm:]) - megabytes[warm]
        yield Figure(
            section=SECTION, name=f"memory grown from hour {warm + 1} to {hours}", value=grown, unit="MB",
            detail=f"{entries:,} in, {hours * _CHANGES_AN_HOUR * 2} changes, {took:.0f} s, {megabytes[-1]:.0f} MB",
            bar=f"≤ {_FLAT_MB:.0f} MB", met=grown <= _FLAT_MB,
        )  # fmt: skip
        tell("a cut")
        yield _recovery(gate, backend, clock, subjects)


def _approach(gate: GateClient, clock: _Clock, who: int) -> bool:
    """Somebody walks up and leaves again; whether he was let in."""
    allowed = False
    for _ in range(_FRAMES + 12):
        decision = gate.observe(syn.frame(who), clock.mono)
        clock.pass_(1 / 15)
        if decision is not None:
            allowed = decision.allowed
            break
    clock.pass_(2.0)
    gate.observe(syn.empty_frame(), clock.mono)
    return allowed


def _follows(gate: GateClient, backend: FakeBackend) -> bool:
    until = time.monotonic() + _PATIENCE_S
    while gate.status().version != backend.roster.version and time.monotonic() < until:
        time.sleep(0.002)
    return gate.status().version == backend.roster.version


def _recovery(gate: GateClient, backend: FakeBackend, clock: _Clock, subjects: list[UUID]) -> Figure:
    """The network goes for two hours, people come and go meanwhile; how long the gate is behind once it is back."""
    backend.partition()
    for number in range(min(50, len(subjects) // 2)):
        backend.revoke(subjects[number])
        clock.pass_(120)
        _approach(gate, clock, len(subjects) - 1 - number)
    backend.partition(on=False)
    began = time.perf_counter()
    assert _follows(gate, backend)
    assert backend.wait_for(lambda: gate.status().pending == 0, _PATIENCE_S)
    took = time.perf_counter() - began
    return Figure(
        section=SECTION, name="roster and events level again after a cut", value=took, unit="s",
        detail="the gate tries again after a second, doubled to a minute",
    )  # fmt: skip


def in_memory(people: int, tell: Tell) -> Figure:
    """What a roster of so many people takes of memory, entries, codes and templates."""
    tell(f"{people:,} people in memory")
    vectors = np.random.default_rng(2).standard_normal((people, _DIMS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = [_row(number, vectors[number].astype("<f2").tobytes()) for number in range(people)]
    digest = roster_digest((row.subject, row.hash) for row in rows)
    head = Head(community=UUID(int=1), epoch=1, version=1, count=people, digest=digest, issued_at_us=0, policy=Policy())
    gc.collect()
    before = psutil.Process().memory_info().rss
    roster = build_roster(head, rows, None)
    gallery = FaceGallery([(subject, stored) for subject, stored in roster.templates.items()], _DIMS)
    megabytes = (psutil.Process().memory_info().rss - before) / 1e6
    assert len(gallery) == roster.count == people
    return Figure(
        section=SECTION, name=f"{people:,} people in memory", value=megabytes, unit="MB",
        detail=f"entries, codes, templates and gallery of {_DIMS} values each",
    )  # fmt: skip


def _row(number: int, template: bytes) -> Row:
    entry = RosterEntry(
        subject=UUID(int=number + 1),
        grants=(RosterGrant(kind=GrantKind.RESIDENT, from_us=0),),
        template=TemplateRef(pack="bench", sha256=hashlib.sha256(template).hexdigest()),
    )
    body = msgspec.json.encode(entry)
    return Row(entry.subject.bytes, 1, entry_hash(body), body, template, None)

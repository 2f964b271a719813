"""Leases, windows and clocks."""

from pathlib import Path

import pytest

from gate_sdk import GateClient, Reason
from gate_sdk._clock import TrustedTime
from gate_sdk._database import open_readonly
from gate_sdk.keys import FileKeyProvider
from gate_sdk.testing import FakeBackend, always
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import GrantKind, Policy, RosterGrant
from tests.gate_sdk.conftest import HandClock, OpenGate

HOUR = 3600


@pytest.fixture
def backend(clock: HandClock) -> FakeBackend:
    return FakeBackend(now_us=lambda: clock.wall_us)


@pytest.fixture
def people(backend: FakeBackend, clock: HandClock) -> None:
    """1 is a resident, 2 a guest for ten hours, 3 a courier whose shift begins in two hours."""
    now = clock.wall_us
    backend.add_person(syn.template(1), (always(),))
    backend.add_person(syn.template(2), (RosterGrant(GrantKind.GUEST, now, now + 10 * HOUR * 1_000_000),))
    backend.add_person(
        syn.template(3),
        (RosterGrant(GrantKind.COURIER, now + 2 * HOUR * 1_000_000, now + 4 * HOUR * 1_000_000),),
    )


def cut_off(gate: GateClient) -> None:
    """End the sync thread, so that the test turns the clock and the engine by hand."""
    gate._loop.stop()
    gate._transport.abort()
    assert gate._loop.join(60)


def stored(gate_dir: Path) -> list[tuple[bool, bool]]:
    """Whether each row has body and template."""
    key = FileKeyProvider(gate_dir / "keys").load("roster")
    assert key is not None
    connection = open_readonly(gate_dir / "roster.db", key)
    rows = connection.execute("SELECT body IS NOT NULL, template IS NOT NULL FROM entry ORDER BY version").fetchall()
    connection.close()
    return [(bool(body), bool(template)) for body, template in rows]


@pytest.mark.usefixtures("people")
def test_expired_lease_denies_visitors_but_not_residents(
    backend: FakeBackend, open_gate: OpenGate, clock: HandClock
) -> None:
    backend.roster.policy = Policy(visiting_lease_s=3 * HOUR, standing_lease_s=72 * HOUR)
    gate = open_gate(clock=clock)
    gate.start(wait=60)
    cut_off(gate)
    reasons = []
    for hours in (0, 2.5, 1, 69, 0):
        clock.pass_(hours * HOUR)
        reasons.append([gate.decide(syn.frame(number)).reason for number in (1, 2, 3)])
    assert reasons == [
        [Reason.MATCHED, Reason.MATCHED, Reason.OUTSIDE_WINDOW],
        [Reason.MATCHED, Reason.MATCHED, Reason.MATCHED],
        [Reason.MATCHED, Reason.LEASE_EXPIRED, Reason.LEASE_EXPIRED],
        [Reason.LEASE_EXPIRED, Reason.OUTSIDE_WINDOW, Reason.OUTSIDE_WINDOW],
        [Reason.LEASE_EXPIRED, Reason.OUTSIDE_WINDOW, Reason.OUTSIDE_WINDOW],
    ]


@pytest.mark.usefixtures("people")
def test_poll_without_news_extends_the_lease(backend: FakeBackend, open_gate: OpenGate, clock: HandClock) -> None:
    gate = open_gate(clock=clock)
    gate.start(wait=60)
    cut_off(gate)
    clock.pass_(1000)
    assert gate.status().stale_for == 1000
    again = open_gate(clock=clock)
    assert again.status().stale_for == 1000
    assert again.start(wait=60)
    assert again.status().stale_for == 0
    assert again.status().version == 3


@pytest.mark.usefixtures("people")
def test_templates_of_ended_grants_are_wiped_and_the_digest_still_fits(
    backend: FakeBackend, open_gate: OpenGate, clock: HandClock, gate_dir: Path
) -> None:
    gate = open_gate(clock=clock)
    gate.start(wait=60)
    cut_off(gate)
    clock.pass_(5 * HOUR)
    gate._engine.tick()
    assert gate.decide(syn.frame(3)).reason is Reason.UNKNOWN
    assert gate.status().count == 3
    gate.close()
    assert stored(gate_dir) == [(True, True), (True, True), (False, False)]
    again = open_gate(clock=clock)
    assert again.status().count == 3
    assert again.start(wait=60)
    backend.add_person(syn.template(4))
    assert backend.wait_for(lambda: any(one.version == 4 for one in backend.acknowledged.values()))


@pytest.mark.usefixtures("people")
def test_clock_set_back_brings_nobody_back(backend: FakeBackend, open_gate: OpenGate, clock: HandClock) -> None:
    backend.roster.policy = Policy(visiting_lease_s=24 * HOUR)
    gate = open_gate(clock=clock)
    gate.start(wait=60)
    cut_off(gate)
    clock.pass_(11 * HOUR)
    assert gate.decide(syn.frame(2)).reason is Reason.OUTSIDE_WINDOW
    clock.wall_us -= 10 * HOUR * 1_000_000
    assert gate.decide(syn.frame(2)).reason is Reason.OUTSIDE_WINDOW
    assert gate.status().clock_behind


@pytest.mark.usefixtures("people")
def test_clock_set_back_while_the_power_was_off(backend: FakeBackend, open_gate: OpenGate, clock: HandClock) -> None:
    backend.roster.policy = Policy(visiting_lease_s=24 * HOUR)
    gate = open_gate(clock=clock)
    gate.start(wait=60)
    cut_off(gate)
    clock.pass_(11 * HOUR)
    gate._engine.tick()
    gate.close()
    again = open_gate(clock=HandClock(now_us=1_000_000))
    assert again.decide(syn.frame(2)).reason is Reason.UNKNOWN
    assert again.decide(syn.frame(1)).allowed


@pytest.mark.usefixtures("people")
def test_clock_that_ran_ahead_costs_a_snapshot_not_a_guest(
    backend: FakeBackend, open_gate: OpenGate, clock: HandClock
) -> None:
    gate = open_gate(clock=clock)
    gate.start(wait=60)
    cut_off(gate)
    right = clock.wall_us
    clock.wall_us += 48 * HOUR * 1_000_000
    gate._engine.tick()
    assert gate.decide(syn.frame(2)).reason is Reason.UNKNOWN
    clock.wall_us = right + 1_000_000
    gate.close()
    again = open_gate(clock=clock)
    again.start(wait=60)
    backend.add_person(syn.template(9))
    assert backend.wait_for(lambda: any(one.version == 4 for one in backend.acknowledged.values()))
    assert again.decide(syn.frame(2)).allowed


@pytest.mark.usefixtures("people")
def test_long_silence_wipes_the_roster_and_its_key_but_not_the_floor(
    backend: FakeBackend, open_gate: OpenGate, clock: HandClock, gate_dir: Path
) -> None:
    gate = open_gate(clock=clock)
    gate.start(wait=60)
    old = backend.roster.snapshot()
    backend.add_person(syn.template(4))
    assert backend.wait_for(lambda: any(one.version == 4 for one in backend.acknowledged.values()))
    cut_off(gate)
    key = (gate_dir / "keys" / "roster.key").read_bytes()
    clock.pass_(Policy().wipe_after_s + 1)
    gate._engine.tick()
    assert gate.decide(syn.frame(1)).reason is Reason.NOT_READY
    assert (gate_dir / "keys" / "roster.key").read_bytes() != key
    gate.close()
    assert stored(gate_dir) == []
    backend.add_person(syn.template(5))
    backend.rewrite = lambda _: old
    states: list[str | None] = []
    again = open_gate(clock=clock, on_state=lambda status: states.append(status.last_error))
    assert not again.start(wait=0.5)
    assert "rollback" in states
    backend.rewrite = None
    assert again.start(wait=60)
    assert again.decide(syn.frame(5)).allowed


def test_trusted_time_follows_the_newest_head_and_the_monotonic_clock() -> None:
    begin = 1_800_000_000_000_000
    clock = HandClock(now_us=begin)
    trusted = TrustedTime(clock)
    assert trusted.now_us() == begin
    trusted.set_floor(begin + 30_000_000)
    assert trusted.now_us() == begin + 30_000_000
    clock.mono += 5
    assert trusted.now_us() == begin + 35_000_000
    assert trusted.ahead_s() == -35.0
    clock.wall_us = begin + 40_000_000
    assert trusted.now_us() == begin + 40_000_000


@pytest.mark.usefixtures("people")
def test_wiping_what_has_ended_takes_back_no_time(backend: FakeBackend, open_gate: OpenGate, clock: HandClock) -> None:
    backend.add_person(syn.template(4), (RosterGrant(GrantKind.GUEST, 0, clock.wall_us + HOUR * 1_000_000),))
    backend.roster.policy = Policy(visiting_lease_s=3 * HOUR)
    gate = open_gate(clock=clock)
    gate.start(wait=60)
    cut_off(gate)
    clock.mono += 4 * HOUR
    gate._engine.tick()
    assert gate.decide(syn.frame(4)).reason is Reason.UNKNOWN
    assert gate.decide(syn.frame(2)).reason is Reason.LEASE_EXPIRED
    assert gate.status().stale_for == 4 * HOUR


@pytest.mark.usefixtures("people")
def test_clock_a_year_ahead_is_said_and_does_not_fetch_and_wipe_for_ever(
    backend: FakeBackend, open_gate: OpenGate, clock: HandClock
) -> None:
    right = clock.wall_us
    backend.roster.now_us = lambda: right
    clock.wall_us += 365 * 24 * HOUR * 1_000_000
    gate = open_gate(clock=clock)
    assert not gate.start(wait=1)
    assert gate.status().last_error == "head-expired"
    assert backend.requests["sync"] < 10
    clock.wall_us = right
    assert gate.start(wait=60)
    assert gate.decide(syn.frame(1)).allowed


@pytest.mark.usefixtures("people")
def test_long_silence_wipes_also_what_only_memory_holds(
    backend: FakeBackend, open_gate: OpenGate, clock: HandClock
) -> None:
    gate = open_gate(clock=clock)
    gate.start(wait=60)
    cut_off(gate)
    gate._engine.recover()
    assert gate.decide(syn.frame(1)).allowed
    clock.pass_(Policy().wipe_after_s + 1)
    gate._engine.tick()
    assert gate.decide(syn.frame(1)).reason is Reason.NOT_READY


@pytest.mark.usefixtures("people")
def test_approaches_are_timed_by_the_clock_that_was_given(open_gate: OpenGate, clock: HandClock) -> None:
    gate = open_gate(clock=clock)
    gate.start(wait=60)
    for _ in range(2):
        assert gate.observe(syn.frame(77)) is None
        clock.pass_(0.6)
    decision = gate.observe(syn.frame(77))
    assert decision is not None
    assert (decision.reason, decision.frames) == (Reason.UNKNOWN, 3)

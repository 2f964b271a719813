"""Guests' signed tokens at the gate, and what people try with them."""

from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate_sdk import GateClient, Outcome, Reason
from gate_sdk.testing import FakeBackend
from gate_sdk.wire import (
    GrantKind,
    Policy,
    RosterGrant,
    VisitorCode,
    encode_visitor,
    parse_code,
    sign_visitor,
)
from tests.gate_sdk.codes import ALLOWED, HOUR, denied, said, started, synced
from tests.gate_sdk.conftest import HandClock, OpenGate
from tests.gate_sdk.test_time import cut_off


@pytest.fixture
def backend(clock: HandClock) -> FakeBackend:
    return FakeBackend(now_us=lambda: clock.wall_us)


@pytest.fixture
def guest(backend: FakeBackend, clock: HandClock) -> object:
    now = clock.wall_us
    return backend.add_person(grants=(RosterGrant(GrantKind.GUEST, now - HOUR, now + 48 * HOUR),))


def token(backend: FakeBackend, clock: HandClock, guest: object, *, uses: int = 0) -> str:
    now = clock.wall_us
    return backend.issue_token(guest, now - HOUR, now + 48 * HOUR, uses=uses)  # type: ignore[arg-type]  # the fixture's id


def test_a_guests_token(backend: FakeBackend, guest: object, open_gate: OpenGate, clock: HandClock) -> None:
    text = token(backend, clock, guest)
    gate = started(open_gate, clock)
    decision = gate.decide_qr(text)
    assert said(decision) == ALLOWED
    assert decision.subject == guest
    clock.pass_(49 * 3600)
    assert denied(gate.decide_qr(text)) is Reason.OUTSIDE_WINDOW


def test_an_altered_window(backend: FakeBackend, guest: object, open_gate: OpenGate, clock: HandClock) -> None:
    code = parse_code(token(backend, clock, guest, uses=1))
    assert isinstance(code, VisitorCode)
    gate = started(open_gate, clock)
    for change in ({"until_s": code.until_s + 86400}, {"uses": 0}, {"since_s": 2**32 - 1}, {"token_id": bytes(8)}):
        altered = encode_visitor(msgspec.structs.replace(code, **change))
        assert denied(gate.decide_qr(altered)) is Reason.CODE_FORGED


def test_a_token_signed_by_somebody_else(
    backend: FakeBackend, guest: object, open_gate: OpenGate, clock: HandClock
) -> None:
    code = parse_code(token(backend, clock, guest))
    assert isinstance(code, VisitorCode)
    forged = sign_visitor(code, community=backend.roster.community, key=Ed25519PrivateKey.generate())
    assert denied(started(open_gate, clock).decide_qr(encode_visitor(forged))) is Reason.CODE_FORGED


def test_a_token_is_good_only_while_its_person_may_enter(
    backend: FakeBackend, guest: object, open_gate: OpenGate, clock: HandClock
) -> None:
    text = token(backend, clock, guest)
    later = clock.wall_us + 2 * HOUR
    backend.set_grants(guest, (RosterGrant(GrantKind.GUEST, later, later + HOUR),))  # type: ignore[arg-type]  # the fixture's id
    gate = started(open_gate, clock)
    assert denied(gate.decide_qr(text)) is Reason.OUTSIDE_WINDOW


def test_a_cancelled_pass_at_once_at_a_gate_that_is_connected(
    backend: FakeBackend, guest: object, open_gate: OpenGate, clock: HandClock
) -> None:
    text = token(backend, clock, guest)
    gate = started(open_gate, clock)
    clock.pass_(2)
    backend.cancel_tokens(guest)  # type: ignore[arg-type]  # the fixture's id
    synced(gate, backend)
    assert denied(gate.decide_qr(text)) is Reason.CODE_UNKNOWN


def test_a_cancelled_pass_at_an_offline_gate_ends_with_the_lease(
    backend: FakeBackend, guest: object, open_gate: OpenGate, clock: HandClock
) -> None:
    backend.roster.policy = Policy(visiting_lease_s=3600, standing_lease_s=24 * 3600)
    text = token(backend, clock, guest)
    gate = started(open_gate, clock)
    cut_off(gate)
    backend.cancel_tokens(guest)  # type: ignore[arg-type]  # the fixture's id
    # Nobody can tell the gate; the code goes on after the face's lease, and not after the code's.
    clock.pass_(2 * 3600)
    assert gate.decide_qr(text).allowed
    clock.pass_(22 * 3600)
    assert denied(gate.decide_qr(text)) is Reason.LEASE_EXPIRED


def test_a_pass_made_while_the_gate_was_offline(
    backend: FakeBackend, guest: object, open_gate: OpenGate, clock: HandClock
) -> None:
    gate = started(open_gate, clock)
    cut_off(gate)
    clock.pass_(60)
    text = token(backend, clock, guest)
    decision = gate.decide_qr(text)
    assert said(decision) == ALLOWED
    assert decision.subject is None
    assert decision.credential is not None


def test_a_pass_for_one_time_is_counted_across_gates(
    backend: FakeBackend, guest: object, open_gate: OpenGate, clock: HandClock, tmp_path: Path
) -> None:
    text = token(backend, clock, guest, uses=1)
    gate = started(open_gate, clock)
    asked = gate.decide_qr(text)
    assert said(asked) == (Outcome.NEEDS_APPROVAL, Reason.USE_UNCOUNTED)
    assert asked.event is None
    first = gate.resolve(asked, 5)
    assert said(first) == ALLOWED
    assert first.subject == guest
    assert denied(gate.decide_qr(text)) is Reason.CODE_USED_UP
    GateClient.provision(
        "https://fake.test", backend.claim(), data_dir=tmp_path / "b", transport=backend.transport
    ).close()
    # The second person on one link, at another gate.
    with GateClient(tmp_path / "b", transport=backend.transport, clock=clock) as other:
        assert other.start(wait=60)
        assert denied(other.resolve(other.decide_qr(text), 5)) is Reason.CODE_USED_UP


def test_without_a_network_each_gate_counts_for_itself(
    backend: FakeBackend, guest: object, open_gate: OpenGate, clock: HandClock
) -> None:
    text = token(backend, clock, guest, uses=2)
    gate = started(open_gate, clock)
    backend.partition()
    assert gate.resolve(gate.decide_qr(text), 2).allowed
    again = open_gate(clock=clock)
    assert again.resolve(again.decide_qr(text), 2).allowed
    assert denied(again.decide_qr(text)) is Reason.CODE_USED_UP
    backend.partition(on=False)
    assert again.start(wait=60)
    # What was let in meanwhile is counted when it is told, once.
    assert backend.wait_for(lambda: len(backend.events) >= 3)
    uses = {event.use for event in backend.events.values() if event.outcome is Outcome.ALLOW}
    assert len(uses) == 2
    assert None not in uses


def test_a_question_that_waited_too_long_is_refused(
    backend: FakeBackend, guest: object, open_gate: OpenGate, clock: HandClock
) -> None:
    gate = started(open_gate, clock)
    asked = gate.decide_qr(token(backend, clock, guest, uses=1))
    clock.pass_(600)
    assert denied(gate.resolve(asked, 1)) is Reason.USE_UNCOUNTED

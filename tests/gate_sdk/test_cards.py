"""Printed cards and their PINs at the gate, and what people try with them."""

import logging
from typing import Any

import pytest

from gate_sdk import Outcome, Reason, Via
from gate_sdk.testing import FakeBackend
from gate_sdk.wire import (
    CardCode,
    parse_code,
)
from tests.gate_sdk.codes import ALLOWED, denied, said, started
from tests.gate_sdk.conftest import HandClock, OpenGate


@pytest.fixture
def backend(clock: HandClock) -> FakeBackend:
    return FakeBackend(now_us=lambda: clock.wall_us)


def test_a_card_with_its_pin(backend: FakeBackend, open_gate: OpenGate, clock: HandClock) -> None:
    subject = backend.add_person()
    card = backend.issue_card(subject, "493817")
    gate = started(open_gate, clock)
    asked = gate.decide_qr(card)
    assert said(asked) == (Outcome.NEEDS_SECOND_FACTOR, Reason.PIN_NEEDED)
    assert asked.event is None
    decision = gate.resolve(asked, 1, pin="493817")
    assert said(decision) == ALLOWED
    assert (decision.subject, decision.via) == (subject, Via.CARD)
    assert gate.decide_qr(card, pin="493817").allowed


def test_guessing_the_pin_of_a_found_card(backend: FakeBackend, open_gate: OpenGate, clock: HandClock) -> None:
    card = backend.issue_card(backend.add_person(), "493817")
    gate = started(open_gate, clock)
    for guess in ("000000", "000001", "000002"):
        assert denied(gate.decide_qr(card, pin=guess)) is Reason.PIN_WRONG
    assert denied(gate.decide_qr(card, pin="493817")) is Reason.PIN_LOCKED
    # Pulling the plug does not help.
    again = open_gate(clock=clock)
    assert again.start(wait=60)
    assert denied(again.decide_qr(card, pin="493817")) is Reason.PIN_LOCKED
    clock.pass_(31)
    assert denied(again.decide_qr(card, pin="000003")) is Reason.PIN_WRONG
    clock.pass_(31)
    assert denied(again.decide_qr(card)) is Reason.PIN_LOCKED
    clock.pass_(30)
    assert again.decide_qr(card, pin="493817").allowed
    assert denied(again.decide_qr(card, pin="000000")) is Reason.PIN_WRONG
    assert again.decide_qr(card, pin="493817").allowed
    assert backend.wait_for(lambda: any(e.detail and "pin-guessing" in e.detail for e in backend.events.values()))


def test_a_cards_secret_is_in_no_log_and_no_decision(
    backend: FakeBackend, open_gate: OpenGate, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    card = backend.issue_card(backend.add_person(), "493817")
    code = parse_code(card)
    assert isinstance(code, CardCode)
    with caplog.at_level(logging.DEBUG):
        decision = started(open_gate, clock).decide_qr(card, pin="493817")
    for told in (caplog.text, repr(decision), repr(code)):
        assert code.secret.hex() not in told
        assert repr(code.secret) not in told


def test_a_made_up_card(open_gate: OpenGate, clock: HandClock) -> None:
    other = FakeBackend()
    card = other.issue_card(other.add_person(), "493817")
    gate = started(open_gate, clock)
    assert denied(gate.decide_qr(card, pin="493817")) is Reason.CODE_UNKNOWN


def test_pin_that_is_a_number_is_the_callers_mistake_and_counts_as_no_guess(
    backend: FakeBackend, open_gate: OpenGate, clock: HandClock
) -> None:
    card = backend.issue_card(backend.add_person(), "493817")
    gate = started(open_gate, clock)
    asked = gate.decide_qr(card)
    wrong: Any = 493817
    for _ in range(4):
        with pytest.raises(TypeError, match="not int"):
            gate.decide_qr(card, pin=wrong)
        with pytest.raises(TypeError, match="not int"):
            gate.resolve(asked, 1, pin=wrong)
    read: Any = card.encode()
    with pytest.raises(TypeError, match="not bytes"):
        gate.decide_qr(read)
    assert gate.resolve(asked, 1, pin="493817").allowed

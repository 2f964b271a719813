"""Look-alikes who are told apart by their own codes."""

import pytest

from gate_sdk import Outcome, Reason
from gate_sdk._codes.desk import SECOND_FACTOR_S
from gate_sdk.testing import FakeBackend, Phone
from gate_sdk.testing import synthetic as syn
from tests.gate_sdk.codes import ALLOWED, denied, said, started
from tests.gate_sdk.conftest import HandClock, OpenGate


@pytest.fixture
def backend(clock: HandClock) -> FakeBackend:
    return FakeBackend(now_us=lambda: clock.wall_us)


def test_look_alikes_are_told_apart_by_their_phones(
    backend: FakeBackend, open_gate: OpenGate, clock: HandClock
) -> None:
    twin = syn.like(syn.person(1), 0.99)
    one, two = backend.add_person(syn.template(1)), backend.add_person(syn.template(twin))
    third = backend.add_person()
    phones = {}
    for subject in (one, two, third):
        phones[subject] = Phone(backend.roster.community)
        backend.add_phone(subject, phones[subject])
    gate = started(open_gate, clock)
    asked = gate.decide(syn.frame(1))
    assert said(asked) == (Outcome.NEEDS_SECOND_FACTOR, Reason.AMBIGUOUS)
    # A neighbour's code says nothing of which twin it is; and it is not used up.
    neighbours = phones[third].code(clock.wall_us)
    assert denied(gate.resolve(asked, 1, code=neighbours)) is Reason.AMBIGUOUS
    assert gate.decide_qr(neighbours).allowed
    decision = gate.resolve(asked, 1, code=phones[two].code(clock.wall_us))
    assert said(decision) == ALLOWED
    assert decision.subject == two


def test_marked_look_alikes_show_their_phones_where_others_pass_by_the_lead_of_their_face(
    backend: FakeBackend, open_gate: OpenGate, clock: HandClock
) -> None:
    one = backend.add_person(syn.template(1))
    two = backend.add_person(syn.template(syn.like(syn.person(1), 0.92)))
    phone = Phone(backend.roster.community)
    backend.add_phone(one, phone)
    gate = started(open_gate, clock)
    assert gate.decide(syn.frame(1)).allowed
    for subject in (one, two):
        backend.mark_lookalike(subject)
    gate.close()
    gate = started(open_gate, clock)
    asked = gate.decide(syn.frame(1))
    assert said(asked) == (Outcome.NEEDS_SECOND_FACTOR, Reason.AMBIGUOUS)
    assert asked.subject is None
    decision = gate.resolve(asked, 1, code=phone.code(clock.wall_us))
    assert (decision.allowed, decision.subject) == (True, one)


def test_the_second_factor_comes_too_late(backend: FakeBackend, open_gate: OpenGate, clock: HandClock) -> None:
    one = backend.add_person(syn.template(1))
    backend.add_person(syn.template(syn.like(syn.person(1), 0.99)))
    phone = Phone(backend.roster.community)
    backend.add_phone(one, phone)
    gate = started(open_gate, clock)
    asked = gate.decide(syn.frame(1))
    clock.pass_(SECOND_FACTOR_S + 1)
    assert denied(gate.resolve(asked, 1, code=phone.code(clock.wall_us))) is Reason.AMBIGUOUS
    assert denied(gate.resolve(asked, 1)) is Reason.AMBIGUOUS

"""Asking a home first: what the gate answers, waits for and does without a network, by face and by code."""

import math
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from gate_sdk import Decision, GateClient, Outcome, Reason
from gate_sdk._asking import ask_home
from gate_sdk._decide import admit
from gate_sdk.errors import RequestRefusedError, UnreachableError
from gate_sdk.testing import FakeBackend, Phone
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import (
    AskAnswer,
    AskRequest,
    AskState,
    EmergencyMode,
    GrantKind,
    Head,
    Policy,
    RosterEntry,
    RosterGrant,
    Via,
    decode_entry,
)
from tests.gate_sdk.codes import HOUR, denied, said, started, synced
from tests.gate_sdk.conftest import HandClock, OpenGate

ASKED = (Outcome.NEEDS_APPROVAL, Reason.ASK_FIRST)
APPROVED = (Outcome.ALLOW, Reason.APPROVED)
Settling = Callable[[Decision], "Future[Decision]"]


@pytest.fixture
def backend(clock: HandClock) -> FakeBackend:
    return FakeBackend(now_us=lambda: clock.wall_us)


def visit(clock: HandClock, *, ask_first: bool = True) -> RosterGrant:
    return RosterGrant(GrantKind.GUEST, clock.wall_us - HOUR, clock.wall_us + 48 * HOUR, ask_first=ask_first)


@pytest.fixture
def guest(backend: FakeBackend, clock: HandClock) -> UUID:
    return backend.add_person(syn.template(1), (visit(clock),))


@pytest.fixture
def gate(backend: FakeBackend, guest: UUID, open_gate: OpenGate, clock: HandClock) -> GateClient:
    assert guest in backend.roster.people
    return started(open_gate, clock)


@pytest.fixture
def settling(gate: GateClient) -> Settling:
    """Resolves in a thread, as a vendor's program would while the camera goes on."""
    pool = ThreadPoolExecutor(4)
    return lambda decision: pool.submit(gate.resolve, decision, 20)


def ring(backend: FakeBackend, count: int = 1) -> list[AskRequest]:
    assert backend.wait_for(lambda: len(backend.asked) == count)
    return list(backend.asked.values())


def test_a_face_that_is_to_be_asked_for_is_let_in_by_a_yes_and_told_once(
    gate: GateClient, backend: FakeBackend, guest: UUID, settling: Settling
) -> None:
    asked = gate.decide(syn.frame(1))
    assert said(asked) == ASKED
    assert not asked.allowed
    assert (asked.event, asked.subject) == (None, guest)
    waiting = settling(asked)
    (question,) = ring(backend)
    assert (question.approach, question.subject) == (asked.approach, guest)
    assert backend.answer(question.approach, approve=True)
    settled = waiting.result(20)
    assert said(settled) == APPROVED
    assert backend.wait_for(lambda: len(backend.events) == 1)
    (event,) = backend.events.values()
    assert (event.outcome, event.reason, event.subject, event.via) == (
        Outcome.ALLOW, Reason.APPROVED, guest, Via.FACE,
    )  # fmt: skip
    # One yes opens once.
    assert denied(gate.resolve(asked, 1)) is Reason.ASK_FIRST
    assert len(backend.asked) == 1


@pytest.mark.parametrize("timeout", [math.inf, 1e12])
def test_who_would_wait_for_ever_gets_the_answer_too(timeout: float, gate: GateClient, backend: FakeBackend) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(gate.resolve, gate.decide(syn.frame(1)), timeout)
        (question,) = ring(backend)
        assert backend.answer(question.approach, approve=True)
        assert said(waiting.result(20)) == APPROVED


def test_a_no_refuses(gate: GateClient, backend: FakeBackend, settling: Settling) -> None:
    waiting = settling(gate.decide(syn.frame(1)))
    (question,) = ring(backend)
    assert backend.answer(question.approach, approve=False)
    assert denied(waiting.result(20)) is Reason.APPROVAL_REFUSED
    assert not backend.answer(question.approach, approve=True)


def test_no_answer_in_time_refuses(gate: GateClient, backend: FakeBackend) -> None:
    settled = gate.resolve(gate.decide(syn.frame(1)), 2)
    assert denied(settled) is Reason.APPROVAL_TIMEOUT
    (question,) = ring(backend)
    # The question was over before the gate gave up: a late yes is told that it is late.
    assert question.for_s < 2
    assert not backend.answer(question.approach, approve=True)
    assert backend.wait_for(lambda: len(backend.events) == 1)
    (event,) = backend.events.values()
    assert (event.outcome, event.reason) == (Outcome.DENY, Reason.APPROVAL_TIMEOUT)


def test_without_a_network_nobody_can_be_asked_and_the_gate_stays_shut(gate: GateClient, backend: FakeBackend) -> None:
    backend.partition()
    assert denied(gate.resolve(gate.decide(syn.frame(1)), 1)) is Reason.APPROVAL_OFFLINE


def test_a_network_that_returns_within_the_time_still_brings_the_answer(
    gate: GateClient, backend: FakeBackend, settling: Settling
) -> None:
    asked = gate.decide(syn.frame(1))
    backend.partition()
    waiting = settling(asked)
    assert backend.wait_for(lambda: backend.requests["asks"] >= 1)
    backend.partition(on=False)
    (question,) = ring(backend)
    assert backend.answer(question.approach, approve=True)
    assert said(waiting.result(20)) == APPROVED


def test_a_lost_answer_is_asked_for_again_as_the_same_question(
    gate: GateClient, backend: FakeBackend, settling: Settling
) -> None:
    backend.lose_answer("asks", times=2)
    backend.fail("asks", 503)
    waiting = settling(gate.decide(syn.frame(1)))
    (question,) = ring(backend)
    assert backend.answer(question.approach, approve=True)
    assert said(waiting.result(20)) == APPROVED
    assert len(backend.asked) == 1
    assert backend.requests["asks"] >= 3


def test_two_threads_that_settle_one_decision_let_one_in(
    gate: GateClient, backend: FakeBackend, settling: Settling
) -> None:
    asked = gate.decide(syn.frame(1))
    both = [settling(asked), settling(asked)]
    (question,) = ring(backend)
    assert backend.answer(question.approach, approve=True)
    assert sorted(waiting.result(20).allowed for waiting in both) == [False, True]


def test_a_guests_token_asks_too_and_counts_its_use_once(
    gate: GateClient, backend: FakeBackend, guest: UUID, clock: HandClock, settling: Settling
) -> None:
    text = backend.issue_token(guest, clock.wall_us - HOUR, clock.wall_us + HOUR, uses=1)
    synced(gate, backend)
    asked = gate.decide_qr(text)
    assert said(asked) == ASKED
    waiting = settling(asked)
    (question,) = ring(backend)
    assert backend.answer(question.approach, approve=True)
    settled = waiting.result(20)
    assert said(settled) == APPROVED
    assert settled.use is not None
    assert backend.wait_for(lambda: len(backend.events) == 1)
    # Told by claim and by event, it still is one; and it was the last.
    again = gate.decide_qr(text)
    assert said(again) == ASKED
    waiting = settling(again)
    assert backend.answer(ring(backend, 2)[1].approach, approve=True)
    assert denied(waiting.result(20)) is Reason.CODE_USED_UP


def test_a_token_that_is_refused_keeps_its_use(
    gate: GateClient, backend: FakeBackend, guest: UUID, clock: HandClock, settling: Settling
) -> None:
    text = backend.issue_token(guest, clock.wall_us - HOUR, clock.wall_us + HOUR, uses=1)
    synced(gate, backend)
    for number, approve in ((0, False), (1, True)):
        waiting = settling(gate.decide_qr(text))
        assert backend.answer(ring(backend, number + 1)[number].approach, approve=approve)
        assert waiting.result(20).allowed is approve


def test_a_phones_code_rings_once_and_its_screenshot_not_again(
    gate: GateClient, backend: FakeBackend, guest: UUID, clock: HandClock, settling: Settling
) -> None:
    phone = Phone(backend.roster.community)
    backend.add_phone(guest, phone)
    synced(gate, backend)
    text = phone.code(clock.wall_us)
    asked = gate.decide_qr(text)
    assert said(asked) == ASKED
    assert denied(gate.decide_qr(text)) is Reason.CODE_REPLAYED
    waiting = settling(asked)
    assert backend.answer(ring(backend)[0].approach, approve=True)
    assert said(waiting.result(20)) == APPROVED


def test_a_card_asks_for_its_pin_first_and_then_the_home(
    gate: GateClient, backend: FakeBackend, guest: UUID, settling: Settling
) -> None:
    card = backend.issue_card(guest, "493817")
    synced(gate, backend)
    waiting = settling(gate.decide_qr(card, pin="493817"))
    assert backend.answer(ring(backend)[0].approach, approve=True)
    assert said(waiting.result(20)) == APPROVED
    assert denied(gate.decide_qr(card, pin="000000")) is Reason.PIN_WRONG
    assert len(backend.asked) == 1


@pytest.mark.parametrize("by_code", [False, True])
def test_a_pass_that_is_cancelled_while_the_home_thinks_is_not_approved(
    gate: GateClient, backend: FakeBackend, guest: UUID, clock: HandClock, settling: Settling, *, by_code: bool
) -> None:
    text = backend.issue_token(guest, clock.wall_us - HOUR, clock.wall_us + HOUR)
    synced(gate, backend)
    waiting = settling(gate.decide_qr(text) if by_code else gate.decide(syn.frame(1)))
    (question,) = ring(backend)
    clock.pass_(5)
    backend.revoke(guest)
    synced(gate, backend)
    assert backend.answer(question.approach, approve=True)
    assert denied(waiting.result(20)) is (Reason.CODE_UNKNOWN if by_code else Reason.OUTSIDE_WINDOW)


def test_a_lockdown_that_is_declared_meanwhile_stands_above_a_yes(
    gate: GateClient, backend: FakeBackend, settling: Settling
) -> None:
    waiting = settling(gate.decide(syn.frame(1)))
    (question,) = ring(backend)
    backend.declare(EmergencyMode.LOCKDOWN)
    threading.Event().wait(0.1)
    while gate.emergency is None:
        threading.Event().wait(0.02)
    assert backend.answer(question.approach, approve=True)
    assert denied(waiting.result(20)) is Reason.LOCKED_DOWN


def test_a_question_that_lay_about_is_not_asked(gate: GateClient, backend: FakeBackend, clock: HandClock) -> None:
    asked = gate.decide(syn.frame(1))
    clock.pass_(600)
    assert denied(gate.resolve(asked, 1)) is Reason.ASK_FIRST
    assert not backend.asked


def test_whoever_has_another_right_besides_is_asked_about_by_nobody(clock: HandClock) -> None:
    subject, head = UUID(int=1), Head(UUID(int=2), 1, 1, 1, b"", clock.wall_us, Policy())
    both = RosterEntry(subject, (visit(clock), visit(clock, ask_first=False)))
    assert admit(both, head, now_us=clock.wall_us).reason is Reason.MATCHED
    alone = RosterEntry(subject, (visit(clock), visit(clock)))
    assert admit(alone, head, now_us=clock.wall_us).reason is Reason.ASK_FIRST
    assert admit(alone, head, now_us=clock.wall_us, approved=True).reason is Reason.APPROVED
    # What else keeps him out does so with a yes as without.
    assert admit(alone, head, now_us=clock.wall_us + 72 * HOUR, approved=True).reason is Reason.OUTSIDE_WINDOW
    assert admit(alone, head, now_us=clock.wall_us + 2 * HOUR, approved=True).reason is Reason.LEASE_EXPIRED


def test_who_is_let_in_unasked_keeps_the_bytes_that_he_had(clock: HandClock) -> None:
    plain = msgspec.json.encode(RosterEntry(UUID(int=1), (visit(clock, ask_first=False),)))
    assert b"ask_first" not in plain
    asked = msgspec.json.encode(RosterEntry(UUID(int=1), (visit(clock),)))
    assert decode_entry(asked).grants[0].ask_first


class _Link:
    """Answers by a list: an error to raise, or a state."""

    def __init__(self, *script: AskState | Exception) -> None:
        self._script = list(script)
        self.seen: list[AskRequest] = []

    def ask(self, request: AskRequest) -> AskAnswer:
        self.seen.append(request)
        step = self._script.pop(0)
        if isinstance(step, Exception):
            raise step
        return AskAnswer(step)


def test_a_server_that_knows_no_such_route_is_asked_once() -> None:
    link = _Link(RequestRefusedError("404", status=404))
    assert ask_home(link, approach=UUID(int=1), subject=UUID(int=2), timeout=5) is None
    assert len(link.seen) == 1


def test_every_repetition_bears_the_same_number_and_no_longer_time() -> None:
    link = _Link(UnreachableError("killed"), AskState.WAITING, UnreachableError("killed"), AskState.APPROVED)
    assert ask_home(link, approach=UUID(int=1), subject=UUID(int=2), timeout=9) is AskState.APPROVED
    assert {one.approach for one in link.seen} == {UUID(int=1)}
    assert [one.for_s for one in link.seen] == sorted((one.for_s for one in link.seen), reverse=True)
    assert all(one.for_s < 9 for one in link.seen)


def test_a_decision_says_nothing_that_another_gate_could_use(
    gate: GateClient, backend: FakeBackend, tmp_path: Path, clock: HandClock
) -> None:
    asked = gate.decide(syn.frame(1))
    made_up = msgspec.structs.replace(asked, approach=None)
    assert denied(gate.resolve(made_up, 1)) is Reason.ASK_FIRST
    GateClient.provision(
        "https://fake.test", backend.claim(), data_dir=tmp_path / "b", transport=backend.transport
    ).close()
    with GateClient(tmp_path / "b", transport=backend.transport, clock=clock) as other:
        assert other.start(wait=60)
        assert denied(other.resolve(made_up, 1)) is Reason.ASK_FIRST
    assert not backend.asked

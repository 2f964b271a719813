"""A clock that jumps ahead while the gate runs, and is set right again."""

import pytest

from gate_sdk import Reason
from gate_sdk._sync.engine import Round
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import GrantKind, RosterGrant
from tests.gate_sdk.codes import denied, started
from tests.gate_sdk.conftest import HandClock, OpenGate

HOUR_US = 3_600_000_000
YEAR_US = 365 * 24 * HOUR_US


@pytest.fixture
def backend(clock: HandClock) -> FakeBackend:
    return FakeBackend(now_us=lambda: clock.wall_us)


def test_guest_who_was_wiped_by_it_is_back_with_the_next_head_though_nothing_has_changed(
    backend: FakeBackend, open_gate: OpenGate, clock: HandClock
) -> None:
    backend.add_person(syn.template(1))
    backend.add_person(syn.template(2), (RosterGrant(GrantKind.GUEST, 0, clock.wall_us + 10 * HOUR_US),))
    gate = open_gate(clock=clock)

    def rounds(count: int) -> list[Round]:
        made = []
        for _ in range(count):
            gate._engine.tick()
            made.append(gate._engine.round(0))
        return made

    assert rounds(1) == [Round.CHANGED]
    right = clock.wall_us
    backend.roster.now_us = lambda: right + 1_000_000
    clock.wall_us += 48 * HOUR_US
    # As long as it is ahead a snapshot would be wiped at once, and asked for again for ever.
    assert rounds(3) == [Round.SAME] * 3
    assert gate.decide(syn.frame(2)).reason is Reason.UNKNOWN
    clock.wall_us = right
    assert rounds(3) == [Round.SAME, Round.CHANGED, Round.SAME]
    assert gate.decide(syn.frame(2)).allowed


@pytest.mark.parametrize("wrong", [1, 4])
def test_wrong_pin_while_it_was_ahead_locks_no_card_for_days(
    wrong: int, backend: FakeBackend, open_gate: OpenGate, clock: HandClock
) -> None:
    card = backend.issue_card(backend.add_person(), "493817")
    gate = started(open_gate, clock)
    right = clock.wall_us
    clock.wall_us += 5 * 24 * HOUR_US
    for _ in range(wrong):
        gate.decide_qr(card, pin="000000")
    clock.wall_us = right
    if wrong > 1:
        # No guess is gained by setting it.
        assert denied(gate.decide_qr(card, pin="493817")) is Reason.PIN_LOCKED
        clock.pass_(29)
        assert denied(gate.decide_qr(card, pin="493817")) is Reason.PIN_LOCKED
        clock.pass_(2)
    assert gate.decide_qr(card, pin="493817").allowed


def test_events_of_a_cut_are_not_thrown_away_as_a_month_old(
    backend: FakeBackend, open_gate: OpenGate, clock: HandClock
) -> None:
    backend.add_person(syn.template(1))
    gate = started(open_gate, clock)
    backend.fail("events", 503, times=3, retry_after=0)
    right = clock.wall_us
    assert gate.decide(syn.frame(1)).allowed
    clock.wall_us += YEAR_US
    assert backend.wait_for(lambda: backend.requests["events"] >= 3, 60)
    clock.wall_us = right
    assert backend.wait_for(lambda: any(one.reason is Reason.MATCHED for one in backend.events.values()), 60)
    assert gate.status().dropped == 0

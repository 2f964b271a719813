"""What a gate tells of itself: how long people wait, a dark camera, what waits to be delivered."""

import numpy as np
import pytest

from gate_sdk._health import Health, HealthDelivery
from gate_sdk.errors import RequestRefusedError, UnreachableError
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import GateHealth
from tests.gate_sdk.conftest import HandClock, OpenGate

LIGHT, DARK = np.full((480, 640, 3), 90, np.uint8), np.full((480, 640, 3), 2, np.uint8)


def test_a_camera_that_was_never_looked_through_is_neither_dark_nor_light() -> None:
    assert Health().report(now_us=0, at=100.0).dark_s is None


def test_a_covered_lens_and_a_camera_that_stops_are_both_dark() -> None:
    health = Health()
    health.saw(LIGHT, 10.0)
    assert health.report(now_us=0, at=10.5).dark_s == 0
    for at in range(11, 30):
        health.saw(DARK, float(at))
    assert health.report(now_us=0, at=30.0).dark_s == 20
    health.saw(LIGHT, 40.0)
    assert health.report(now_us=0, at=40.0).dark_s == 0
    assert health.report(now_us=0, at=95.0).dark_s == 55, "no frame came any more"


def test_a_camera_that_has_never_shown_anything_is_dark_since_its_first_frame() -> None:
    health = Health()
    health.saw(None, 5.0)
    health.saw(DARK, 9.0)
    assert health.report(now_us=0, at=65.0).dark_s == 60


def test_time_to_entry_is_the_median_and_the_95th_percentile_of_the_last_200() -> None:
    health = Health()
    for wait in [9.0] * 50 + [0.3] * 180 + [0.9] * 20:
        health.let_in(wait)
    told = health.report(now_us=7, at=0.0)
    assert (told.at_us, told.entries, told.entry_ms, told.entry_p95_ms) == (7, 200, 300, 900)


def test_time_to_entry_runs_from_the_first_usable_frame_to_the_admission(
    backend: FakeBackend, open_gate: OpenGate
) -> None:
    backend.add_person(syn.template(1))
    gate = open_gate()
    gate.start(wait=60)
    for frame in range(8):
        if gate.observe(syn.frame(1), 100.0 + frame / 10) is not None:
            break
    told = gate._own_word()
    assert told.entries == 1
    assert told.entry_ms is not None
    assert 200 <= told.entry_ms < 800
    for frame in range(15):
        gate.observe(syn.frame(99), 200.0 + frame / 10)
    assert gate._own_word().entries == 1, "a stranger is no entry"


def test_the_server_is_told_by_itself_with_queue_staleness_and_packs(backend: FakeBackend, open_gate: OpenGate) -> None:
    backend.add_person(syn.template(1))
    backend.fail("events", 503, times=50, retry_after=30)
    gate = open_gate()
    gate.decide(syn.frame(5))
    gate.start(wait=60)
    assert backend.wait_for(lambda: bool(backend.health))
    (told,) = backend.health.values()
    assert (told.packs, told.dropped, told.refused) == ((syn.PACK,), 0, 0)
    assert told.stale_s is None or told.stale_s < 60
    gate.decide(syn.frame(1))
    told = gate._own_word()
    assert (told.queue, told.queue_s) == (1, 0)


class _Link:
    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.told: list[GateHealth] = []

    def tell_health(self, health: GateHealth) -> None:
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer
        self.told.append(health)


@pytest.mark.parametrize(
    "failure, again",
    [
        (UnreachableError("no network"), 30.0),
        (RequestRefusedError("an earlier release knows no such route", status=404), 3600.0),
    ],
)
def test_what_cannot_be_told_holds_up_nothing_and_is_told_later(failure: Exception, again: float) -> None:
    link, clock = _Link(failure, None), HandClock()
    delivery = HealthDelivery(lambda: GateHealth(at_us=1), link, clock.monotonic)  # type: ignore[arg-type]  # the one call
    delivery.once()
    clock.pass_(again - 1)
    delivery.once()
    assert link.told == []
    clock.pass_(2)
    delivery.once()
    delivery.once()
    assert link.told == [GateHealth(at_us=1)]

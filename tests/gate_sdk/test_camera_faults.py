"""What cameras and vendors' models give when they fail, or are mistaken for others."""

import math
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from gate_sdk import Decision, GateClient, Reason
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from tests.gate_sdk.conftest import HandClock, OpenGate

ODD = {
    "none": None,
    "path": Path("frame.jpg"),
    "list": [[[0, 0, 0]]],
    "no pixels": np.zeros((0, 0, 3), dtype=np.uint8),
    "no lines": np.zeros((0, 640, 3), dtype=np.uint8),
    "no columns": np.zeros((480, 0, 3), dtype=np.uint8),
    "planes first": np.zeros((3, 480, 640), dtype=np.uint8),
    "signed": np.zeros((4, 4, 3), dtype=np.int8),
    "one line without end": np.zeros((1, 100_000, 3), dtype=np.uint8),
    "a hundred million": np.broadcast_to(np.uint8(0), (10_000, 10_000, 3)),
}


@pytest.fixture
def gate(backend: FakeBackend, open_gate: OpenGate, clock: HandClock) -> GateClient:
    backend.roster.now_us = clock.now_us
    for number in range(3):
        backend.add_person(syn.template(number))
    gate = open_gate(clock=clock)
    assert gate.start(wait=60)
    return gate


def watch(gate: GateClient, who: int, start: float) -> list[Decision]:
    seen = [gate.observe(syn.frame(who), at=start + number / 15) for number in range(15)]
    return [decision for decision in seen if decision is not None]


@pytest.mark.parametrize("picture", ODD.values(), ids=ODD)
def test_no_frame_is_refused_by_name_and_the_next_one_is_taken(gate: GateClient, picture: Any) -> None:
    for ask in (gate.observe, gate.decide):
        with pytest.raises(ValueError, match="a frame is uint8"):
            ask(picture)
    assert gate.decide(syn.frame(1)).allowed


@pytest.mark.parametrize("began", [1_000.0, 1e12, 1e18])
def test_stream_that_counts_from_zero_again_does_not_close_the_gate(
    began: float, gate: GateClient, clock: HandClock
) -> None:
    assert [one.reason for one in watch(gate, 1, began)] == [Reason.MATCHED]
    clock.pass_(3)
    assert [one.reason for one in watch(gate, 2, 0.0)] == [Reason.MATCHED]
    assert [one.reason for one in watch(gate, 2, 1.0)] == []
    assert [one.reason for one in watch(gate, 1, 8.0)] == [Reason.MATCHED]


def test_frames_that_overtake_one_another_make_no_second_approach(gate: GateClient) -> None:
    decisions = [gate.observe(syn.frame(1), at=(number ^ 1) / 15) for number in range(60)]
    assert [one.reason for one in decisions if one is not None] == [Reason.MATCHED]


@pytest.mark.parametrize("at", [math.inf, -math.inf, math.nan])
def test_time_without_end_is_refused_and_holds_up_no_event(at: float, backend: FakeBackend, gate: GateClient) -> None:
    with pytest.raises(ValueError, match="number of seconds"):
        gate.observe(syn.frame(1), at=at)
    assert gate.decide(syn.frame(1)).allowed
    assert backend.wait_for(lambda: bool(backend.events), 60)


class Silent:
    """A liveness model that gives nothing."""

    threshold = 0.5

    def score(self, *_: object) -> float:
        return cast("float", None)


class Unset:
    """One whose threshold nobody has set."""

    threshold = None

    def score(self, *_: object) -> float:
        return 1.0


def test_liveness_that_gives_no_number_refuses_and_does_not_fall_over(
    backend: FakeBackend, open_gate: OpenGate
) -> None:
    backend.add_person(syn.template(1))
    gate = open_gate(liveness=Silent())
    gate.start(wait=60)
    assert gate.decide(syn.frame(1)).reason is Reason.NOT_LIVE


@pytest.mark.parametrize(
    "wrong",
    [
        {"liveness": Unset()},
        {"liveness": object()},
        {"zone": (0, 0, 1, 1)},
        {"zone": (0, 0, 640)},
        {"zone": (0, 0, -640, 480)},
        {"zone": (0, 0, math.nan, 480)},
    ],
    # By what it holds and not as text, which has an address in it: two processes must collect the same tests.
    ids=[
        "a liveness model without a threshold",
        "no liveness model",
        "a dot",
        "three numbers",
        "inside out",
        "no number",
    ],
)
def test_setting_that_would_refuse_everybody_is_refused_at_once(wrong: dict[str, Any], open_gate: OpenGate) -> None:
    with pytest.raises(ValueError, match=r"zone is|liveness model has"):
        open_gate(**wrong)
    open_gate().close()

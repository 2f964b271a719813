import time
from itertools import cycle

import numpy as np
import pytest

from gate_sdk import GateClient, Outcome, Reason
from gate_sdk._decision import Decision
from gate_sdk.face import Detection, Frame
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from gate_sdk.testing.synthetic import SyntheticRecognition
from gate_sdk.wire import EventKind
from tests.gate_sdk.conftest import OpenGate

FPS = 15.0


@pytest.fixture
def gate(backend: FakeBackend, open_gate: OpenGate) -> GateClient:
    for number in range(3):
        backend.add_person(syn.template(number))
    gate = open_gate()
    assert gate.start(wait=60)
    return gate


def watch(gate: GateClient, frames: list[Frame], start: float = 0.0, fps: float = FPS) -> list[Decision]:
    seen = (gate.observe(frame, at=start + index / fps) for index, frame in enumerate(frames))
    return [decision for decision in seen if decision is not None]


def test_clear_match_is_decided_after_three_frames(gate: GateClient) -> None:
    decisions = watch(gate, [syn.frame(1)] * 3)
    assert [(one.outcome, one.frames) for one in decisions] == [(Outcome.ALLOW, 3)]


def test_one_decision_per_approach(gate: GateClient) -> None:
    assert len(watch(gate, [syn.frame(1)] * 60)) == 1


def test_stranger_gets_one_refusal_however_long_he_stands_there(gate: GateClient) -> None:
    decisions = watch(gate, [syn.frame(77)] * 150)
    assert [(one.outcome, one.reason, one.subject) for one in decisions] == [(Outcome.DENY, Reason.UNKNOWN, None)]


def test_decision_comes_within_a_second_from_few_frames(gate: GateClient) -> None:
    decisions = watch(gate, [syn.frame(syn.like(syn.person(1), 0.53))] * 4, fps=2.0)
    assert [(one.outcome, one.frames) for one in decisions] == [(Outcome.ALLOW, 3)]


def test_passer_by_seen_for_two_frames_is_not_decided_about(gate: GateClient) -> None:
    assert watch(gate, [syn.frame(1)] * 2 + [syn.empty_frame()] * 60) == []


def test_coming_back_is_a_new_approach(gate: GateClient) -> None:
    frames = [syn.frame(1)] * 5 + [syn.empty_frame()] * 20 + [syn.frame(1)] * 5
    assert len(watch(gate, frames)) == 2


def test_next_person_in_the_same_place_is_decided_about_anew(gate: GateClient) -> None:
    decisions = watch(gate, [syn.frame(1)] * 10 + [syn.frame(77)] * 40)
    assert [one.reason for one in decisions] == [Reason.MATCHED, Reason.UNKNOWN]


def test_two_people_are_never_fused(gate: GateClient) -> None:
    alternating = [syn.frame(1), syn.frame(77)] * 20
    assert watch(gate, alternating) == []


def test_nearer_face_takes_over(gate: GateClient) -> None:
    frames = [syn.frame(77, x=900.0)] * 2 + [syn.frame(1, x=0.0)] * 4
    assert [one.reason for one in watch(gate, frames)] == [Reason.MATCHED]


def test_face_too_far_away_is_waited_for(gate: GateClient) -> None:
    growing = [syn.frame(1, width=40.0 + 5 * step) for step in range(12)]
    decisions = watch(gate, growing)
    assert [one.frames for one in decisions] == [3]


def test_poor_frames_are_left_out_and_said_so_once(gate: GateClient) -> None:
    decisions = watch(gate, [syn.frame(1, weight=2.0)] * 60 + [syn.frame(1)] * 5)
    assert [one.reason for one in decisions] == [Reason.LOW_QUALITY, Reason.MATCHED]


def test_garbage_and_broken_pictures_are_no_decision(gate: GateClient) -> None:
    assert gate.observe(b"\xff\xd8garbage") is None
    assert gate.observe(syn.encoded(syn.empty_frame())) is None


@pytest.mark.parametrize("shape", [(10, 10), (10, 10, 4)])
def test_array_that_is_no_frame_is_the_callers_mistake(gate: GateClient, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="uint8"):
        gate.observe(np.zeros(shape, dtype=np.uint8))
    with pytest.raises(ValueError, match="uint8"):
        gate.decide(np.zeros((4, 4, 3), dtype=np.float32))


def test_zone_leaves_out_who_stands_beside_it(backend: FakeBackend, open_gate: OpenGate) -> None:
    backend.add_person(syn.template(1))
    gate = open_gate(zone=(0.0, 0.0, 300.0, 300.0))
    gate.start(wait=60)
    assert gate.decide(syn.frame(1, x=800.0)).reason is Reason.NO_FACE
    assert gate.decide(syn.frame(1, x=50.0)).allowed


class Flat:
    """Takes everything for a picture on paper."""

    threshold = 0.5

    def __init__(self, score: float) -> None:
        self.value = score

    def score(self, frame: Frame, face: object) -> float:  # noqa: ARG002 - sees paper everywhere
        return self.value


@pytest.mark.parametrize("live, reason", [(0.1, Reason.NOT_LIVE), (0.9, Reason.MATCHED)])
def test_presentation_attack_is_refused(backend: FakeBackend, open_gate: OpenGate, live: float, reason: Reason) -> None:
    backend.add_person(syn.template(1))
    gate = open_gate(liveness=Flat(live), unattended=True)
    gate.start(wait=60)
    decisions = watch(gate, [syn.frame(1)] * 30)
    assert [one.reason for one in decisions] == [reason]


class Wavering:
    """Gives one score after another, in turn."""

    threshold = 0.5

    def __init__(self, *scores: float) -> None:
        self._scores = cycle(scores)

    def score(self, frame: Frame, face: object) -> float:  # noqa: ARG002 - looks at nothing
        return next(self._scores)


@pytest.mark.parametrize(
    "scores, reason",
    [((0.1, 0.9, 0.95), Reason.MATCHED), ((0.9, 0.1, 0.1), Reason.NOT_LIVE), ((float("nan"),), Reason.NOT_LIVE)],
)
def test_liveness_is_fused_over_the_frames_before_one_decision(
    backend: FakeBackend, open_gate: OpenGate, scores: tuple[float, ...], reason: Reason
) -> None:
    backend.add_person(syn.template(1))
    gate = open_gate(liveness=Wavering(*scores), unattended=True)
    gate.start(wait=60)
    (decision,) = watch(gate, [syn.frame(1)] * 30)
    assert decision.reason is reason
    assert decision.frames >= 3
    assert decision.ms.live > 0


class Broken:
    """Falls over at every face."""

    threshold = 0.5

    def score(self, frame: Frame, face: object) -> float:  # noqa: ARG002 - looks at nothing
        raise RuntimeError("no such device")


def test_a_liveness_model_that_falls_over_opens_to_nobody(backend: FakeBackend, open_gate: OpenGate) -> None:
    backend.add_person(syn.template(1))
    gate = open_gate(liveness=Broken())
    gate.start(wait=60)
    assert [one.reason for one in watch(gate, [syn.frame(1)] * 30)] == [Reason.NOT_LIVE]
    assert gate.decide(syn.frame(1)).reason is Reason.NOT_LIVE


def test_bytes_that_are_no_picture_are_called_so(backend: FakeBackend, open_gate: OpenGate) -> None:
    backend.add_person(syn.template(1))
    gate = open_gate()
    gate.start(wait=60)
    for data in (b"", b"\xff\xd8\xff garbage", b"%PDF-1.7"):
        decision = gate.decide(data)
        assert (decision.outcome, decision.reason, decision.event) == (Outcome.DENY, Reason.NOT_A_PICTURE, None)
        assert gate.observe(data) is None


class Crowd(SyntheticRecognition):
    """Sees as many more faces as it is told, smaller ones, to the right."""

    def __init__(self, others: int = 0, *, width: float = 80.0) -> None:
        self.others, self.width = others, width

    def detect(self, frame: Frame) -> list[Detection]:
        more = [
            Detection((300.0 + 100 * number, 0.0, self.width, self.width), np.zeros((5, 2), np.float32), 0.9)
            for number in range(self.others)
        ]
        return [*super().detect(frame), *more]


def delivered(backend: FakeBackend, code: str) -> int:
    """How many such alarms the server has got; waits for the first."""
    for _ in range(500):
        if any(event.detail == code for event in backend.events.values()):
            break
        time.sleep(0.02)
    return sum(event.detail == code for event in backend.events.values())


class TestSeveral:
    def test_who_came_in_behind_is_reported_by_number_only(self, backend: FakeBackend, open_gate: OpenGate) -> None:
        backend.add_person(syn.template(1))
        crowd = Crowd(2)
        gate = open_gate(recognition=crowd)
        gate.start(wait=60)
        (decision,) = watch(gate, [syn.frame(1)] * 10)
        assert decision.allowed
        crowd.others = 0
        assert watch(gate, [syn.empty_frame()] * 100, start=1.0) == []
        assert delivered(backend, "tail-gated:2") == 1

    def test_who_waits_or_stands_behind_the_zone_has_not_followed(
        self, backend: FakeBackend, open_gate: OpenGate
    ) -> None:
        backend.add_person(syn.template(1))
        for crowd, zone in ((Crowd(1), None), (Crowd(1), (0.0, 0.0, 200.0, 200.0)), (Crowd(1, width=50.0), None)):
            gate = open_gate(recognition=crowd, zone=zone)
            gate.start(wait=60)
            assert len(watch(gate, [syn.frame(1)] * 10)) == 1
            if zone is not None or crowd.width < 60:
                crowd.others = 0
            watch(gate, [syn.empty_frame()] * 100, start=1.0)
        assert not [event for event in backend.events.values() if event.kind is EventKind.ALARM]

    def test_who_has_a_right_of_his_own_has_not_followed(self, backend: FakeBackend, open_gate: OpenGate) -> None:
        for number in (1, 2):
            backend.add_person(syn.template(number))
        crowd = Crowd(1)
        gate = open_gate(recognition=crowd)
        gate.start(wait=60)
        assert len(watch(gate, [syn.frame(1)] * 10)) == 1
        crowd.others = 0
        assert len(watch(gate, [syn.frame(2, x=300.0)] * 10, start=1.0)) == 1
        watch(gate, [syn.empty_frame()] * 150, start=2.0)
        assert not [event for event in backend.events.values() if event.kind is EventKind.ALARM]

    def test_two_who_take_turns_at_being_nearest_open_once_each(
        self, backend: FakeBackend, open_gate: OpenGate
    ) -> None:
        for number in (1, 2):
            backend.add_person(syn.template(number))
        gate = open_gate()
        gate.start(wait=60)
        turns = [syn.frame(1 + turn % 2, x=300.0 * (turn % 2)) for turn in range(8) for _ in range(6)]
        assert len([one for one in watch(gate, turns) if one.allowed]) == 2
        # Who was away for a while may come again.
        assert len(watch(gate, [syn.empty_frame()] * 60 + [syn.frame(1)] * 10, start=10.0)) == 1

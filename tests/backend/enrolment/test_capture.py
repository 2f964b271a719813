"""Which policy somebody enrols under, and how he must turn his head for each picture."""

import pytest

from backend.communities.repository import CapturePolicy
from backend.enrolment.capture import captures, policy_for, pose_refusal
from backend.enrolment.findings import (
    Finding,
    are_one_person,
    duplicate_threshold,
    must_be_reviewed,
    neighbour_finding,
    same_face_threshold,
    same_person_threshold,
)
from backend.enrolment.messages import REFUSALS
from gate_sdk.face import RefusalCode
from gate_sdk.wire import GrantKind
from tests.data import default_pack


@pytest.mark.parametrize(
    "known, expected",
    [
        ([], "guided"),
        (["photos"], "photos"),
        (["guided"], "guided"),
        (["photos", "photos"], "photos"),
        (["photos", "guided"], "guided"),
    ],
)
def test_the_looser_policy_holds_only_where_every_community_has_chosen_it(
    known: list[CapturePolicy], expected: CapturePolicy
) -> None:
    assert policy_for(known) == expected


def test_the_three_pictures_are_told_in_two_languages() -> None:
    guided = captures("guided")
    assert [(one.slot, one.pose) for one in guided] == [(1, "front"), (2, "slightly_left"), (3, "slightly_right")]
    assert all(set(one.instruction) == {"zh-CN", "en"} and all(one.instruction.values()) for one in guided)
    assert {one.pose for one in captures("photos")} == {"any"}


def test_every_refusal_is_explained_in_two_languages() -> None:
    assert REFUSALS.keys() >= {code.value for code in RefusalCode}
    for code, refusal in REFUSALS.items():
        assert refusal.code == code
        assert all(refusal.messages().values())


@pytest.mark.parametrize(
    "slot, yaw, others, expected",
    [
        (1, 0, {}, None),
        (1, -14, {}, None),
        (1, 16, {}, "not_frontal"),
        (2, 20, {1: 0.0}, None),
        (2, -20, {1: 0.0}, None),
        (2, 5, {1: 0.0}, "turn_more"),
        (3, 20, {1: 0.0, 2: 20.0}, "turn_other_side"),
        (3, -20, {1: 0.0, 2: 20.0}, None),
        (2, 20, {3: 20.0}, "turn_other_side"),
    ],
)
def test_guided_pictures_are_posed(slot: int, yaw: float, others: dict[int, float], expected: str | None) -> None:
    assert pose_refusal("guided", slot, yaw, others) == expected


def test_other_pictures_are_not() -> None:
    assert pose_refusal("photos", 1, 30, {}) is None


def test_thresholds_follow_the_pack_and_stand_in_order() -> None:
    pack = default_pack()
    photos, guided = same_person_threshold(pack, "photos"), same_person_threshold(pack, "guided")
    assert 0.363 < photos < guided == pack.floor  # never OpenCV's
    assert pack.floor < duplicate_threshold(pack) < same_face_threshold(pack) < 0.95


def test_nobody_to_compare_with_is_no_finding() -> None:
    assert neighbour_finding(None, duplicate_from=0.55) is None
    assert neighbour_finding(0.49, duplicate_from=0.55) is None
    assert neighbour_finding(0.50, duplicate_from=0.55) is Finding.LOOK_ALIKE
    assert neighbour_finding(0.55, duplicate_from=0.55) is Finding.POSSIBLE_DUPLICATE


def test_no_photographs_are_of_one_person() -> None:
    assert are_one_person([], 0.5)


@pytest.mark.parametrize(
    "kinds, findings, known_before, expected",
    [
        ({GrantKind.RESIDENT}, set(), False, True),
        ({GrantKind.STAFF}, set(), False, True),
        ({GrantKind.RESIDENT}, set(), True, False),
        ({GrantKind.RESIDENT}, {Finding.CHANGED_FACE}, True, True),
        ({GrantKind.GUEST}, set(), False, False),
        ({GrantKind.COURIER}, {Finding.LOOK_ALIKE}, False, False),
        ({GrantKind.GUEST}, {Finding.POSSIBLE_DUPLICATE}, False, True),
        ({GrantKind.COURIER}, {Finding.CHANGED_FACE}, True, True),
        ({GrantKind.COURIER, GrantKind.RESIDENT}, set(), False, True),
    ],
)
def test_who_must_be_looked_at(
    kinds: set[GrantKind], findings: set[Finding], *, known_before: bool, expected: bool
) -> None:
    assert must_be_reviewed(frozenset(kinds), frozenset(findings), known_before=known_before, vouched=False) is expected

"""Rules of capture: which policy a person enrols under, which three pictures it asks for, how each must be posed."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from backend.communities.repository import CapturePolicy
from backend.enrolment.messages import INSTRUCTIONS

__all__ = ["FRONT_YAW", "SLOTS", "TURNED_YAW", "Capture", "Pose", "captures", "policy_for", "pose_refusal"]

Pose = Literal["front", "slightly_left", "slightly_right", "any"]

SLOTS = (1, 2, 3)
_POSES: Mapping[CapturePolicy, tuple[Pose, Pose, Pose]] = {
    "guided": ("front", "slightly_left", "slightly_right"),
    "photos": ("any", "any", "any"),
}
#: Degrees. The estimate is good to about ten degrees, and faces are not symmetrical, so "front" is wide; a turn of
#: eleven degrees is the least from which the parallax of a nose can be told from the landmarks' own error.
FRONT_YAW = 15.0
TURNED_YAW = 11.0


class Capture(msgspec.Struct, frozen=True):
    """One picture to be taken: its slot, its pose, what to tell the person (by language tag)."""

    slot: int
    pose: Pose
    instruction: dict[str, str]


def policy_for(policies: Sequence[CapturePolicy]) -> CapturePolicy:
    """The policy for a person whom these communities know: the looser one only where all of them have chosen it.

    Whom nobody knows yet, a courier before his first shift, is guided: his template may go anywhere later.
    """
    return "photos" if policies and all(policy == "photos" for policy in policies) else "guided"


def captures(policy: CapturePolicy) -> tuple[Capture, ...]:
    """The three pictures of a policy."""
    return tuple(
        Capture(slot=slot, pose=pose, instruction={"zh-CN": INSTRUCTIONS[pose].zh, "en": INSTRUCTIONS[pose].en})
        for slot, pose in zip(SLOTS, _POSES[policy], strict=True)
    )


def pose_refusal(policy: CapturePolicy, slot: int, yaw: float, others: Mapping[int, float]) -> str | None:
    """Why this head is turned wrongly for its slot, as a refusal's code.

    Left and right are not told apart by themselves: some phones mirror what their front camera saves. The two turned
    pictures must differ, which no mirroring changes.

    Args:
        policy: of the enrolment.
        slot: 1 to 3.
        yaw: degrees, positive when the face looks to the right edge of the picture.
        others: yaw of the pictures already taken, by slot.
    """
    pose = _POSES[policy][slot - 1]
    if pose == "any":
        return None
    if pose == "front":
        return None if abs(yaw) <= FRONT_YAW else "not_frontal"
    if abs(yaw) < TURNED_YAW:
        return "turn_more"
    opposite = others.get(5 - slot)  # slots 2 and 3 mirror each other
    if opposite is not None and (opposite > 0) == (yaw > 0):
        return "turn_other_side"
    return None

"""Follows one face over frames and says when to decide. Pure: boxes, similarities and times go in.

An approach begins when a face large enough appears, collects frames, yields one decision, and ends when that face is
gone for :data:`GONE_S` or another person stands in its place. One decision per approach, for each further try is
another chance for a stranger to pass.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from gate_sdk._recognition import Evidence

__all__ = ["DECIDE_AFTER_S", "EARLY_FRAMES", "EARLY_LEAD", "GONE_S", "MAX_FRAMES", "SAME_PERSON", "Step", "Tracker"]

Box = tuple[float, float, float, float]

# A gate answers within a second of the first usable frame; what was seen until then has to do.
DECIDE_AFTER_S = 1.0
# A face unseen for as long as this has left. Shorter gaps are blinks of the detector, turned heads, dropped frames.
GONE_S = 1.0
# Three frames fused took the misses at FPIR 1 % from 0.9 to 0.0 % on public photographs; one never decides early.
EARLY_FRAMES = 3
# Deciding before the time is up looks at the score several times, each a further chance to be wrong, so it asks for
# more than the threshold: 0.05 of cosine is about a tenth of the false match rate on the pack's calibration.
EARLY_LEAD = 0.05
# Later frames of a second add nothing measurable, and every one costs an embedding.
MAX_FRAMES = 8
# Below this cosine two frames are not one person: same-person frames of one approach lie above 0.6, strangers
# almost never above 0.36 (a false match rate of 1e-3).
SAME_PERSON = 0.36
# Once decided, the face is looked at again this often, to notice that somebody else took the place.
_RECHECK_S = 0.5
# Boxes of one face in neighbouring frames overlap at least so much (intersection over union).
_SAME_PLACE = 0.2


class Step(Enum):
    """What to do with a frame's chosen face."""

    SKIP = "skip"
    EMBED = "embed"


class Tracker:
    """State of the approach at one camera; for one thread at a time."""

    def __init__(self) -> None:
        self._evidence: list[Evidence] = []
        self._box: Box | None = None
        self._first_at = 0.0
        self._seen_at = 0.0
        self._checked_at = 0.0
        self._decided = False
        self._poor_since: float | None = None
        self._told = False

    @property
    def evidence(self) -> list[Evidence]:
        """The frames collected for the present approach."""
        return self._evidence

    @property
    def since(self) -> float:
        """When the first usable frame of the present approach came, monotonic seconds."""
        return self._first_at

    def begin(self) -> None:
        """Forget the present approach; the next face starts another."""
        self._evidence = []
        self._box = None
        self._decided = False
        self._poor_since = None
        self._told = False

    def see(self, box: Box | None, at: float) -> Step:
        """Take a frame's chosen face, ``None`` if there is none large enough; ``at`` in monotonic seconds."""
        if self._box is not None and at - self._seen_at >= GONE_S:
            self.begin()
        if box is None:
            return Step.SKIP
        if self._box is not None and _overlap(self._box, box) < _SAME_PLACE and not self._decided:
            # Another face became the nearest while frames were collected: they must not be fused.
            self.begin()
        moved = self._box is not None and _overlap(self._box, box) < _SAME_PLACE
        self._box = box
        self._seen_at = at
        if self._decided and not moved and at - self._checked_at < _RECHECK_S:
            return Step.SKIP
        return Step.EMBED

    def add(self, evidence: Evidence, at: float, similarity: Callable[[Evidence], float]) -> bool:
        """Take the embedded face; ``similarity`` compares it with what was collected, as a cosine.

        Returns:
            Whether the face belongs to an approach that still wants a decision.
        """
        self._checked_at = at
        if self._evidence and not similarity(evidence) >= SAME_PERSON:
            box = self._box
            self.begin()
            self._box = box
        if self._decided:
            return False
        if not self._evidence:
            self._first_at = at
        if len(self._evidence) < MAX_FRAMES:
            self._evidence.append(evidence)
        return True

    def poor(self, at: float) -> bool:
        """Note a frame that says too little; whether to say so now, once per approach.

        Somebody in mask and sunglasses is told after a second, and may still be decided about once they are off.
        """
        if self._evidence or self._decided:
            return False
        if self._poor_since is None:
            self._poor_since = at
        if self._told or at - self._poor_since < DECIDE_AFTER_S:
            return False
        self._told = True
        return True

    def due(self, at: float, lead: float | None) -> bool:
        """Whether to decide now; ``lead`` is the fused score minus the threshold, ``None`` where nobody matched."""
        if at - self._first_at >= DECIDE_AFTER_S or len(self._evidence) >= MAX_FRAMES:
            return True
        return len(self._evidence) >= EARLY_FRAMES and lead is not None and lead >= EARLY_LEAD

    def decided(self) -> None:
        """The approach has its decision; the face is watched until it leaves."""
        self._decided = True


def _overlap(one: Box, other: Box) -> float:
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)

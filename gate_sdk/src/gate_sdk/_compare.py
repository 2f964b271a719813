"""A face's evidence against the galleries: with one pack of models, or with two while a community changes them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gate_sdk._decide import threshold
from gate_sdk._packs import Searchable
from gate_sdk._recognition import Candidate, Evidence, Recognition
from gate_sdk.wire import Head

__all__ = ["best", "compare"]

# A signed policy may be mistaken all the same; outside of these a threshold has no meaning.
_MIN_FPIR, _MAX_FPIR = 1e-6, 0.1


def compare(
    evidence: Sequence[Evidence], galleries: Sequence[Searchable], head: Head, *, by: Recognition
) -> tuple[Candidate, float] | None:
    """The candidate of all galleries, and the cosine that he has to reach; ``None`` where nothing can be compared.

    Args:
        evidence: of one approach, at least one frame.
        galleries: each person stands in one of them.
        head: carries the rate to aim at, and the community's own thresholds.
        by: the pack that ``Evidence.vector`` is of.
    """
    # In this order: what is not a number asks for the least.
    fpir = min(max(_MIN_FPIR, head.policy.fpir), _MAX_FPIR)
    # Of all packs: a stranger is compared with all of them, whichever pack each is known by.
    people = sum(len(one.gallery) for one in galleries)
    found = []
    for one in galleries:
        recognition = one.recognition
        mine = evidence if recognition is by else _of(recognition.pack, evidence)
        if not mine:
            continue
        candidate = one.gallery.search(mine[0].vector if len(mine) == 1 else recognition.fuse(mine))
        if candidate is None:
            continue
        bar = threshold(
            head,
            calibrated=recognition.threshold(people, fpir, len(mine)),
            floor=recognition.floor,
            pack=recognition.pack,
            increment=recognition.increment(people, fpir, len(mine)),
        )
        found.append((candidate, bar))
    return best(found)


def _of(pack: str, evidence: Sequence[Evidence]) -> list[Evidence]:
    return [Evidence(one.others[pack], one.weight) for one in evidence if pack in one.others]


def best(found: Sequence[tuple[Candidate, float]]) -> tuple[Candidate, float] | None:
    """The candidate furthest above his pack's threshold, with that threshold; during a change of models there are more.

    Cosines of two packs cannot be compared, but how far each lies above what its own pack asks for can: the lead over
    the other packs' candidates is the smaller of those differences.

    Args:
        found: one candidate a pack, of different subjects, each with his threshold.
    """
    if not found:
        return None
    first, *others = sorted(found, key=lambda one: one[0].score - one[1], reverse=True)
    candidate, bar = first
    for other, other_bar in others:
        margin = (candidate.score - bar) - (other.score - other_bar)
        if margin < candidate.margin:
            candidate = msgspec.structs.replace(candidate, margin=margin, runner_up=other.subject)
    return candidate, bar

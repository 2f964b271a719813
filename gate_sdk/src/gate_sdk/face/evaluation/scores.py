"""Every probe against every template, in pieces of constant size."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from gate_sdk.face.arrays import Vector
from gate_sdk.face.evaluation.protocol import Trials
from gate_sdk.face.evaluation.statistics import ScoreCounts

#: Probes compared at a time: 20 MB of scores against a gallery of 10,000.
_PIECE = 512


class Identified(msgspec.Struct, frozen=True, eq=False):
    """What the search said of each probe.

    Attributes:
        best: score of the best candidate.
        right: whether that is the probe's own person; false for strangers.
        own: score against the person's own template, nan for strangers.
    """

    best: NDArray[np.float32]
    right: NDArray[np.bool_]
    own: NDArray[np.float32]


class GroupScores(msgspec.Struct, frozen=True, eq=False):
    """Comparisons within one group of people.

    Attributes:
        impostor: of different people of the group.
        genuine: scores of the group's people against their own templates.
    """

    impostor: ScoreCounts
    genuine: list[NDArray[np.float32]]


class Scores(msgspec.Struct, frozen=True, eq=False):
    """All that an evaluation's report is made of.

    Attributes:
        known: of probes of enrolled people.
        strangers: of strangers' probes.
        impostor: comparisons of different people.
        groups: by name, where people's groups are known.
    """

    known: Identified
    strangers: Identified
    impostor: ScoreCounts
    groups: dict[str, GroupScores]


def compare(trials: Trials, groups: dict[str, str]) -> Scores:
    """Compare all probes with all templates.

    Args:
        trials: templates and probes.
        groups: group by person's name; people without one are in none.
    """
    names = sorted(set(groups.values()))
    number = {name: index for index, name in enumerate(names)}
    group = np.array([number[groups[name]] if name in groups else -1 for name in trials.people], dtype=np.intp)
    impostor = ScoreCounts()
    within = {name: GroupScores(impostor=ScoreCounts(), genuine=[]) for name in names}
    known = _pieces(trials, trials.probes, trials.probe_people, group, impostor, within)
    strangers = _pieces(trials, trials.strangers, trials.stranger_people, group, impostor, within)
    return Scores(known=known, strangers=strangers, impostor=impostor, groups=within)


def _pieces(
    trials: Trials,
    probes: Vector,
    people: NDArray[np.intp],
    group: NDArray[np.intp],
    impostor: ScoreCounts,
    within: dict[str, GroupScores],
) -> Identified:
    best = np.full(len(probes), -1.0, dtype=np.float32)
    right = np.zeros(len(probes), dtype=np.bool_)
    own = np.full(len(probes), np.nan, dtype=np.float32)
    if len(trials.templates) == 0:
        return Identified(best=best, right=right, own=own)
    template_group = group[trials.enrolled]
    for start in range(0, len(probes), _PIECE):
        piece = slice(start, min(start + _PIECE, len(probes)))
        owners = people[piece]
        scores = probes[piece] @ trials.templates.T
        same = owners[:, None] == trials.enrolled[None, :]
        winner = scores.argmax(axis=1)
        best[piece] = scores[np.arange(len(owners)), winner]
        right[piece] = trials.enrolled[winner] == owners
        matched = same.any(axis=1)
        own[piece][matched] = scores[same]
        impostor.add(scores[~same])
        for index, part in enumerate(within.values()):
            rows = group[owners] == index
            columns = template_group == index
            part.impostor.add(scores[np.ix_(rows, columns)][~same[np.ix_(rows, columns)]])
            part.genuine.append(own[piece][rows & matched])
    return Identified(best=best, right=right, own=own)

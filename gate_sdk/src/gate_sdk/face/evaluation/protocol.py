"""Who is enrolled, who is a stranger, which photographs are probes: the same for everybody who runs it.

People are taken in the order of their folders' names and photographs in the order of theirs. A person with more than
`enrol` photographs (at least `enrol` + `frames`) is in the gallery: the first `enrol` make the template, the rest, in
groups of `frames`, are probes. A person with at most `enrol` photographs is a stranger, and all his photographs are
probes. With `frames` over 1, people between the two are left out, and so is the incomplete group at the end, except a
stranger's only one.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from gate_sdk.face.arrays import Embedding, Vector
from gate_sdk.face.templates import template

#: One person's photographs in order; None where no face was found.
Photographs = Sequence[Embedding | None]


class Trials(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """The templates and probes of one evaluation.

    Attributes:
        people: names of all people, by index.
        templates: float32 (gallery, dims).
        enrolled: person of each template.
        probes: float32 (probes, dims), of enrolled people.
        probe_people: person of each probe.
        strangers: float32 (stranger probes, dims).
        stranger_people: person of each stranger's probe.
        failed_to_enrol: people of the gallery without a face in any enrolment photograph.
        lost_probe_people: person of each gallery probe in which no face was found, or whose person could not be
            enrolled; they count as missed.
        lost_strangers: strangers' probes in which no face was found; they count as kept out.
        lost_stranger_people: person of each.
    """

    people: tuple[str, ...]
    templates: Vector
    enrolled: NDArray[np.intp]
    probes: Vector
    probe_people: NDArray[np.intp]
    strangers: Vector
    stranger_people: NDArray[np.intp]
    failed_to_enrol: int
    lost_probe_people: NDArray[np.intp]
    lost_stranger_people: NDArray[np.intp]

    @property
    def gallery(self) -> int:
        """People who were to be enrolled."""
        return len(self.enrolled) + self.failed_to_enrol


def lay_out(people: Sequence[tuple[str, Photographs]], *, enrol: int, frames: int) -> Trials:
    """Make trials of people's embeddings.

    Args:
        people: name and photographs of each, in order.
        enrol: photographs in a template, 1 or more.
        frames: photographs in a probe, 1 or more.
    """
    templates: list[Vector] = []
    enrolled: list[int] = []
    failed = 0
    known: tuple[list[Vector], list[int], list[int]] = ([], [], [])
    unknown: tuple[list[Vector], list[int], list[int]] = ([], [], [])
    for number, (_, photographs) in enumerate(people):
        if len(photographs) <= enrol:
            _probe(unknown, number, photographs, frames, keep_short=True)
        elif len(photographs) >= enrol + frames:
            usable = [one for one in photographs[:enrol] if one is not None]
            if usable:
                templates.append(template(usable))
                enrolled.append(number)
                _probe(known, number, photographs[enrol:], frames)
            else:
                failed += 1
                known[2].extend([number] * ((len(photographs) - enrol) // frames))
    dims = next((one.vector.size for _, photographs in people for one in photographs if one is not None), 0)
    return Trials(
        people=tuple(name for name, _ in people),
        templates=_stack(templates, dims),
        enrolled=np.array(enrolled, dtype=np.intp),
        probes=_stack(known[0], dims),
        probe_people=np.array(known[1], dtype=np.intp),
        strangers=_stack(unknown[0], dims),
        stranger_people=np.array(unknown[1], dtype=np.intp),
        failed_to_enrol=failed,
        lost_probe_people=np.array(known[2], dtype=np.intp),
        lost_stranger_people=np.array(unknown[2], dtype=np.intp),
    )


def _probe(
    into: tuple[list[Vector], list[int], list[int]],
    person: int,
    photographs: Photographs,
    frames: int,
    *,
    keep_short: bool = False,
) -> None:
    vectors, owners, lost = into
    whole = len(photographs) // frames * frames
    if keep_short and whole == 0:
        whole = len(photographs)
    for start in range(0, whole, frames):
        usable = [one for one in photographs[start : start + frames] if one is not None]
        if usable:
            vectors.append(template(usable))
            owners.append(person)
        else:
            lost.append(person)


def _stack(vectors: list[Vector], dims: int) -> Vector:
    return np.stack(vectors) if vectors else np.zeros((0, dims), dtype=np.float32)

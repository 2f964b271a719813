"""What three photographs and a community's gallery say about a new face. Pure; every threshold in one place.

Thresholds come from the pack's calibration, so they follow the pack. All are cosines.
"""

from enum import StrEnum
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from backend.communities.repository import CapturePolicy
from gate_sdk.face import Embedding, ModelPack, threshold_for
from gate_sdk.wire import GrantKind

__all__ = [
    "LOOK_ALIKE",
    "Finding",
    "are_one_person",
    "cosine",
    "duplicate_threshold",
    "must_be_reviewed",
    "neighbour_finding",
    "register_threshold",
    "same_face_threshold",
    "same_person_threshold",
]

#: False match rate at which two single photographs pass for one person. A template blended of two people would open
#: the gate to both, and three pairs must all pass. The default pack's calibration (1/1, LFW) has cosine 0.416 there
#: and refuses 1.6 % of genuine pairs of press photographs; pictures of one sitting are at 0.8 and above.
SAME_PERSON_FMR = 1e-4
#: False match rate at which a new template passes for the same face as the person's old one; 0.59 for the default
#: pack (3/3). Below it a person looks.
SAME_FACE_FMR = 1e-6
#: False match rate at which a template passes for the person on the register's photograph; 0.54 for the default pack
#: (3/1, fitted to a tail that ends at 1e-5). Within one origin, sex and age false matches have been ten to a hundred
#: times as frequent: so of ten thousand to a hundred thousand sub-tenants like the tenant one would pass.
REGISTER_FMR = 1e-6
#: Chance that an honest newcomer is taken for somebody already in a gallery of that size (people in a community of
#: Beijing's public rental housing in the mean): one needless look in a hundred. Not by the gallery's own size: whether
#: two faces are one person's does not change when others move in.
DUPLICATE_FPIR = 0.01
MEAN_COMMUNITY = 2254
#: The floor of the default pack, from where a gate may decide.
LOOK_ALIKE = 0.50


class Finding(StrEnum):
    """What staff are told about a face, and never the person: not whom it resembles."""

    POSSIBLE_DUPLICATE = "possible_duplicate"
    LOOK_ALIKE = "look_alike"
    CHANGED_FACE = "changed_face"
    UNLIKE_REGISTER = "unlike_register"


def cosine(one: ArrayLike, other: ArrayLike) -> float:
    """Cosine of two vectors of the same length, -1 to 1."""
    first, second = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))


def same_person_threshold(pack: ModelPack, policy: CapturePolicy) -> float:
    """The least cosine of any two of the three photographs; guided ones are of one sitting and owe the pack's floor."""
    floor = pack.floor if policy == "guided" else 0.0
    return threshold_for(1, calibration=pack.calibration, fpir=SAME_PERSON_FMR, photos=1, frames=1, floor=floor)


def are_one_person(embeddings: list[Embedding], threshold: float) -> bool:
    """Whether every two of the photographs show the same person."""
    return all(cosine(one.vector, other.vector) >= threshold for one, other in combinations(embeddings, 2))


def same_face_threshold(pack: ModelPack) -> float:
    """The least cosine of an old and a new template of one person."""
    return threshold_for(1, calibration=pack.calibration, fpir=SAME_FACE_FMR, photos=3, frames=3, floor=pack.floor)


def register_threshold(pack: ModelPack) -> float:
    """The least cosine at which a template shows the person whom the register's photograph shows."""
    return threshold_for(1, calibration=pack.calibration, fpir=REGISTER_FMR, photos=3, frames=1, floor=pack.floor)


def duplicate_threshold(pack: ModelPack) -> float:
    """From here on another subject's template is probably of the same person; 0.55 for the default pack (3/3)."""
    return threshold_for(
        MEAN_COMMUNITY, calibration=pack.calibration, fpir=DUPLICATE_FPIR, photos=3, frames=3, floor=pack.floor
    )


def neighbour_finding(score: float | None, *, duplicate_from: float) -> Finding | None:
    """What the nearest other subject of a gallery says about a new template.

    Args:
        score: cosine of the nearest of them; None where there is none.
        duplicate_from: see :func:`duplicate_threshold`.
    """
    if score is None or score < min(LOOK_ALIKE, duplicate_from):
        return None
    return Finding.POSSIBLE_DUPLICATE if score >= duplicate_from else Finding.LOOK_ALIKE


def must_be_reviewed(
    kinds: frozenset[GrantKind], findings: frozenset[Finding], *, known_before: bool, vouched: bool
) -> bool:
    """Whether staff must look before the community's gates may know this face.

    A first face of somebody who lives or works here: unless something vouches for whose it is, or a tenant would enrol
    his sub-tenant in his own name.
    A guest's or courier's: not, whoever invited him answers for him, and the grant ends by itself.
    Anybody's that is no longer like his own old one, or that another subject here has already: always. Two entries
    with one face make the gate unsure of both, so a guest pass with a resident's photograph would lock him out.

    Args:
        kinds: of the subject's grants in the community that have not ended.
        findings: about the face in this community.
        known_before: whether a face of his is active in the community already.
        vouched: whether it is like the register's photograph, or was taken at the desk of somebody who stood there.
    """
    if findings & {Finding.CHANGED_FACE, Finding.POSSIBLE_DUPLICATE, Finding.UNLIKE_REGISTER}:
        return True
    return not known_before and not vouched and bool(kinds & {GrantKind.RESIDENT, GrantKind.STAFF})

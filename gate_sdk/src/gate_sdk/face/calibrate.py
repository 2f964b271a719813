"""The threshold that a community's own faces ask for.

A pack's calibration is measured on other people. Among people of one origin, age and sex false matches are ten to a
hundred times as frequent at the same cosine, so one public threshold is wrong for a real community. But each
photograph taken at an enrolment is an impostor's attempt on everybody else who lives there: its best score against
another person, counted by hundredths and nothing more, is a sample of what strangers of this community's kind reach.

The tail of such scores is fitted by the peaks-over-threshold method (Coles, An Introduction to Statistical Modeling of
Extreme Values, 2001, chapter 4) with an exponential tail, its shape 0. Cosines are bounded and their tails lighter, so
beyond what was seen the fit asks for too much rather than too little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from gate_sdk.face.threshold import CEILING, DEFAULT_FPIR, fmr_for

#: The tail are the best scores of this part of the probes ...
_TAIL = 0.05
#: ... and at least so many of them, or nothing is fitted: with fewer the uncertainty exceeds what the fit would mend.
MIN_EXCEEDANCES = 50
#: Photographs of one person taken in the same minute say the same thing about him.
_PHOTOS_A_PERSON = 3
#: One-sided 95 % of the normal distribution: the threshold is what the data ask for at worst.
_Z = 1.645
_BIN = 0.01


class ImpostorBin(msgspec.Struct, frozen=True):
    """Probes whose best score against somebody else fell into one hundredth of cosine.

    Attributes:
        bin: the score's lower end in hundredths, from -100 to 100.
        count: such probes.
        comparisons: with how many other people they were compared, summed over the probes.
    """

    bin: int
    count: int
    comparisons: int


class CommunityFit(msgspec.Struct, frozen=True):
    """What a community's own impostor scores ask for.

    Attributes:
        threshold: the cosine to decide by: `estimate` and its uncertainty, between the pack's floor and `CEILING`.
        estimate: where the fitted tail meets the FPIR.
        uncertainty: one-sided 95 %, as a cosine; of the fit alone, not of who enrolled.
        tail_from: the cosine from which on the tail was fitted.
        exceedances: probes in the tail.
        probes: all of them.
        gallery_size: people the threshold is for.
        fpir: false positive identification rate per approach the threshold is for.
    """

    threshold: float
    estimate: float
    uncertainty: float
    tail_from: float
    exceedances: int
    probes: int
    gallery_size: int
    fpir: float


def fit_community(
    bins: Sequence[ImpostorBin], *, gallery_size: int, fpir: float = DEFAULT_FPIR, floor: float
) -> CommunityFit | None:
    """Fit the threshold for single frames to a community's impostor scores.

    A probe was compared with the gallery of its day. So the tail's weight is the exceedances by comparison, which
    is an FMR and holds for every size of gallery, and the FPIR wanted becomes one too (`fmr_for`).

    Args:
        bins: the histogram, in any order.
        gallery_size: people enrolled today, at least 1.
        fpir: wanted per approach of a stranger, between 0 and 1.
        floor: the pack's; the threshold never falls below it.

    Returns:
        The fit; ``None`` while there are fewer than :data:`MIN_EXCEEDANCES` probes in the tail.

    Raises:
        ValueError: fpir is not between 0 and 1.
    """
    if not 0.0 < fpir < 1.0:
        raise ValueError("fpir must lie between 0 and 1")
    probes = sum(one.count for one in bins)
    comparisons = sum(one.comparisons for one in bins)
    tail = _tail_of(bins, wanted=max(MIN_EXCEEDANCES, math.ceil(_TAIL * probes)))
    exceedances = sum(one.count for one in tail)
    # A tail that takes up most of the probes is no tail: too few probes, or all in one bin.
    if exceedances < MIN_EXCEEDANCES or 2 * exceedances > probes:
        return None
    start = min(one.bin for one in tail) * _BIN
    mean_excess = sum(one.count * (one.bin * _BIN + _BIN / 2 - start) for one in tail) / exceedances
    # How many e-foldings the FMR wanted lies beyond the tail's beginning; none where the tail begins above it.
    beyond = max(0.0, math.log(exceedances / comparisons) - math.log(fmr_for(gallery_size, fpir)))
    estimate = start + mean_excess * beyond
    independent = max(1.0, exceedances / _PHOTOS_A_PERSON)
    # The errors of the mean excess, times how far it is carried, and of the tail's weight, both by 1/sqrt(n).
    uncertainty = _Z * mean_excess * math.sqrt((beyond**2 + 1) / independent)
    return CommunityFit(
        threshold=max(floor, min(CEILING, estimate + uncertainty)),
        estimate=estimate,
        uncertainty=uncertainty,
        tail_from=start,
        exceedances=exceedances,
        probes=probes,
        gallery_size=gallery_size,
        fpir=fpir,
    )


def _tail_of(bins: Sequence[ImpostorBin], *, wanted: int) -> list[ImpostorBin]:
    """The highest bins that together hold at least so many probes; all of them where there are fewer."""
    tail: list[ImpostorBin] = []
    held = 0
    for one in sorted(bins, key=lambda one: one.bin, reverse=True):
        if held >= wanted:
            break
        tail.append(one)
        held += one.count
    return tail

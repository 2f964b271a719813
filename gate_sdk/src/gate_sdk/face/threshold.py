"""The threshold that a gallery's size asks for, from a pack's calibration.

An open-set search of N people is N comparisons, so FPIR ≈ N x FMR: the threshold rises with the gallery. Calibrations
end near FMR 1e-5 or 1e-6 and a community of 2,254 at FPIR 0.1 % needs 4e-7, so the tail is extrapolated: over the
measured decades the cosine is close to linear in log10(FMR).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from gate_sdk.face.manifest import Calibration, CalibrationPoint, CalibrationRow

#: The default false positive identification rate per approach.
DEFAULT_FPIR = 0.001
#: No threshold is set above this: beyond it hardly any genuine probe passes, and the way to fewer false accepts is a
#: second factor.
CEILING = 0.95
#: Doubt for each decade of extrapolation, as a part of the slope; see `Tail.uncertainty`.
_DOUBT_PER_DECADE = 0.75


class Tail(msgspec.Struct, frozen=True):
    """A straight line through a calibration's tail: cosine = at_1 + slope x log10(FMR).

    Attributes:
        at_1: the line's cosine at FMR 1.
        slope: change of the cosine per decade of FMR, negative.
        residual: largest distance of a measured point from the line.
        lowest_fmr: the smallest FMR measured; beyond it the line is extrapolated.
    """

    at_1: float
    slope: float
    residual: float
    lowest_fmr: float

    def cosine(self, fmr: float) -> float:
        """Give the threshold for a false match rate."""
        return self.at_1 + self.slope * math.log10(fmr)

    def fmr(self, cosine: float) -> float:
        """Give the false match rate to be expected at a threshold, at most 1."""
        return min(1.0, math.pow(10.0, (cosine - self.at_1) / self.slope))

    def uncertainty(self, fmr: float) -> float:
        """Give how far the threshold may be off at this FMR, as a cosine.

        The largest residual, and three quarters of a slope more for every decade beyond the measured ones. A rule of
        thumb, not a confidence interval: so much covers what the last measured decade of each row of the default
        pack's calibration did to a line fitted without it.
        """
        beyond = max(0.0, math.log10(self.lowest_fmr) - math.log10(fmr))
        return self.residual + _DOUBT_PER_DECADE * abs(self.slope) * beyond


def fit_tail(points: Sequence[CalibrationPoint]) -> Tail:
    """Fit the line by least squares.

    Args:
        points: at least two different FMRs.
    """
    x = [math.log10(point.fmr) for point in points]
    y = [point.cosine for point in points]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    covariance = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    # A flat line has no inverse; a thousandth per decade is flatter than any embedder.
    slope = min(covariance / sum((a - mean_x) ** 2 for a in x), -1e-3)
    at_1 = mean_y - slope * mean_x
    residual = max(abs(b - at_1 - slope * a) for a, b in zip(x, y, strict=True))
    return Tail(at_1=at_1, slope=slope, residual=residual, lowest_fmr=min(point.fmr for point in points))


def row_for(calibration: Calibration, photos: int, frames: int) -> CalibrationRow:
    """Choose the calibration's row: the smallest that covers the photos and frames, else the largest there is.

    Averaging raises impostor scores too, so the larger row is the safer one.
    """
    covering = [row for row in calibration.rows if row.photos >= photos and row.frames >= frames]
    if covering:
        return min(covering, key=lambda row: (row.photos, row.frames))
    return max(calibration.rows, key=lambda row: (row.photos, row.frames))


def fmr_for(gallery_size: int, fpir: float) -> float:
    """Give the false match rate at which a gallery meets an FPIR: 1 - (1 - FPIR)^(1/N), about FPIR / N."""
    return -math.expm1(math.log1p(-fpir) / max(1, gallery_size))


def threshold_for(
    gallery_size: int,
    *,
    calibration: Calibration,
    fpir: float = DEFAULT_FPIR,
    photos: int = 3,
    frames: int = 1,
    floor: float,
) -> float:
    """Give the cosine from which a probe is taken for the best candidate.

    The uncertainty is large and is said here: with the default pack, 2,254 people and FPIR 0.1 % the FMR needed,
    4e-7, lies 1.4 decades beyond what was measured, and the threshold may be off by 0.06 (`Tail.uncertainty`), which
    is a factor of ten in FMR. More important, the calibration's people are not the community's: among people of one
    origin, age and sex false matches have been ten to a hundred times as frequent at the same cosine. So the floor
    stands, and a community's own calibration, where there is one, replaces this.

    Args:
        gallery_size: people enrolled at the gate, not templates.
        calibration: of the pack.
        fpir: false positive identification rate wanted, for one approach of a stranger; between 0 and 1.
        photos: averaged in a template.
        frames: averaged in a probe.
        floor: the pack's; never decide below it.

    Returns:
        A cosine between `floor` and `CEILING`; it never falls when the gallery grows.

    Raises:
        ValueError: fpir is not between 0 and 1.
    """
    if not 0.0 < fpir < 1.0:
        raise ValueError("fpir must lie between 0 and 1")
    tail = fit_tail(row_for(calibration, photos, frames).points)
    return max(floor, min(CEILING, tail.cosine(fmr_for(gallery_size, fpir))))


def fusion_increment(
    gallery_size: int, *, calibration: Calibration, fpir: float = DEFAULT_FPIR, photos: int = 3, frames: int
) -> float:
    """Give by how much a probe of several frames needs a higher cosine than one of a single frame.

    Averaging raises the scores of strangers too. A community's own scores are of single photographs, so its threshold
    goes for single frames, and what several add is taken from the pack; measured on other people, but a difference of
    two thresholds depends on them far less than either.

    Args:
        gallery_size: people enrolled at the gate.
        calibration: of the pack.
        fpir: wanted, between 0 and 1.
        photos: averaged in a template.
        frames: averaged in the probe.

    Returns:
        A difference of cosines, at least 0.

    Raises:
        ValueError: fpir is not between 0 and 1.
    """
    if not 0.0 < fpir < 1.0:
        raise ValueError("fpir must lie between 0 and 1")
    fmr = fmr_for(gallery_size, fpir)
    one, several = (fit_tail(row_for(calibration, photos, count).points).cosine(fmr) for count in (1, frames))
    return max(0.0, several - one)

"""Kinds, age bands and curves of a community's impostor scores. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from backend.enrolment.calibration.repository import AgeRow, ScoreRow, ThresholdRow
from backend.guardians.rules import CONSENT_AGE, MAJORITY, turns
from gate_sdk.face.calibrate import ImpostorBin
from gate_sdk.wire import GrantKind

__all__ = ["MIN_PROBES", "age_band", "binned", "exceedance_rate", "is_due", "kind_of", "summed"]

#: Fewer probes than these, photographs of some sixteen people, are not shown: they would say more of these people than
#: of their group.
MIN_PROBES = 50
#: A fit is renewed each day, and sooner after a hundred enrolments of three photographs.
FIT_EVERY = timedelta(days=1)
_FIT_AFTER_PROBES = 300
# As what somebody counts who is several: by the longest stay.
_ORDER = (GrantKind.RESIDENT, GrantKind.STAFF, GrantKind.GUEST, GrantKind.COURIER)


def kind_of(kinds: frozenset[GrantKind]) -> str:
    """The kind that somebody is counted as."""
    return next((kind.value for kind in _ORDER if kind in kinds), "unknown")


def age_band(age: AgeRow, *, now: datetime) -> str:
    """The band that somebody is counted in; ``unknown`` where the register says nothing, as of most adults."""
    if age.birth_date is None:
        return "adult" if age.of_age else "unknown"
    if now >= turns(age.birth_date, MAJORITY, age.time_zone):
        return "adult"
    return "under_14" if now < turns(age.birth_date, CONSENT_AGE, age.time_zone) else "14_17"


def binned(score: float) -> int:
    """The bin of a cosine, in hundredths, rounded down."""
    # A cosine of 0.58 is 57.999... hundredths as a float.
    return max(-100, min(100, int((score * 100 + 1e-6) // 1)))


def summed(rows: Iterable[ScoreRow]) -> list[ImpostorBin]:
    """The bins of several groups together, the lowest first."""
    counts: dict[int, int] = defaultdict(int)
    comparisons: dict[int, int] = defaultdict(int)
    for row in rows:
        counts[row.bin] += row.count
        comparisons[row.bin] += row.comparisons
    return [ImpostorBin(bin=one, count=counts[one], comparisons=comparisons[one]) for one in sorted(counts)]


def exceedance_rate(bins: Sequence[ImpostorBin], cosine: float, *, gallery_size: int) -> float:
    """The FPIR that these scores show at a cosine, for a gallery of that size: 1 - (1 - FMR)^N.

    Whole bins only: those that reach above the cosine count, so that it is rather too high.
    """
    comparisons = sum(one.comparisons for one in bins)
    above = sum(one.count for one in bins if (one.bin + 1) / 100 > cosine)
    return 0.0 if comparisons == 0 else float(1.0 - (1.0 - min(1.0, above / comparisons)) ** gallery_size)


def is_due(fit: ThresholdRow | None, *, probes: int, fpir: float, now: datetime) -> bool:
    """Whether to fit anew: none was, it is a day old, many have enrolled since, or another FPIR is wanted."""
    if fit is None:
        return True
    return fit.fpir != fpir or probes - fit.probes >= _FIT_AFTER_PROBES or now - fit.fitted_at >= FIT_EVERY

"""What staff see of their community's recognition, and what they may set."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["CurvePoint", "Fit", "Group", "Recognition", "Target"]

#: From one stranger in a hundred thousand, where hardly anybody would be recognised, to one in a hundred.
Fpir = Annotated[float, Meta(ge=0.00001, le=0.01, description="False positive identifications per approach")]


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the gates of a community are to aim at."""

    fpir: Fpir


class Fit(msgspec.Struct, frozen=True):
    """A threshold fitted to the community's own scores; all cosines but the counts.

    ``threshold`` is ``estimate`` plus ``uncertainty`` (one-sided 95 %, of the fit and not of who enrolled).
    ``exceedances`` of the ``probes`` make up the tail, which begins at ``tail_from``.
    """

    threshold: float
    estimate: float
    uncertainty: float
    tail_from: float
    exceedances: int
    probes: int
    gallery_size: int
    fpir: float
    fitted_at: datetime


class CurvePoint(msgspec.Struct, frozen=True):
    """The FPIR that the scores show at a threshold, for a gallery of today's size."""

    threshold: float
    fpir: float


class Group(msgspec.Struct, frozen=True):
    """Scores of one kind of person or one age band.

    ``fpir`` is what they show at the threshold in use; ``asks_for`` the threshold that a fit to them alone would give,
    None while they are too few for one.
    """

    by: Literal["kind", "age_band"]
    group: str
    probes: int
    fpir: float
    asks_for: float | None


class Recognition(msgspec.Struct, frozen=True):
    """How a community's gates decide whom they see.

    ``threshold`` is the cosine in use for one frame; gates add to it for several. ``source`` says whether it is the
    community's own or still the pack's calibration; it is never below the pack's ``floor``. ``curve`` and ``groups``
    are left empty where there are fewer than 50 probes.
    """

    pack: str
    people: int
    fpir: float
    threshold: float
    source: Literal["community", "pack"]
    floor: float
    pack_threshold: float
    probes: int
    fit: Fit | None
    curve: tuple[CurvePoint, ...]
    groups: tuple[Group, ...]

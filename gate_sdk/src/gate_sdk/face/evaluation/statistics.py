"""Rates with their intervals. Pure functions of scores; no photographs, no names."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Two-sided confidence of every interval reported, and its quantile of the normal distribution.
CONFIDENCE = 0.95
_Z = 1.959964
#: Resamplings of a bootstrap, and its seed: the same scores give the same report.
RESAMPLES = 1000
_SEED = 19795

Interval = tuple[float, float]


def wilson(events: int, trials: int) -> Interval:
    """Give Wilson's score interval of a rate; (0, 1) without trials.

    Chosen for its sense at 0 events, where a normal interval would claim certainty. It takes the trials for
    independent, which comparisons that share people are not: where they do, `bootstrap_rates` is the wider and better.
    """
    if trials == 0:
        return 0.0, 1.0
    rate, square = events / trials, _Z * _Z
    centre = (rate + square / (2 * trials)) / (1 + square / trials)
    half = _Z * math.sqrt(rate * (1 - rate) / trials + square / (4 * trials * trials)) / (1 + square / trials)
    low = 0.0 if events == 0 else max(0.0, centre - half)
    high = 1.0 if events == trials else min(1.0, centre + half)
    return low, high


def threshold_at(scores: NDArray[np.floating], rate: float) -> float:
    """Give the lowest threshold that at most this part of the scores reaches.

    Args:
        scores: (n,), of comparisons that ought to fail.
        rate: largest part that may reach the threshold, 0 to 1.

    Returns:
        A threshold t, with (scores >= t).mean() <= rate; -1.0 without scores.
    """
    allowed = math.floor(rate * scores.size + 1e-9)
    if scores.size == 0 or allowed >= scores.size:
        return -1.0
    return float(np.nextafter(np.partition(scores, scores.size - allowed - 1)[scores.size - allowed - 1], np.inf))


def bootstrap_fnir(
    genuine: NDArray[np.floating],
    genuine_people: NDArray[np.intp],
    strangers: NDArray[np.floating],
    stranger_people: NDArray[np.intp],
    rates: Sequence[float],
) -> list[Interval]:
    """Give intervals of the FNIR at fixed FPIRs, by resampling people.

    People, not probes, are drawn: one person's photographs fail together. The threshold is set anew on each draw, so
    its uncertainty, the larger part, is in the interval.

    Args:
        genuine: score of each probe of an enrolled person if the best candidate is that person, else -inf.
        genuine_people: whose probe it is.
        strangers: best score of each probe of a stranger.
        stranger_people: whose probe it is.
        rates: the FPIRs.

    Returns:
        One interval for each rate; (0, 1) where there are no probes. Where no probe is missed at the threshold set on
        all strangers, the upper end is at least Wilson's over the people: resampling alone would claim certainty.
    """
    if genuine.size == 0 or strangers.size == 0:
        return [(0.0, 1.0)] * len(rates)
    random = np.random.default_rng(_SEED)
    known, unknown = _by_person(genuine_people), _by_person(stranger_people)
    found: list[list[float]] = [[] for _ in rates]
    for _ in range(RESAMPLES):
        hits = genuine[_draw(random, known)]
        others = strangers[_draw(random, unknown)]
        for rate, values in zip(rates, found, strict=True):
            values.append(float((hits < threshold_at(others, rate)).mean()))
    intervals = []
    for rate, values in zip(rates, found, strict=True):
        low, high = _percentiles(values)
        if not (genuine < threshold_at(strangers, rate)).any():
            high = max(high, wilson(0, len(known))[1])
        intervals.append((low, high))
    return intervals


def bootstrap_rate(events: NDArray[np.bool_], people: NDArray[np.intp]) -> Interval:
    """Give the interval of a rate over probes, by resampling people.

    Args:
        events: whether each probe counts.
        people: whose probe it is.

    Returns:
        The interval; Wilson's over the number of people where no or every probe counts, since no draw differs then.
    """
    groups = _by_person(people)
    if not groups:
        return 0.0, 1.0
    if events.all() or not events.any():
        return wilson(len(groups) if events.any() else 0, len(groups))
    random = np.random.default_rng(_SEED)
    return _percentiles([float(events[_draw(random, groups)].mean()) for _ in range(RESAMPLES)])


def _by_person(people: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    if people.size == 0:
        return []
    order = np.argsort(people, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(people[order])) + 1)


def _draw(random: np.random.Generator, groups: list[NDArray[np.intp]]) -> NDArray[np.intp]:
    return np.concatenate([groups[index] for index in random.integers(len(groups), size=len(groups))])


def _percentiles(values: list[float]) -> Interval:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


class ScoreCounts:
    """A histogram of cosines: millions of comparisons in constant memory.

    Thresholds read from it are exact to one bin, 1e-4.
    """

    _BINS = 20_000

    def __init__(self) -> None:
        self._counts: NDArray[np.int64] = np.zeros(self._BINS + 1, dtype=np.int64)

    def add(self, scores: NDArray[np.floating]) -> None:
        """Count scores, each -1 to 1."""
        bins = np.clip(np.floor((scores.ravel() + 1.0) * (self._BINS / 2)), 0, self._BINS).astype(np.int64)
        self._counts += np.bincount(bins, minlength=self._BINS + 1)

    @property
    def total(self) -> int:
        """How many scores were counted."""
        return int(self._counts.sum())

    def at_least(self, threshold: float) -> int:
        """Count the scores from a threshold on, which is rounded down to a bin."""
        return int(self._counts[max(0, math.floor((threshold + 1.0) * (self._BINS / 2) + 1e-6)) :].sum())

    def threshold_at(self, rate: float) -> float:
        """Give the lowest threshold that at most this part of the scores reaches."""
        reaching = self._counts[::-1].cumsum()[::-1]  # scores from each bin on
        first = int(np.argmax(reaching <= rate * self.total)) if reaching[-1] <= rate * self.total else self._BINS + 1
        return first / (self._BINS / 2) - 1.0

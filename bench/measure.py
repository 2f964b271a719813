"""Timing: medians of many runs, and what they are compared with."""

import gc
import math
import time
from collections.abc import Callable, Sequence
from statistics import median

import msgspec

__all__ = ["Figure", "Tell", "Times", "interleave", "quantile"]

# Says what is being done at the moment, for whoever watches.
Tell = Callable[[str], None]


class Times(msgspec.Struct, frozen=True):
    """Milliseconds of one thing over ``runs`` runs."""

    median_ms: float
    p95_ms: float
    p99_ms: float
    runs: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Times":
        """From measured seconds."""
        ms = sorted(1000 * s for s in seconds)
        return cls(median_ms=median(ms), p95_ms=quantile(ms, 0.95), p99_ms=quantile(ms, 0.99), runs=len(ms))


class Figure(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the bench.

    ``value`` is in ``unit``; ``beside`` says what it stands next to and ``ratio`` is value over that. ``bar`` is what
    the design asks, ``met`` whether it is reached on this machine in this run.
    """

    section: str
    name: str
    value: float
    unit: str
    detail: str = ""
    beside: str = ""
    ratio: float | None = None
    bar: str = ""
    met: bool | None = None


def quantile(ordered: Sequence[float], part: float) -> float:
    """The smallest value that at least ``part`` (0 to 1) of the ordered values do not exceed."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def interleave(works: dict[str, Callable[[], object]], *, runs: int, warm: int = 3) -> dict[str, Times]:
    """Time several things in turns, so that a slow minute of the machine falls on all of them alike."""
    for _ in range(warm):
        for work in works.values():
            work()
    seconds: dict[str, list[float]] = {name: [] for name in works}
    gc.collect()
    gc.disable()
    try:
        for _ in range(runs):
            for name, work in works.items():
                begin = time.perf_counter()
                work()
                seconds[name].append(time.perf_counter() - begin)
    finally:
        gc.enable()
    return {name: Times.of(found) for name, found in seconds.items()}

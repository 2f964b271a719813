"""What a camera may hand over, and when it says that it did."""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["FrameTime", "require_frame"]

_SIDES, _CHANNELS = 3, 3
# As of encoded pictures; what is larger is no camera's at a gate, and takes seconds to look at. The side is what
# Pillow's and the code reader's formats can say.
_MOST_PIXELS, _MOST_SIDE = 50_000_000, 65_535

# Frames that overtook one another differ by less; more is a camera that was connected anew, whose count began again.
_LATE_S = 1.0
# Nothing at a gate lasts as long, so a longer pause says no more. It keeps times of any unit within a float's digits.
_PAUSE_S = 60.0


def require_frame(picture: object) -> None:
    """Check that an array is a frame.

    Raises:
        ValueError: it is none.
    """
    shape, dtype = getattr(picture, "shape", None), getattr(picture, "dtype", None)
    if isinstance(shape, tuple) and len(shape) == _SIDES and shape[2] == _CHANNELS and str(dtype) == "uint8":
        height, width = shape[:2]
        if 0 < height <= _MOST_SIDE and 0 < width <= _MOST_SIDE and height * width <= _MOST_PIXELS:
            return
    what = type(picture).__name__ if shape is None else f"{dtype} {shape}"
    raise ValueError(
        f"a frame is uint8 (height, width, 3), RGB, 1 to 50 million pixels, or a picture's bytes; this is {what}"
    )


class FrameTime:
    """One time of a camera's frames that only grows. For one thread at a time.

    A stream that is connected anew may count its frames from zero. Taken as it is, whoever stood there last would seem
    to stand there for as long as the stream before had lasted, and nobody else would be decided about.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._newest: float | None = None
        self._taken_at = 0.0
        self._now = 0.0

    def of(self, at: float) -> float:
        """When a frame was captured, in seconds since the first one.

        Args:
            at: seconds by the camera's own count.

        Raises:
            ValueError: not a number, or without end.
        """
        if not math.isfinite(at):
            raise ValueError(f"a frame's time is a number of seconds, not {at}")
        passed = 0.0 if self._newest is None else at - self._newest
        if -_LATE_S < passed < 0.0:
            return self._now
        taken_at, self._taken_at = self._taken_at, self._monotonic()
        if passed < 0.0:
            passed = self._taken_at - taken_at
        self._newest = at
        self._now += min(max(passed, 0.0), _PAUSE_S)
        return self._now

"""What a gate tells of itself: how long people wait, whether the camera sees, what has not been delivered."""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from gate_sdk._link import Link
from gate_sdk.errors import GateError, GateRevokedError, RequestRefusedError
from gate_sdk.wire import GateHealth

if TYPE_CHECKING:
    from gate_sdk.face.arrays import Frame

__all__ = ["Health", "HealthDelivery"]

_log = logging.getLogger("gate_sdk")
#: So many admissions tell how long people wait now, and not a year ago.
_ENTRIES = 200
# Mean of a frame's values, 0 to 255, under which it shows nothing: a covered lens has some noise, a street at night
# its lamps.
_DARK = 8.0
# Every sixteenth pixel of every sixteenth line tells dark from light as well as all of them.
_STRIDE = 16
_LOOK_S = 1.0
_EVERY_S = 60.0
_RETRY_S = 30.0
_UNKNOWN_S = 3600.0
_NOT_FOUND = 404


class Health:
    """Collects figures; safe for several threads. Times in seconds of the client's monotonic clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waits: deque[float] = deque(maxlen=_ENTRIES)
        self._first_at: float | None = None
        self._light_at: float | None = None
        self._looked_at = -math.inf

    def saw(self, frame: Frame | None, at: float) -> None:
        """Take note of a frame, or of bytes that were none."""
        if at - self._looked_at < _LOOK_S:
            return
        self._looked_at = at
        light = frame is not None and float(frame[::_STRIDE, ::_STRIDE].mean()) >= _DARK
        with self._lock:
            self._first_at = at if self._first_at is None else self._first_at
            if light:
                self._light_at = at

    def let_in(self, seconds: float) -> None:
        """Take note of somebody who was let in, so long after his first usable frame."""
        with self._lock:
            self._waits.append(seconds)

    def report(self, *, now_us: int, at: float) -> GateHealth:
        """The figures as they are; what others know is filled in by the caller."""
        with self._lock:
            waits = sorted(self._waits)
            since = self._light_at if self._light_at is not None else self._first_at
        return GateHealth(
            at_us=now_us,
            entries=len(waits),
            entry_ms=_ms(waits, 0.5),
            entry_p95_ms=_ms(waits, 0.95),
            # Frames come many times a second: one second without light is a pause between two of them.
            dark_s=None if since is None else max(0, int(at - since)),
        )


def _ms(waits: list[float], part: float) -> int | None:
    return round(waits[min(len(waits) - 1, int(part * len(waits)))] * 1000) if waits else None


class HealthDelivery:
    """Used by the delivering thread alone. What fails here is no failure of the gate, and holds up no event."""

    def __init__(self, report: Callable[[], GateHealth], link: Link, monotonic: Callable[[], float]) -> None:
        self._report = report
        self._link = link
        self._monotonic = monotonic
        self._not_before = 0.0

    def once(self) -> None:
        """Tell the server, if it is time to.

        Raises:
            GateRevokedError: this gate is out of service.
        """
        if self._monotonic() < self._not_before:
            return
        pause = _EVERY_S
        try:
            self._link.tell_health(self._report())
        except GateRevokedError:
            raise
        except RequestRefusedError as error:
            # A server of an earlier release knows no such route, and may be replaced by one that does.
            pause = _UNKNOWN_S if error.status == _NOT_FOUND else _RETRY_S
        except GateError as error:
            _log.debug("how this gate is doing was not told (%s)", error.code)
            pause = _RETRY_S
        self._not_before = self._monotonic() + pause

"""Tells the staff what this gate goes by, and what its clock says beside the server's."""

import logging
from collections.abc import Callable

from gate_sdk._clock import TrustedTime
from gate_sdk._door import Door
from gate_sdk.errors import RosterRefusedError
from gate_sdk.wire import Emergency, Head

__all__ = ["Told"]

_log = logging.getLogger("gate_sdk")
# As much as two ordinary clocks and a slow line differ by; more makes hours begin and end at the wrong time.
_CLOCK_WRONG_S = 60.0


class Told:
    """What was told last, so that each thing is told when it begins and not with every round."""

    def __init__(self, time: TrustedTime) -> None:
        self._time = time
        self._order: Emergency | None = None
        self._clock_wrong = False
        self._refused: str | None = None
        self._unread = 0
        #: Called with a code for what the community's staff should know.
        self.alarm: Callable[[str], None] = lambda _code: None

    def orders(self, door: Door) -> bool:
        """Tell which orders this gate has begun and ceased to go by; whether there was such a change."""
        order = door.emergency(self._time.now_us())
        before, self._order = self._order, order
        if order == before:
            return False
        if before is not None and (order is None or order.id != before.id):
            self.alarm(f"{before.mode}-ended:{before.id}")
        if order is not None and (before is None or order.id != before.id):
            self.alarm(f"{order.mode}-began:{order.id}")
        return True

    def taken(self, head: Head, unread: int) -> None:
        """Tell what came with a head that was believed.

        Its clock, where the device's begins to differ: hours and windows go by it. Heads are dated as they are
        answered, so what lies between is a network's delay. And how much of the roster only a newer gate understands.
        """
        self._refused = None
        ahead_s = (self._time.wall_us() - head.issued_at_us) / 1e6
        wrong = abs(ahead_s) > _CLOCK_WRONG_S
        if wrong and not self._clock_wrong:
            _log.warning("the device's clock differs from the server's by %.0f s", ahead_s)
            self.alarm(f"clock-wrong:{ahead_s:+.0f}")
        self._clock_wrong = wrong
        if unread and unread != self._unread:
            _log.warning("%d grants or codes are of a newer kind than this gate understands: update it", unread)
            self.alarm(f"not-understood:{unread}")
        self._unread = unread

    def refused(self, error: RosterRefusedError) -> None:
        """Tell that what came as a roster is not believed; once, until one is."""
        if self._refused != error.code:
            self.alarm(f"roster-refused:{error.code}")
        self._refused = error.code

    def diverged(self) -> None:
        """Tell that the server says that this gate's roster is not the one it sent."""
        self.alarm("roster-diverged")

"""Time as a gate may trust it."""

import time
from typing import Protocol

__all__ = ["Clock", "SystemClock", "TrustedTime"]

_MICROSECONDS = 1_000_000
# 2020-01-01: no gate is older. Devices without a battery wake up in 1970 or at their firmware's birthday, and an event
# must not be dated by that.
_EARLIEST_US = 1_577_836_800_000_000


class Clock(Protocol):
    """The device's two clocks."""

    def now_us(self) -> int:
        """Wall clock, microseconds since the Unix epoch; may be wrong and may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever grow, from an arbitrary start."""
        ...


class SystemClock:
    """The operating system's clocks."""

    def now_us(self) -> int:
        """Wall clock, microseconds since the Unix epoch."""
        return time.time_ns() // 1_000

    def monotonic(self) -> float:
        """Seconds that only ever grow, from an arbitrary start."""
        return time.monotonic()


class TrustedTime:
    """The wall clock, but never behind what is known to have passed.

    Grants and leases end by this time. A clock set back, by a drained battery or by a hand, must not bring an expired
    guest back: the floor is the newest head's ``issued_at`` (or a later time that was persisted), and while the
    process runs the floor moves on with the monotonic clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # One tuple, replaced whole: readers in other threads see either the old pair or the new one.
        self._floor = (_EARLIEST_US, clock.monotonic())

    def set_floor(self, at_us: int) -> None:
        """Take the server's time, from a head that just arrived, as the new floor, replacing the older one.

        Replacing, not raising: a device clock that had jumped years ahead is forgotten with the next head.
        """
        self._floor = (at_us, self._clock.monotonic())

    def wall_us(self) -> int:
        """The device's wall clock as it is, microseconds since the Unix epoch."""
        return self._clock.now_us()

    def now_us(self) -> int:
        """Microseconds since the Unix epoch."""
        return max(self._clock.now_us(), self.passed_us())

    def passed_us(self) -> int:
        """Microseconds since the Unix epoch that have passed for certain, whatever the wall clock says.

        The server's last word and the time since then. For what must not be lost to a clock that jumps ahead, and may
        come later than it could.
        """
        base, since = self._floor
        return base + int((self._clock.monotonic() - since) * _MICROSECONDS)

    def ahead_s(self) -> float:
        """Seconds by which the wall clock is ahead of the floor; negative when it is behind, that is, wrong."""
        base, since = self._floor
        elapsed = self._clock.monotonic() - since
        return (self._clock.now_us() - base) / _MICROSECONDS - elapsed

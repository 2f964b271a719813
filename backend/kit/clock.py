"""The time, as an argument."""

from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["Clock", "utc_now"]

# Rules take the time from their caller, so that a test can move it; only the edges of the process call utc_now.
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present, with time zone UTC."""
    return datetime.now(UTC)

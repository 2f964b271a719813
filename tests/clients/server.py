"""What the server process of these tests runs: the application, at tests' own time of the calendar, which goes on."""

import os
import time
from datetime import UTC, datetime, timedelta

from litestar import Litestar

from backend.app import create_app
from backend.embedded.children import tie_to_parent
from backend.settings import load_settings
from tests.backend.world import MovableClock

__all__ = ["STARTED", "RunningClock", "server"]

#: When the clock began, in seconds since the Unix epoch: the same for the server and for whoever furnishes it.
STARTED = "TEST_CLOCK_STARTED"


class RunningClock(MovableClock):
    """Begins where tests' clocks stand, and goes on: windows of rate limits end, and dates are the same each year."""

    def __init__(self, started: float) -> None:
        self._offset = timedelta()
        super().__init__()
        self._offset = self._begin - datetime.fromtimestamp(started, UTC)

    @property
    def now(self) -> datetime:
        """The time, at each look."""
        return datetime.now(UTC) + self._offset

    @now.setter
    def now(self, begin: datetime) -> None:
        self._begin = begin

    def __call__(self) -> datetime:
        return self.now

    def advance(self, step: timedelta | None = None, **parts: float) -> datetime:
        """Never: another process has the same clock."""
        raise NotImplementedError


def server() -> Litestar:
    """The factory that granian calls."""
    tie_to_parent()
    started = float(os.environ.get(STARTED) or time.time())
    return create_app(load_settings(env_file=None), clock=RunningClock(started))

"""What decides about questions, as data and pure functions."""

from datetime import datetime, timedelta
from typing import Literal, Protocol

__all__ = ["CLOCKS_APART", "MOST_ASKED", "MOST_ASKED_PER", "MOST_OPEN", "Answer", "State", "state_of"]

Answer = Literal["approved", "denied"]
State = Literal["waiting", "approved", "denied", "closed"]

# A gate goes by its own clock, which is the judge of the window; here it is only asked on what right somebody stands
# there.
CLOCKS_APART = timedelta(minutes=5)
# Questions about one pass in so long a time. Whoever is not let in and goes on showing his code would ring every
# telephone of the home for as long as his pass lasts.
MOST_ASKED = 12
MOST_ASKED_PER = timedelta(hours=1)
# Shown to a home at most. More cannot wait at once in practice: at each gate it is one for each guest.
MOST_OPEN = 50


class _Asked(Protocol):
    @property
    def outcome(self) -> Answer | None: ...
    @property
    def expires_at(self) -> datetime: ...


def state_of(row: _Asked, now: datetime) -> State:
    """Where a question stands."""
    if row.outcome is not None:
        return row.outcome
    return "waiting" if now < row.expires_at else "closed"

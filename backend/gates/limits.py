"""How often something may be tried from one place. In memory: it slows guessing, and secrets are long enough anyway."""

import math
from collections import OrderedDict, deque
from datetime import datetime

from backend.gates.errors import TooManyClaims

__all__ = ["Attempts"]

_MOST_PLACES = 10_000


class Attempts:
    """At most so many attempts within so many seconds, per place."""

    def __init__(self, *, most: int, per_s: float) -> None:
        """Allow ``most`` attempts in any ``per_s`` seconds."""
        self._most = most
        self._per_s = per_s
        self._places: OrderedDict[str, deque[datetime]] = OrderedDict()

    def require(self, place: str, *, now: datetime) -> None:
        """Count an attempt, if one is allowed.

        Raises:
            TooManyClaims: not for a while; none is counted.
        """
        made = self._places.setdefault(place, deque())
        self._places.move_to_end(place)
        if len(self._places) > _MOST_PLACES:
            self._places.popitem(last=False)
        while made and (now - made[0]).total_seconds() >= self._per_s:
            made.popleft()
        if len(made) >= self._most:
            after = max(1, math.ceil(self._per_s - (now - made[0]).total_seconds()))
            raise TooManyClaims(headers={"Retry-After": str(after)})
        made.append(now)

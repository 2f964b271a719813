"""Unwrapped keys, for a while: the key service is asked 59 times for 133,000 people, and what is retired goes."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["HELD_SECONDS", "KeyCache"]

#: How long an unwrapped key stays in a process: the longest that a retired one outlives its row in another process.
HELD_SECONDS = 900.0
#: Communities and authorities of a deployment ten times the programme's size.
_MOST = 1024

Name = TypeVar("Name", bound=Hashable)
Value = TypeVar("Value")


class KeyCache(Generic[Name, Value]):
    """A bounded map whose entries go after a time, also in a process that asks for nothing any more.

    Python cannot overwrite an object's bytes: a key that was let go stays in freed memory until that is used again.
    """

    def __init__(
        self, *, seconds: float = HELD_SECONDS, most: int = _MOST, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Hold at most ``most`` entries, each for at most ``seconds``."""
        self._seconds = seconds
        self._most = most
        self._monotonic = monotonic
        self._held: OrderedDict[Name, tuple[float, Value]] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        self._drop_old()
        return len(self._held)

    def get(self, name: Name) -> Value | None:
        """What is held under that name, or None."""
        self._drop_old()
        found = self._held.get(name)
        return None if found is None else found[1]

    def put(self, name: Name, value: Value) -> None:
        """Hold it from now on; the oldest makes room."""
        self._held.pop(name, None)
        self._held[name] = (self._monotonic() + self._seconds, value)
        while len(self._held) > self._most:
            self._held.popitem(last=False)
        self._drop_old()
        self._wake()

    def discard(self, name: Name) -> None:
        """Let it go now."""
        self._held.pop(name, None)

    def clear(self) -> None:
        """Let everything go now."""
        self._held.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _drop_old(self) -> None:
        # The order of putting is the order of ending, since all are held equally long.
        now = self._monotonic()
        while self._held and next(iter(self._held.values()))[0] <= now:
            self._held.popitem(last=False)

    def _wake(self) -> None:
        """Have the oldest go in its time even where nobody asks again."""
        if self._timer is None and self._held:
            delay = next(iter(self._held.values()))[0] - self._monotonic()
            self._timer = asyncio.get_running_loop().call_later(max(delay, 0.0), self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self._drop_old()
        self._wake()

"""The end of a process, as whatever started it asks for it: what waits is let go, what takes too long is cut off."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

__all__ = ["Bounded", "when_asked_to_end"]


@contextmanager
def when_asked_to_end(tell: Callable[[], None]) -> Iterator[None]:
    """Within the block, have the running loop call ``tell`` on SIGTERM, beside whoever handles the signal.

    Nothing where nobody handles it: then it ends the process at once, as it should.
    """
    before = signal.getsignal(signal.SIGTERM)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def asked(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(tell)
        before(number, frame)

    # Not the loop's own way, which knows one handler for each signal and would forget the server's. That one is called
    # all the same: loops hear of signals by a descriptor.
    signal.signal(signal.SIGTERM, asked)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Bounded:
    """Work that is cut off where it is still under way so long after a process was asked to end."""

    def __init__(self, stop: asyncio.Event, *, seconds: float) -> None:
        """Cut off ``seconds`` after ``stop``."""
        self._stop = stop
        self._seconds = seconds
        self._over = asyncio.Event()
        self._under_way: set[asyncio.Task[object]] = set()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Do so within the block."""
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()

    async def do(self, work: Callable[[], Awaitable[object]]) -> bool:
        """Do it in the caller's task; False where it was cut off, and the task goes on.

        Raises:
            asyncio.CancelledError: somebody else cancelled the task.
        """
        task = asyncio.current_task()
        if self._over.is_set() or task is None:
            return False
        self._under_way.add(task)
        try:
            await work()
        except asyncio.CancelledError:
            if not self._over.is_set() or task.uncancel():
                raise
            return False
        finally:
            self._under_way.discard(task)
        return True

    async def _watch(self) -> None:
        await self._stop.wait()
        await asyncio.sleep(self._seconds)
        self._over.set()
        for task in self._under_way:
            task.cancel()

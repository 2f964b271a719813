"""Doing together what comes one by one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["Together"]

T = TypeVar("T")


class Together(Generic[T]):
    """Hands on what comes one by one in batches: what came while the batches before were under way.

    One alone waits for nobody; a thousand at once become as many batches as are needed.
    """

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[object]], *, most: int, at_once: int) -> None:
        """Work on batches.

        Args:
            work: carries a batch out.
            most: how many one batch has at most.
            at_once: how many batches are under way at the same time, at most.
        """
        self._work = work
        self._most = most
        self._turns = asyncio.Semaphore(at_once)
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []

    async def do(self, one: T) -> None:
        """Have it done with others; returns when its batch is done.

        Raises:
            asyncio.CancelledError: its batch failed or was cut off.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((one, done))
        async with self._turns:
            # Often somebody else has taken it along by now.
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            if batch:
                await self._do(batch)
        await done

    async def _do(self, batch: Sequence[tuple[T, "asyncio.Future[None]"]]) -> None:
        try:
            await self._work([one for one, _ in batch])
        except BaseException:
            # The others' are not done either; whoever raises here says why.
            for _, done in batch:
                done.cancel()
            raise
        for _, done in batch:
            if not done.done():
                done.set_result(None)

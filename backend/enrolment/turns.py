"""Whose photograph is looked at next, and how long anybody waits. No pictures, no threads."""

import asyncio
from collections import OrderedDict, deque
from uuid import UUID

from backend.enrolment.errors import FacesBusy

__all__ = ["LONGEST_WAIT_S", "Turns"]

#: Photographs waiting at most, and of one person; one takes about 0.1 s of a processor.
_QUEUE = 24
_QUEUE_PER_PERSON = 3
#: Seconds that a photograph waits for its turn: then its sender is told to come back, on however slow a machine. A page
#: that says so is better than one that hangs, and what waits holds its file in memory.
LONGEST_WAIT_S = 4.0


class Turns:
    """So many at once, one of each person in turn.

    In turn, so that somebody who sends many does not keep the others waiting; and with a bound on those waiting, so
    that people are told to come back in a moment instead of looking at a page that hangs.
    """

    def __init__(self, at_once: int, *, longest_wait_s: float) -> None:
        """Nobody waits yet.

        Args:
            at_once: turns at the same time.
            longest_wait_s: how long one waits for his.
        """
        self._longest_wait_s = longest_wait_s
        self._free = at_once
        self._waiting: OrderedDict[UUID, deque[asyncio.Future[None]]] = OrderedDict()

    async def take(self, person_id: UUID) -> None:
        """Wait for the person's turn; who was given one gives it back.

        Raises:
            FacesBusy: too many wait, or the turn did not come in time.
        """
        try:
            async with asyncio.timeout(self._longest_wait_s):
                await self._stand_in_line(person_id)
        except TimeoutError as error:
            raise FacesBusy from error

    def give_back(self) -> None:
        """To the next in line, if there is one."""
        while self._waiting:
            person_id, mine = self._waiting.popitem(last=False)
            turn = mine.popleft()
            if mine:
                self._waiting[person_id] = mine  # behind the others
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    async def _stand_in_line(self, person_id: UUID) -> None:
        if self._free and not self._waiting:
            self._free -= 1
            return
        mine = self._waiting.get(person_id, deque())
        if sum(map(len, self._waiting.values())) >= _QUEUE or len(mine) >= _QUEUE_PER_PERSON:
            raise FacesBusy
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        mine.append(turn)
        self._waiting[person_id] = mine
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back()  # the turn had come: it goes to the next in line, or a thread would stay idle for good
            else:
                self._leave(person_id, turn)
            raise

    def _leave(self, person_id: UUID, turn: asyncio.Future[None]) -> None:
        mine = self._waiting.get(person_id)
        if mine is not None and turn in mine:
            mine.remove(turn)
            if not mine:
                del self._waiting[person_id]

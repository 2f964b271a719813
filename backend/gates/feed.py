"""Wakes the requests that wait for a community: for its roster to change, or for its homes' answers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias
from uuid import UUID

import asyncpg
import structlog

from backend.kit.db import Database

__all__ = ["Generation", "RosterFeed"]

_log = structlog.get_logger(__name__)
_ROSTER = "roster"
_FIRST_PAUSE_S = 0.1
_MOST_PAUSE_S = 5.0
# A connection that died without a word is found out after this long; it carries nothing else that would show it.
_PROBE_S = 20.0
_PROBE_TIMEOUT_S = 5.0

# While a community changes without a pause, as during an import, its gates are told so often: a round of each for each
# chunk would be what all other communities' gates wait for. The first of changes is told at once, as is a single one.
_PACE_S = 0.2

Generation: TypeAlias = tuple[int, int]


class RosterFeed:
    """One LISTEN connection for the whole process, and who waits for which community.

    A *generation* stands for what had been heard of a community at a moment. Whoever waits takes it before he reads
    the roster: a change that commits between his reading and his waiting has raised it, and he does not wait.
    """

    def __init__(self, db: Database, *, channel: str = _ROSTER) -> None:
        """Listen on that database, once :meth:`running`, to a channel whose payloads are communities."""
        self._db = db
        self._channel = channel
        self._connected = 0
        self._heard: dict[UUID, int] = {}
        self._waiting: dict[UUID, dict[UUID, asyncio.Future[bool]]] = {}
        # When those who waited were told last, by the loop's clock; and who is to be told when its pace allows.
        self._told: dict[UUID, float] = {}
        self._put_off: dict[UUID, asyncio.TimerHandle] = {}
        self._over = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator["RosterFeed"]:
        """Listen as long as the block lasts; then let everybody who waits go."""
        task = asyncio.create_task(self._run(), name=f"{self._channel}-feed")
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            self.let_go()
            for timer in self._put_off.values():
                timer.cancel()

    def let_go(self) -> None:
        """Let everybody who waits go, and nobody wait any more: the process ends, and another one has the news."""
        self._over = True
        self._wake_all(news=False)

    def generation(self, community_id: UUID) -> Generation:
        """What has been heard of the community so far."""
        return self._connected, self._heard.get(community_id, 0)

    def rest(self, community_id: UUID) -> float:
        """Seconds for which the community's gates have been told enough; 0 but under changes without a pause."""
        told = self._told.get(community_id)
        return 0.0 if told is None else max(0.0, told + _PACE_S - asyncio.get_running_loop().time())

    async def wait(self, community_id: UUID, gate_id: UUID, *, since: Generation, seconds: float) -> bool:
        """Return when more was heard of the community than ``since``, or after so many seconds.

        A gate waits once: its newer poll lets the one before go, so that a device that drops its connections and comes
        back leaves nothing behind. False says that this happened, or that the process ends: he should not wait on.
        """
        if self.generation(community_id) != since or seconds <= 0:
            return True
        if self._over:
            return False
        woken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(community_id, {})
        before = waiting.get(gate_id)
        waiting[gate_id] = woken
        if before is not None and not before.done():
            before.set_result(False)
        try:
            async with asyncio.timeout(seconds):
                return await woken
        except TimeoutError:
            return True
        finally:
            if waiting.get(gate_id) is woken:
                del waiting[gate_id]
            if not waiting and self._waiting.get(community_id) is waiting:
                del self._waiting[community_id]

    async def _run(self) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            try:
                async with self._db.listening() as conn:
                    lost = asyncio.Event()
                    conn.add_termination_listener(lambda _, lost=lost: lost.set())
                    await conn.add_listener(self._channel, self._hear)
                    # What was said while nobody listened is not repeated, so everybody looks for himself.
                    self._connected += 1
                    self._wake_all()
                    pause = _FIRST_PAUSE_S
                    await _until_lost(conn, lost)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                _log.warning("feed lost", channel=self._channel, error=type(error).__name__, retry_after_s=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _MOST_PAUSE_S)

    def _hear(self, _conn: object, _pid: int, _channel: str, payload: object) -> None:
        try:
            community_id = UUID(str(payload))
        except ValueError:
            return
        self._heard[community_id] = self._heard.get(community_id, 0) + 1
        rest = self.rest(community_id)
        if rest == 0.0:
            self._tell(community_id)
        elif community_id not in self._put_off:
            self._put_off[community_id] = asyncio.get_running_loop().call_later(rest, self._tell, community_id)

    def _tell(self, community_id: UUID) -> None:
        self._put_off.pop(community_id, None)
        if community_id in self._waiting:
            self._told[community_id] = asyncio.get_running_loop().time()
            self._wake(community_id)

    def _wake(self, community_id: UUID, *, news: bool = True) -> None:
        for woken in self._waiting.get(community_id, {}).values():
            if not woken.done():
                woken.set_result(news)

    def _wake_all(self, *, news: bool = True) -> None:
        for community_id in list(self._waiting):
            self._wake(community_id, news=news)


async def _until_lost(conn: "asyncpg.Connection[asyncpg.Record]", lost: asyncio.Event) -> None:
    while not lost.is_set():
        try:
            async with asyncio.timeout(_PROBE_S):
                await lost.wait()
        except TimeoutError:
            await conn.execute("SELECT 1", timeout=_PROBE_TIMEOUT_S)

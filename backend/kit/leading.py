"""One process of several that does what must be done once: whoever holds an advisory lock of the database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from backend.kit.db import Database

__all__ = ["leading", "pause"]

_TRY = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))"
_POLL_S = 2.0


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait that long, or until ``stop``."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


@asynccontextmanager
async def leading(
    db: Database, name: str, *, stop: asyncio.Event
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record] | None"]:
    """Wait until this process leads in ``name``; the connection that holds the lead, or None where ``stop`` came first.

    The server gives the lead to somebody else when the connection ends, also where this process was killed or cut off:
    watch the connection, and do nothing that two could not do at once for a moment.

    Raises:
        OSError: nobody listens at the database's address.
        asyncpg.PostgresError: the server refuses, or was lost meanwhile.
    """
    async with db.listening() as conn:
        while not stop.is_set():
            # Asked for again and again rather than waited for: a statement that waits holds back vacuum.
            if await conn.fetchval(_TRY, name):
                yield conn
                return
            await pause(stop, _POLL_S)
    yield None

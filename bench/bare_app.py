"""The peer of a read endpoint: the same queries in the same transactions behind the same server, and nothing else.

A bare ASGI application: no routing, no token, no validation; its answer has the same rows as JSON.
"""

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast
from uuid import UUID

import msgspec

from backend.kit.db import Connection, Database, Scope

__all__ = ["Step", "create", "recorded"]

Scope_ = dict[str, Any]
Message = Any
Value = str | int | None


class Step(msgspec.Struct, frozen=True):
    """One read-only transaction with one query, under that scope."""

    query: str
    args: tuple[Value, ...]
    community_id: UUID | None = None
    person_id: UUID | None = None
    platform: bool = False


async def recorded(read: Callable[[Connection], Awaitable[object]]) -> tuple[str, tuple[Value, ...]]:
    """The SQL and the arguments of a repository's function, so that the peer can never ask something else."""
    recorder = _Recorder()
    await read(cast("Connection", recorder))  # it has the one method that such a function calls
    (query, args), = recorder.seen  # fmt: skip
    return query, tuple(str(arg) if isinstance(arg, UUID) else arg for arg in args)


def create() -> Callable[[Scope_, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Any]:
    """The application; database and steps come from the environment of the bench. The last step's rows are sent."""
    database = Database(os.environ["BENCH_DATABASE_URL"])
    steps = msgspec.json.decode(os.environ["BENCH_STEPS"], type=list[Step])
    work = [(Scope(step.community_id, step.person_id, step.platform), step) for step in steps]

    async def application(
        scope: Scope_, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(database, receive, send)
            return
        rows: Sequence[Any] = ()
        for scope_of, step in work:
            async with database.transaction(scope_of, read_only=True) as conn:
                rows = await conn.fetch(step.query, *step.args)
        body = msgspec.json.encode({"rows": [dict(row) for row in rows]})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return application


async def _lifespan(
    database: Database, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await database.open()
            await send({"type": "lifespan.startup.complete"})
        else:
            await database.close()
            await send({"type": "lifespan.shutdown.complete"})
            return


class _Recorder:
    """Stands in for a connection while a query is written down."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, tuple[Any, ...]]] = []

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        self.seen.append((query, args))
        return []

    async def fetchrow(self, query: str, *args: Any) -> None:
        self.seen.append((query, args))

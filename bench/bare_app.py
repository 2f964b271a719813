"""The peer of the read endpoint: the same query in the same transaction behind the same server, and nothing else.

A bare ASGI application: no routing, no token, no validation; its answer is the same JSON.
"""

import os
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from backend.kit.db import Database, Scope

Scope_ = dict[str, Any]


def create() -> Callable[[Scope_, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]:
    """The application; its query, community and database come from the environment of the bench."""
    database = Database(os.environ["BENCH_DATABASE_URL"])
    community = UUID(os.environ["BENCH_COMMUNITY"])
    query = os.environ["BENCH_QUERY"]
    scope_of = Scope(community_id=community)

    async def application(
        scope: Scope_, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                if message["type"] == "lifespan.startup":
                    await database.open()
                    await send({"type": "lifespan.startup.complete"})
                else:
                    await database.close()
                    await send({"type": "lifespan.shutdown.complete"})
                    return
        async with database.transaction(scope_of, read_only=True) as conn:
            rows: list[asyncpg.Record] = await conn.fetch(query, community)
        body = msgspec.json.encode({"rows": [dict(row) for row in rows]})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return application

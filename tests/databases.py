"""Databases for tests: one cluster per test process, cloned from a migrated template in milliseconds."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import msgspec

from backend.embedded.passwords import KEYS, OWNER, SUPERUSER
from backend.embedded.postgres import EmbeddedPostgres
from backend.embedded.provision import DATABASE, KEY_DATABASE
from backend.kit.apart import run_apart

# Speed where a crash may lose everything, because the next run begins anew.
TEST_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
}

_numbers = itertools.count(1)


class DatabaseUrls(msgspec.Struct, frozen=True):
    """Addresses of a fresh pair of databases, one per role. `keys` is the key database, the others are data."""

    owner: str
    api: str
    worker: str
    audit: str
    keys: str
    superuser: str


@contextmanager
def cloned(pg: EmbeddedPostgres) -> Iterator[DatabaseUrls]:
    """A data and a key database with the current schema and no rows; dropped at the end."""
    number = next(_numbers)
    data, keys = f"data_{number}", f"keys_{number}"
    _run(
        pg,
        f"CREATE DATABASE {data} TEMPLATE {DATABASE} OWNER {OWNER}",
        f"CREATE DATABASE {keys} TEMPLATE {KEY_DATABASE} OWNER {KEYS}",
        # Rights on a database are not copied with it.
        f"REVOKE ALL ON DATABASE {data}, {keys} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {data} TO doorward_api, doorward_worker, doorward_audit",
    )
    try:
        yield DatabaseUrls(
            owner=pg.url(OWNER, data),
            api=pg.url("doorward_api", data),
            worker=pg.url("doorward_worker", data),
            audit=pg.url("doorward_audit", data),
            keys=pg.url(KEYS, keys),
            superuser=pg.url(SUPERUSER, data),
        )
    finally:
        _run(pg, f"DROP DATABASE {data} WITH (FORCE)", f"DROP DATABASE {keys} WITH (FORCE)")


def _run(pg: EmbeddedPostgres, *statements: str) -> None:
    async def body() -> None:
        conn = await asyncpg.connect(pg.url(SUPERUSER, "postgres"))
        try:
            for statement in statements:
                await conn.execute(statement)
        finally:
            await conn.close()

    run_apart(lambda: asyncio.run(body()))

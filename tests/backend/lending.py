"""Databases that tests borrow and give back empty: cloning takes a second, emptying some milliseconds."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import TypeAlias

import asyncpg
import msgspec

from backend.embedded.postgres import EmbeddedPostgres
from backend.embedded.provision import on_database
from backend.kit.apart import run_apart
from tests.databases import DatabaseUrls, cloned

__all__ = ["DatabaseLender"]

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# Beyond this, rows deleted by earlier tests slow down the later ones.
_TOO_LARGE_BYTES = 64_000_000
_OURS = "nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"

_TABLES = f"""
    SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE relkind = 'r' AND {_OURS} ORDER BY 1
"""
# Everything that a test may have changed in the schema. Row versions (xmin) where statistics do not touch the rows.
_SCHEMA = f"""
    SELECT md5(string_agg(part, '|' ORDER BY part)) FROM (
        SELECT concat_ws(' ', c.oid, relname, relkind, relowner, relacl, relrowsecurity, relforcerowsecurity)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_OURS}
        UNION ALL SELECT concat_ws(' ', attrelid, attname, a.xmin) FROM pg_attribute a WHERE attrelid >= 16384
            AND EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                        WHERE c.oid = attrelid AND {_OURS})
        UNION ALL SELECT concat_ws(' ', oid, xmin) FROM pg_proc WHERE oid >= 16384
        UNION ALL SELECT concat_ws(' ', oid, xmin) FROM pg_policy
        UNION ALL SELECT concat_ws(' ', oid, tgenabled) FROM pg_trigger
        UNION ALL SELECT concat_ws(' ', oid, convalidated) FROM pg_constraint WHERE oid >= 16384
    ) AS parts (part)
"""
_END_OTHERS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_RESTART_SEQUENCES = f"""
    SELECT setval(c.oid, s.seqstart, false)
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_OURS}
"""


class _State(msgspec.Struct, frozen=True):
    """How a fresh database looks: its tables, its schema's fingerprint, and the rows that migrations put there."""

    tables: tuple[str, ...]
    schema: str
    seeds: dict[str, str]


class DatabaseLender:
    """Lends pairs of databases as `cloned` makes them; one that a test changed beyond emptying is not lent again."""

    def __init__(self, pg: EmbeddedPostgres) -> None:
        self._pg = pg
        self._owned = ExitStack()
        self._free: list[DatabaseUrls] = []
        self._fresh: dict[str, _State] = {}

    @contextmanager
    def lend(self) -> Iterator[DatabaseUrls]:
        """A pair with the current schema and no rows."""
        urls = self._free.pop() if self._free else self._owned.enter_context(cloned(self._pg))
        pair = {"data": urls.superuser, "keys": on_database(urls.superuser, urls.keys.rsplit("/", 1)[1])}
        if not self._fresh:
            run_apart(lambda: asyncio.run(self._note(pair)))
        yield urls
        sound: list[bool] = []
        run_apart(lambda: sound.append(asyncio.run(self._restore(pair))))
        if all(sound):
            self._free.append(urls)

    def close(self) -> None:
        """Drop them all."""
        self._owned.close()

    async def _note(self, pair: dict[str, str]) -> None:
        for name, url in pair.items():
            async with _connected(url) as conn:
                self._fresh[name] = await _state(conn)

    async def _restore(self, pair: dict[str, str]) -> bool:
        """Empty both; whether they look as when they were new."""
        sound = True
        for name, url in pair.items():
            async with _connected(url) as conn:
                sound = await _empty(conn, self._fresh[name]) and sound
        return sound


async def _empty(conn: Connection, fresh: _State) -> bool:
    await conn.execute(_END_OTHERS)
    # No triggers and no foreign keys: rows go in any order.
    await conn.execute("SET session_replication_role = replica")
    for table in await _tables(conn):
        if table not in fresh.tables:
            # A partition that a test's community got.
            await conn.execute(f"DROP TABLE IF EXISTS {table} CASCADE")
    await conn.execute(";".join(f"DELETE FROM {table}" for table in fresh.tables if table not in fresh.seeds))
    await conn.execute(_RESTART_SEQUENCES)
    small = await conn.fetchval("SELECT pg_database_size(current_database()) < $1", _TOO_LARGE_BYTES)
    return bool(small) and await _state(conn) == fresh


async def _state(conn: Connection) -> _State:
    tables = await _tables(conn)
    counted = await conn.fetch(" UNION ALL ".join(f"SELECT {_text(t)} WHERE EXISTS (SELECT FROM {t})" for t in tables))
    seeds = {}
    for (table,) in counted:
        seeds[table] = await conn.fetchval(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t")
    return _State(tables, await conn.fetchval(_SCHEMA), seeds)


async def _tables(conn: Connection) -> tuple[str, ...]:
    return tuple(row[0] for row in await conn.fetch(_TABLES))


def _text(table: str) -> str:
    return "'" + table.replace("'", "''") + "'"


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Connection]:
    conn = await asyncpg.connect(url)
    try:
        yield conn
    finally:
        await conn.close()

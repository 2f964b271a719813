"""Connections, transactions and whose rows they see.

A transaction begins with a scope: the community, the person or the platform for which it works. The database's row
level security shows it those rows and no others, so a forgotten WHERE leaks nothing. Only the request boundary (a
route, a job) opens a transaction; services and repositories are handed its connection.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Literal, TypeAlias, TypeVar
from uuid import UUID

import asyncpg
import msgspec

from backend.kit.addresses import with_tls
from backend.kit.problems import BadRequest, Conflict, Unauthorised, Unavailable
from backend.kit.tracing import part, traceparent

__all__ = [
    "CommitUnknown",
    "Connection",
    "Database",
    "DatabaseUnavailable",
    "RequestTakenOver",
    "Scope",
    "ValueUnstorable",
    "Witness",
    "affected",
    "enter_community",
    "fetch_all",
    "fetch_dicts",
    "fetch_one",
    "require_one",
    "savepoint",
    "witnessed",
]

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Isolation = Literal["READ COMMITTED", "REPEATABLE READ"]
Row = TypeVar("Row", bound=msgspec.Struct)


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached at the moment."""

    code = "database-unavailable"
    remedy = "Try again in a few seconds; nothing of this request was kept."


class CommitUnknown(Unavailable):
    """The database went away while it kept the change; whether it did is not known."""

    code = "commit-unknown"
    remedy = "Read the present state before repeating the request."


class RequestTakenOver(Conflict):
    """The request took so long that a repetition of it has been begun; this one had no effect."""

    code = "request-taken-over"
    remedy = "Read the answer to the repetition."


class ValueUnstorable(BadRequest):
    """A value in the request cannot be kept: a text with the character U+0000, or a time or number beyond all range."""

    code = "value-unstorable"
    remedy = "Leave the character out, or give a time of this era or a smaller number."


class Scope(msgspec.Struct, frozen=True):
    """Whose rows a transaction may see. What is not named is not seen.

    ``platform`` is for log-in, claim codes and link tokens, where nobody's community or person is known yet, and for
    the worker's search for what is due.
    """

    community_id: UUID | None = None
    person_id: UUID | None = None
    platform: bool = False

    def settings(self) -> str:
        """SQL that sets the scope for the transaction. Built from UUIDs and a boolean only, never from text."""
        parts = []
        if self.community_id is not None:
            parts.append(f"SET LOCAL doorward.community = '{UUID(int=self.community_id.int)}'")
        if self.person_id is not None:
            parts.append(f"SET LOCAL doorward.person = '{UUID(int=self.person_id.int)}'")
        if self.platform:
            parts.append("SET LOCAL doorward.platform = 'on'")
        return "; ".join(parts)


class Witness:
    """What every transaction that a request commits on ``db`` has to run last, touching one row exactly."""

    def __init__(self, db: "Database", sql: str) -> None:
        """Bind a statement to a database."""
        self.db = db
        self.sql = sql
        # False once the request is over: what it has begun in the background is its own affair.
        self.present = True


_witness: ContextVar[Witness | None] = ContextVar("witness", default=None)


@contextmanager
def witnessed(witness: Witness) -> Iterator[None]:
    """Within the block, transactions that write on the witness's database commit only together with its statement."""
    token = _witness.set(witness)
    try:
        yield
    finally:
        witness.present = False
        _witness.reset(token)


class Database:
    """A pool of connections under one database role."""

    def __init__(self, url: str, *, role: str | None = None, max_size: int = 10) -> None:
        """Connect nothing yet.

        Args:
            url: ``postgresql://`` address; to another machine by TLS, unless it says otherwise.
            role: a role to take on at connecting, where the login is not the role itself.
            max_size: connections at most.
        """
        self._url = with_tls(url)
        self._role = role
        self._max_size = max_size
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def open(self) -> None:
        """Connect.

        Raises:
            OSError: nobody listens there.
            asyncpg.PostgresError: the server refuses the login or the database.
        """
        options = {"application_name": "doorward", "timezone": "UTC"}
        if self._role is not None:
            options["role"] = self._role
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=1,
            max_size=self._max_size,
            command_timeout=30,
            server_settings=options,
            # Settings are LOCAL and every transaction ends before its connection goes back, so there is nothing to
            # reset; the round trip saved is one of four in a small read.
            reset=_no_reset,
        )

    async def close(self) -> None:
        """Let running statements end, then disconnect."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    @asynccontextmanager
    async def transaction(
        self, scope: Scope, *, isolation: Isolation = "READ COMMITTED", read_only: bool = False
    ) -> AsyncIterator[Connection]:
        """A transaction under ``scope``: committed where the block ends, rolled back where it raises.

        Raises:
            DatabaseUnavailable: no connection could be had.
            Unauthorised: what was written is about a person who is not there any more.
            RequestTakenOver: a repetition of this request was begun meanwhile; see :func:`witnessed`.
        """
        if self._pool is None:
            raise DatabaseUnavailable
        with part("transaction", read_only=read_only):
            conn = await _begun(self._pool, _beginning(scope, isolation, read_only=read_only))
            try:
                try:
                    yield conn
                    await self._bear_witness(conn, read_only=read_only)
                except BaseException as error:
                    await _roll_back(conn)
                    if _is_unstorable(error):
                        raise ValueUnstorable from None
                    if isinstance(error, _LOST):
                        raise DatabaseUnavailable from error
                    if _is_about_nobody(error):
                        raise Unauthorised from None
                    raise
                try:
                    await conn.execute("COMMIT")
                except asyncpg.TransactionRollbackError as error:
                    raise DatabaseUnavailable from error
                except _LOST as error:
                    raise CommitUnknown from error
            finally:
                await self._pool.release(conn)

    async def _bear_witness(self, conn: Connection, *, read_only: bool) -> None:
        witness = _witness.get()
        if witness is None or read_only or not witness.present or witness.db is not self:
            return
        if affected(await conn.execute(witness.sql)) != 1:
            raise RequestTakenOver

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        """A connection of its own, outside the pool, for LISTEN."""
        options = {"application_name": "doorward-listen"}
        if self._role is not None:
            options["role"] = self._role
        conn = await asyncpg.connect(self._url, server_settings=options)
        try:
            yield conn
        finally:
            await conn.close()


def _beginning(scope: Scope, isolation: Isolation, *, read_only: bool) -> str:
    """SQL for one round trip: BEGIN, the scope, and the trace in which jobs that it enqueues go on."""
    parts = [f"BEGIN ISOLATION LEVEL {isolation}{' READ ONLY' if read_only else ''}", scope.settings()]
    if not read_only and (trace := traceparent()) is not None:
        parts.append(f"SET LOCAL doorward.trace = '{trace}'")
    return "; ".join(parts)


def _is_about_nobody(error: BaseException) -> bool:
    # Somebody who was erased while his access token was still good: no row can be about him any more.
    return isinstance(error, asyncpg.ForeignKeyViolationError) and str(error.constraint_name).endswith(
        "_person_id_fkey"
    )


def _is_unstorable(error: BaseException) -> bool:
    # Not every DataError: one of another cause is a mistake of ours, and is to be seen as such.
    return isinstance(error, asyncpg.CharacterNotInRepertoireError) or (
        isinstance(error, asyncpg.DataError) and isinstance(error.__cause__, OverflowError)
    )


# What asyncpg raises where the server has gone away, idle connections that were cut included.
_LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    # A deadlock or a conflict of snapshots: the server has chosen this transaction to begin again.
    asyncpg.TransactionRollbackError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


async def _begun(pool: "asyncpg.Pool[asyncpg.Record]", begin: str) -> Connection:
    """A connection with a transaction begun. After a restart of the server every pooled one is dead: one new try."""
    for _ in range(2):
        try:
            conn = await pool.acquire(timeout=10)
        except (*_LOST, TimeoutError) as error:
            raise DatabaseUnavailable from error
        try:
            await conn.execute(begin)
        except _LOST:
            conn.terminate()
            await pool.release(conn)
            await pool.expire_connections()
        except BaseException:
            await pool.release(conn)
            raise
        else:
            return conn
    raise DatabaseUnavailable


async def _roll_back(conn: Connection) -> None:
    """End a failed transaction. A connection on which even that fails must not go back to the pool as it is."""
    try:
        await conn.execute("ROLLBACK")
    except _LOST:
        # A connection that was lost may have left the pool by itself, and then answers nothing more.
        with contextlib.suppress(asyncpg.InterfaceError):
            conn.terminate()


async def _no_reset(_: object) -> None:
    """Nothing to do; see Database.open."""


async def enter_community(conn: Connection, community_id: UUID) -> None:
    """Add a community to the transaction's scope, after the caller has shown that he belongs there."""
    await conn.execute(Scope(community_id=community_id).settings())


@asynccontextmanager
async def savepoint(conn: Connection) -> AsyncIterator[None]:
    """Undo just this block where it raises, and keep the transaction."""
    await conn.execute("SAVEPOINT block")
    try:
        yield
    except BaseException:
        await conn.execute("ROLLBACK TO SAVEPOINT block; RELEASE SAVEPOINT block")
        raise
    await conn.execute("RELEASE SAVEPOINT block")


async def fetch_one(conn: Connection, row: type[Row], sql: str, *args: object) -> Row | None:
    """The first row as a struct whose fields are the columns' names, or ``None``."""
    record = await conn.fetchrow(sql, *args)
    return None if record is None else row(**record)


async def fetch_all(conn: Connection, row: type[Row], sql: str, *args: object) -> list[Row]:
    """All rows as structs whose fields are the columns' names."""
    records = await conn.fetch(sql, *args)
    if records and tuple(records[0].keys()) == row.__struct_fields__:
        # Columns in the fields' order need no names: of a page of fifty rows that is a tenth of the request's time.
        return [row(*record) for record in records]
    return [row(**record) for record in records]


async def require_one(conn: Connection, row: type[Row], sql: str, *args: object) -> Row:
    """The one row that a statement with RETURNING or a unique key must give.

    Raises:
        LookupError: there was none, which is an error of the program.
    """
    found = await fetch_one(conn, row, sql, *args)
    if found is None:
        raise LookupError(row.__name__)
    return found


def affected(status: str) -> int:
    """How many rows a statement touched, from what asyncpg answers: "DELETE 7"."""
    return int(status.rsplit(" ", 1)[1])


async def fetch_dicts(conn: Connection, sql: str, *args: object) -> list[dict[str, object]]:
    """All rows by their columns' names, for a copy that shows them as they are."""
    return [dict(record) for record in await conn.fetch(sql, *args)]

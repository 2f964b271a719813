"""Opens an encrypted SQLite file the way both stores need it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import apsw

from gate_sdk._files import remove

__all__ = [
    "checkpoint",
    "delete_files",
    "is_damage",
    "is_unwritable",
    "open_database",
    "open_readonly",
    "open_unwritable",
    "transaction",
]

# Another process only ever reads (doorward-gate status); it holds its lock for milliseconds.
_BUSY_MS = 5_000
_PRIVATE = 0o600
# What SQLite says of a file that is not what it was, or of a key that is not its key.
_DAMAGE = (apsw.NotADBError, apsw.CorruptError, apsw.SQLError, apsw.FormatError)
_UNREADABLE = {
    apsw.SQLITE_IOERR_READ,
    apsw.SQLITE_IOERR_SHORT_READ,
    apsw.SQLITE_IOERR_CORRUPTFS,
    apsw.SQLITE_IOERR_DATA,
}
_NO_SHARED_INDEX = {
    apsw.SQLITE_IOERR_SHMOPEN,
    apsw.SQLITE_IOERR_SHMSIZE,
    apsw.SQLITE_IOERR_SHMMAP,
    apsw.SQLITE_READONLY_CANTINIT,
}


def is_damage(error: apsw.Error) -> bool:
    """Whether the file itself is bad. A full or read-only disk says something else, and must not cost its content."""
    return isinstance(error, _DAMAGE) or _result(error) in _UNREADABLE


def is_unwritable(error: apsw.Error) -> bool:
    """Whether the file may be read but not written, as on a file system that has turned read-only."""
    return isinstance(error, apsw.ReadOnlyError | apsw.CantOpenError)


def _result(error: apsw.Error) -> int | None:
    # apsw's stubs do not know the attribute.
    return getattr(error, "extendedresult", None)


def _unlock(connection: apsw.Connection, key: bytes) -> None:
    # Named so that a later default of the library cannot lock gates out of their own files.
    connection.pragma("cipher", "chacha20")
    # A random key needs no stretching; deriving one from it costs tens of milliseconds on every start.
    connection.pragma("key", f"raw:{key.hex()}")
    connection.set_busy_timeout(_BUSY_MS)


def open_database(path: Path, key: bytes, schema: str) -> apsw.Connection:
    """Open or create the file, and read it once, so that a wrong key or a damaged file shows here.

    Args:
        path: the database file.
        key: 32 bytes.
        schema: statements that create what is missing.

    Raises:
        apsw.NotADBError: the key does not fit.
        apsw.Error: the file is damaged, or the disk is.
    """
    try:
        return _opened(path, key, schema, alone=False)
    except apsw.Error as error:
        if _result(error) not in _NO_SHARED_INDEX:
            raise
        # A full disk has no room for the log's index, which only other processes need: what the file holds can be
        # decided by all the same, and a gate that has lost its power must not need room to open.
        return _opened(path, key, schema, alone=True)


def _opened(path: Path, key: bytes, schema: str, *, alone: bool) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    try:
        _unlock(connection, key)
        _require_writable(connection)
        if alone:
            connection.pragma("locking_mode", "exclusive")
        connection.pragma("journal_mode", "wal")
        # Every commit reaches the disk: a purge that was acknowledged or an event that was returned must not come
        # undone by a power cut, which is what "normal" allows in WAL mode.
        connection.pragma("synchronous", "full")
        # Deleted rows are overwritten within the file, so that the key's later loss is not their only end.
        connection.pragma("secure_delete", 1)
        # Checkpoints run when the owner says so, never inside a decision.
        connection.pragma("wal_autocheckpoint", 0)
        with transaction(connection):
            connection.execute(schema)
        if path.stat().st_mode & 0o777 != _PRIVATE:
            path.chmod(_PRIVATE)
    except BaseException:
        connection.close()
        raise
    return connection


def _require_writable(connection: apsw.Connection) -> None:
    # SQLite opens also what it may not write, and says so statement by statement.
    if connection.readonly("main"):
        raise apsw.ReadOnlyError("the file cannot be written")


def open_readonly(path: Path, key: bytes, *, query: str = "") -> apsw.Connection:
    """Open for a look from another process, changing nothing; ``query`` is of SQLite's file URIs.

    Raises:
        apsw.Error: no such file, wrong key or damaged.
    """
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(path.absolute().as_uri() + query, flags=flags)
    try:
        _unlock(connection, key)
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def open_unwritable(path: Path, key: bytes) -> apsw.Connection:
    """Open for reading what lies on a file system that takes no writing.

    The log that a power cut left is read with it where its index is there too; otherwise the file alone, as the last
    checkpoint left it, for which the caller checks the content.

    Raises:
        apsw.Error: no such file, wrong key or damaged.
    """
    try:
        return open_readonly(path, key)
    except apsw.CantOpenError:
        return open_readonly(path, key, query="?immutable=1")


@contextlib.contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """All of the statements inside, or none.

    Not apsw's own ``with connection``: on a full disk SQLite rolls back by itself, and releasing a savepoint that is
    gone then hides the reason behind an SQL error that reads like damage.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def checkpoint(connection: apsw.Connection, *, wait: bool = True) -> None:
    """Move the log into the file and truncate it: erased rows must not live on in a log that nobody empties.

    Without ``wait``, and somebody else reading, as much is moved as can be, and the rest next time: where somebody
    waits, a look at the gate that is held up, such as a stopped ``doorward-gate events``, must not hold him up.
    """
    connection.set_busy_timeout(_BUSY_MS if wait else 0)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.set_busy_timeout(_BUSY_MS)


def delete_files(path: Path) -> None:
    """Remove a database with its log and its index."""
    for suffix in ("", "-wal", "-shm"):
        remove(path.with_name(path.name + suffix))

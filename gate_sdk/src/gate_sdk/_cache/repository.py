"""All SQL of the roster's file. One row per subject, one head, and the pages of a sequence not yet complete."""

from collections.abc import Iterable

import apsw
import msgspec

from gate_sdk._cache.rules import Row
from gate_sdk.wire import PageKind, SignedHead

__all__ = [
    "SCHEMA",
    "Staging",
    "add_staged",
    "clear_staged",
    "count_entries",
    "merge_staged",
    "read_head",
    "read_plan",
    "read_rows",
    "read_seen_us",
    "read_staged",
    "read_staging",
    "read_wiped",
    "upgrade",
    "wipe_ended",
    "write_head",
    "write_seen_us",
]

SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    subject  BLOB PRIMARY KEY CHECK (length(subject) = 16),
    version  INTEGER NOT NULL,
    hash     BLOB NOT NULL CHECK (length(hash) = 32),
    body     BLOB,
    template BLOB,
    until_us INTEGER,
    next_template BLOB
) STRICT, WITHOUT ROWID;
-- Both are small: most people's grants have no end, and few wait for the head that removes them.
CREATE INDEX IF NOT EXISTS entry_ending ON entry (until_us) WHERE body IS NOT NULL AND until_us IS NOT NULL;
CREATE INDEX IF NOT EXISTS entry_wiped ON entry (until_us) WHERE body IS NULL;
CREATE TABLE IF NOT EXISTS staged (
    subject  BLOB PRIMARY KEY CHECK (length(subject) = 16),
    version  INTEGER NOT NULL,
    hash     BLOB,
    body     BLOB,
    template BLOB,
    until_us INTEGER,
    next_template BLOB
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
"""


def upgrade(connection: apsw.Connection) -> None:
    """Bring a file that an older SDK wrote up to this one's columns."""
    for table in ("entry", "staged"):
        if not any(column[1] == "next_template" for column in connection.execute(f"PRAGMA table_info({table})")):
            connection.execute(f"ALTER TABLE {table} ADD COLUMN next_template BLOB")


class Staging(msgspec.Struct, frozen=True):
    """Where an unfinished sequence stands. ``next`` continues it; the base is what a delta adds to.

    ``pages`` and ``size`` (bytes of entries and templates) are what has come of it.
    """

    kind: PageKind
    epoch: int
    next: str
    base_epoch: int | None
    base_version: int | None
    pages: int = 0
    size: int = 0


def _state(connection: apsw.Connection, name: str) -> bytes | None:
    for (value,) in connection.execute("SELECT value FROM state WHERE name = ?", (name,)):
        return bytes(value)
    return None


def _set_state(connection: apsw.Connection, name: str, value: bytes) -> None:
    connection.execute("INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)", (name, value))


def read_head(connection: apsw.Connection) -> SignedHead | None:
    """The newest head, as it was signed."""
    stored = _state(connection, "head")
    return None if stored is None else msgspec.msgpack.decode(stored, type=SignedHead)


def read_plan(connection: apsw.Connection) -> bytes | None:
    """The plan's bytes that belong to the head, as they came."""
    return _state(connection, "plan")


def write_head(connection: apsw.Connection, head: SignedHead, plan: bytes | None) -> None:
    """Replace the head and its plan."""
    _set_state(connection, "head", msgspec.msgpack.encode(head))
    if plan is None:
        connection.execute("DELETE FROM state WHERE name = 'plan'")
    else:
        _set_state(connection, "plan", plan)


def read_seen_us(connection: apsw.Connection) -> int:
    """The latest time known to have passed, microseconds since the epoch; 0 if never kept."""
    stored = _state(connection, "seen_us")
    return 0 if stored is None else msgspec.msgpack.decode(stored, type=int)


def write_seen_us(connection: apsw.Connection, at_us: int) -> None:
    """Keep the latest time known to have passed."""
    _set_state(connection, "seen_us", msgspec.msgpack.encode(at_us))


def read_staging(connection: apsw.Connection) -> Staging | None:
    """The unfinished sequence, if one was interrupted."""
    stored = _state(connection, "staging")
    return None if stored is None else msgspec.msgpack.decode(stored, type=Staging)


def add_staged(
    connection: apsw.Connection, rows: Iterable[tuple[bytes, int, Row | None]], staging: Staging | None
) -> None:
    """Add one page's subjects ``(subject, version, row or None for removal)`` and note where to go on."""
    connection.executemany(
        "INSERT OR REPLACE INTO staged (subject, version, hash, body, template, until_us, next_template) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (subject, version, None, None, None, None, None)
            if row is None
            else (subject, version, row.hash, row.body, row.template, row.until_us, row.next_template)
            for subject, version, row in rows
        ),
    )
    if staging is not None:
        _set_state(connection, "staging", msgspec.msgpack.encode(staging))


def clear_staged(connection: apsw.Connection) -> None:
    """Forget an unfinished sequence."""
    connection.execute("DELETE FROM staged")
    connection.execute("DELETE FROM state WHERE name = 'staging'")


def read_staged(connection: apsw.Connection) -> dict[bytes, Row | None]:
    """Subject to row of all that is staged; ``None`` where it is to be removed."""
    query = "SELECT subject, version, hash, body, template, until_us, next_template FROM staged"
    return {values[0]: None if values[2] is None else Row(*values) for values in connection.execute(query)}


def merge_staged(connection: apsw.Connection, kind: PageKind) -> None:
    """Make what is staged the roster (snapshot) or part of it (delta), and forget it as staged."""
    if kind is PageKind.SNAPSHOT:
        connection.execute("DELETE FROM entry")
    connection.execute("DELETE FROM entry WHERE subject IN (SELECT subject FROM staged)")
    connection.execute(
        "INSERT INTO entry (subject, version, hash, body, template, until_us, next_template) "
        "SELECT subject, version, hash, body, template, until_us, next_template FROM staged WHERE hash IS NOT NULL"
    )
    clear_staged(connection)


def read_rows(connection: apsw.Connection) -> list[Row]:
    """The whole roster, in the order of the subjects."""
    query = "SELECT subject, version, hash, body, template, until_us, next_template FROM entry ORDER BY subject"
    return [Row(*values) for values in connection.execute(query)]


def count_entries(connection: apsw.Connection) -> int:
    """How many subjects the roster has."""
    count: int = connection.execute("SELECT count(*) FROM entry").get
    return count


def wipe_ended(connection: apsw.Connection, now_us: int) -> int:
    """Remove body and template wherever every grant has ended, keep the hash; return how many were wiped."""
    connection.execute(
        "UPDATE entry SET body = NULL, template = NULL, next_template = NULL "
        "WHERE body IS NOT NULL AND until_us IS NOT NULL AND until_us <= ?",
        (now_us,),
    )
    return connection.changes()


def read_wiped(connection: apsw.Connection) -> list[int]:
    """The ends (microseconds since the epoch) of the rows whose templates were wiped."""
    return [until for (until,) in connection.execute("SELECT until_us FROM entry WHERE body IS NULL") if until]

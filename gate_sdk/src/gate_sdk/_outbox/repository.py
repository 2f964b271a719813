"""All SQL of the outbox's file."""

from collections.abc import Iterable

import apsw
import msgspec

from gate_sdk.wire import EventKind, GateEvent, Outcome

__all__ = [
    "SCHEMA",
    "Counts",
    "delete_through",
    "evict",
    "insert",
    "last_seq",
    "mark_refused",
    "oldest",
    "rank",
    "read_all_pages",
    "read_counts",
    "store_epoch",
]

# AUTOINCREMENT keeps the last number in a table of its own, so a number is never used twice, not even when the
# outbox ran empty in between.
SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    rank    INTEGER NOT NULL,
    refused INTEGER NOT NULL DEFAULT 0,
    body    BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS state (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""


class Counts(msgspec.Struct, frozen=True):
    """How many events wait, were refused by the server, and were dropped to make room."""

    pending: int
    refused: int
    dropped: int


def rank(event: GateEvent) -> int:
    """How long an event is kept when room runs out: 0 goes first."""
    if event.kind is EventKind.ALARM:
        return 2
    return 0 if event.outcome is Outcome.ALLOW else 1


def store_epoch(connection: apsw.Connection, fresh: int) -> int:
    """The file's identity; ``fresh`` becomes it if the file has none yet."""
    connection.execute("INSERT OR IGNORE INTO state (name, value) VALUES ('store_epoch', ?)", (fresh,))
    epoch: int = connection.execute("SELECT value FROM state WHERE name = 'store_epoch'").get
    return epoch


def last_seq(connection: apsw.Connection) -> int:
    """The last sequence number ever given, 0 before the first."""
    last: int | None = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").get
    return last or 0


def insert(connection: apsw.Connection, event: GateEvent) -> None:
    """Append an event."""
    connection.execute(
        "INSERT INTO event (seq, rank, body) VALUES (?, ?, ?)",
        (event.seq, rank(event), msgspec.msgpack.encode(event)),
    )


def oldest(connection: apsw.Connection, limit: int) -> list[GateEvent]:
    """The oldest events not yet delivered, in order."""
    query = "SELECT body FROM event WHERE refused = 0 ORDER BY seq LIMIT ?"
    return [msgspec.msgpack.decode(body, type=GateEvent) for (body,) in connection.execute(query, (limit,))]


def read_all_pages(connection: apsw.Connection) -> None:
    """Touch every page, so that damage shows when the file is opened."""
    connection.execute("SELECT total(length(body)), total(unicode(body)) FROM event").fetchall()


def delete_through(connection: apsw.Connection, seq: int) -> int:
    """Forget delivered events; return how many."""
    connection.execute("DELETE FROM event WHERE seq <= ? AND refused = 0", (seq,))
    return connection.changes()


def mark_refused(connection: apsw.Connection, seqs: Iterable[int]) -> None:
    """Keep events that the server will not take out of the way of the others."""
    connection.executemany("UPDATE event SET refused = 1 WHERE seq = ?", ((seq,) for seq in seqs))


def evict(connection: apsw.Connection, count: int) -> int:
    """Drop the ``count`` least needed events, oldest first; return how many there were."""
    connection.execute("DELETE FROM event WHERE seq IN (SELECT seq FROM event ORDER BY rank, seq LIMIT ?)", (count,))
    dropped = connection.changes()
    connection.execute(
        "INSERT INTO state (name, value) VALUES ('dropped', ?) "
        "ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        (dropped,),
    )
    return dropped


def read_counts(connection: apsw.Connection) -> Counts:
    """How many events wait, were refused, were dropped."""
    pending: int = connection.execute("SELECT count(*) FROM event WHERE refused = 0").get
    refused: int = connection.execute("SELECT count(*) FROM event WHERE refused = 1").get
    dropped: int | None = connection.execute("SELECT value FROM state WHERE name = 'dropped'").get
    return Counts(pending=pending, refused=refused, dropped=dropped or 0)

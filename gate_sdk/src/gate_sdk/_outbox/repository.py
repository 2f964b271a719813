"""All SQL of the outbox's file."""

from collections.abc import Iterable

import apsw
import msgspec

from gate_sdk.wire import EventKind, GateEvent, Outcome

__all__ = [
    "SCHEMA",
    "Counts",
    "Removed",
    "delete_through",
    "evict",
    "expire",
    "insert",
    "last_seq",
    "mark_refused",
    "oldest",
    "rank",
    "read_all_pages",
    "read_counts",
    "read_dropped",
    "read_refused",
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
-- In the order in which events go when room runs out.
CREATE INDEX IF NOT EXISTS event_rank ON event (rank, seq);
-- Few or none, and counted while somebody waits at the gate.
CREATE INDEX IF NOT EXISTS event_refused ON event (seq) WHERE refused = 1;
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


class Removed(msgspec.Struct, frozen=True):
    """How many events, and the bytes of them."""

    count: int
    size: int


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


def insert(connection: apsw.Connection, event: GateEvent) -> int:
    """Append an event; return its bytes."""
    body = msgspec.msgpack.encode(event)
    connection.execute("INSERT INTO event (seq, rank, body) VALUES (?, ?, ?)", (event.seq, rank(event), body))
    return len(body)


def oldest(connection: apsw.Connection, limit: int) -> list[GateEvent]:
    """The oldest events not yet delivered, in order."""
    query = "SELECT body FROM event WHERE refused = 0 ORDER BY seq LIMIT ?"
    return [msgspec.msgpack.decode(body, type=GateEvent) for (body,) in connection.execute(query, (limit,))]


def read_all_pages(connection: apsw.Connection) -> Removed:
    """Touch every page, so that damage shows when the file is opened; return what is there."""
    query = "SELECT count(*), CAST(total(length(body)) AS INTEGER), total(unicode(body)) FROM event"
    rows: list[tuple[int, int, float]] = list(connection.execute(query))
    return Removed(rows[0][0], rows[0][1])


def delete_through(connection: apsw.Connection, seq: int) -> Removed:
    """Forget delivered events."""
    query = "DELETE FROM event WHERE seq <= ? AND refused = 0 RETURNING length(body)"
    return _removed(connection.execute(query, (seq,)))


def mark_refused(connection: apsw.Connection, seqs: Iterable[int]) -> None:
    """Keep events that the server will not take out of the way of the others."""
    connection.executemany("UPDATE event SET refused = 1 WHERE seq = ?", ((seq,) for seq in seqs))


def evict(connection: apsw.Connection, count: int, *, least: int) -> Removed:
    """Drop at most ``count`` of the least needed events, the oldest first; at least ``least``, if there are so many.

    As long as there is an admission, no denial goes, nor an alarm while there is a denial; and no more of a rank that
    is needed more than it takes.
    """
    query = (
        "DELETE FROM event WHERE seq IN (SELECT seq FROM event WHERE rank = (SELECT min(rank) FROM event) "
        "ORDER BY seq LIMIT ?) RETURNING length(body)"
    )
    removed = _removed(connection.execute(query, (count,)))
    while removed.count < least:
        more = _removed(connection.execute(query, (least - removed.count,)))
        if not more.count:
            break
        removed = Removed(removed.count + more.count, removed.size + more.size)
    return _dropped(connection, removed)


def expire(connection: apsw.Connection, before_us: int, limit: int) -> Removed:
    """Drop the oldest admissions, at most ``limit``, as far as they are of before that time."""
    oldest_first = connection.execute("SELECT seq, body FROM event WHERE rank = 0 ORDER BY seq LIMIT ?", (limit,))
    aged: list[int] = []
    for seq, body in oldest_first:
        if msgspec.msgpack.decode(body, type=GateEvent).at_us >= before_us:
            break
        aged.append(seq)
    if not aged:
        return Removed(0, 0)
    query = "DELETE FROM event WHERE rank = 0 AND seq <= ? RETURNING length(body)"
    return _dropped(connection, _removed(connection.execute(query, (aged[-1],))))


def _removed(rows: Iterable[tuple[int]]) -> Removed:
    sizes = [size for (size,) in rows]
    return Removed(len(sizes), sum(sizes))


def _dropped(connection: apsw.Connection, removed: Removed) -> Removed:
    connection.execute(
        "INSERT INTO state (name, value) VALUES ('dropped', ?) "
        "ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        (removed.count,),
    )
    return removed


def read_counts(connection: apsw.Connection) -> Counts:
    """How many events wait, were refused, were dropped."""
    pending: int = connection.execute("SELECT count(*) FROM event WHERE refused = 0").get
    return Counts(pending=pending, refused=read_refused(connection), dropped=read_dropped(connection))


def read_refused(connection: apsw.Connection) -> int:
    """How many events were refused."""
    refused: int = connection.execute("SELECT count(*) FROM event WHERE refused = 1").get
    return refused


def read_dropped(connection: apsw.Connection) -> int:
    """How many events were dropped."""
    dropped: int | None = connection.execute("SELECT value FROM state WHERE name = 'dropped'").get
    return dropped or 0

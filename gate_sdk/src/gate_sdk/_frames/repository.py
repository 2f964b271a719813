"""All SQL of the pictures' file."""

import apsw
import msgspec

from gate_sdk.wire import DeniedFrame

__all__ = ["SCHEMA", "delete", "delete_ended", "evict", "insert", "oldest"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS frame (
    seq        INTEGER PRIMARY KEY,
    expires_us INTEGER NOT NULL,
    body       BLOB NOT NULL
) STRICT;
"""


def insert(connection: apsw.Connection, frame: DeniedFrame, expires_us: int) -> None:
    """Keep a picture; one for an event."""
    connection.execute(
        "INSERT OR IGNORE INTO frame (seq, expires_us, body) VALUES (?, ?, ?)",
        (frame.seq, expires_us, msgspec.msgpack.encode(frame)),
    )


def oldest(connection: apsw.Connection, now_us: int) -> DeniedFrame | None:
    """The picture that has waited longest, of those whose time is not over."""
    query = "SELECT body FROM frame WHERE expires_us > ? ORDER BY seq LIMIT 1"
    for (body,) in connection.execute(query, (now_us,)):
        return msgspec.msgpack.decode(body, type=DeniedFrame)
    return None


def delete(connection: apsw.Connection, seq: int) -> None:
    """Forget a picture."""
    connection.execute("DELETE FROM frame WHERE seq = ?", (seq,))


def delete_ended(connection: apsw.Connection, now_us: int) -> int:
    """Forget the pictures whose time is over; return how many."""
    connection.execute("DELETE FROM frame WHERE expires_us <= ?", (now_us,))
    return connection.changes()


def evict(connection: apsw.Connection, most: int) -> None:
    """Forget the oldest beyond ``most``."""
    connection.execute("DELETE FROM frame WHERE seq NOT IN (SELECT seq FROM frame ORDER BY seq DESC LIMIT ?)", (most,))

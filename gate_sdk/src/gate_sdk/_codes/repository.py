"""All SQL of what a gate remembers of codes: last steps of keys, uses of tokens, wrong PINs of cards."""

import apsw
import msgspec

__all__ = [
    "SCHEMA",
    "Attempts",
    "forget_old",
    "read_attempts",
    "read_step",
    "read_uses",
    "write_attempts",
    "write_step",
    "write_use",
]

SCHEMA = """
CREATE TABLE IF NOT EXISTS step (
    key_id BLOB PRIMARY KEY CHECK (length(key_id) = 8),
    step   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS use (
    token_id BLOB PRIMARY KEY CHECK (length(token_id) = 8),
    uses     INTEGER NOT NULL,
    until_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attempt (
    card_hash BLOB PRIMARY KEY CHECK (length(card_hash) = 32),
    failures  INTEGER NOT NULL,
    until_us  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""


class Attempts(msgspec.Struct, frozen=True):
    """Wrong PINs of a card in a row, and until when it takes none (microseconds since the Unix epoch)."""

    failures: int = 0
    until_us: int = 0


def read_step(connection: apsw.Connection, key_id: bytes) -> int | None:
    """The step of the key's last code that opened this gate."""
    for (step,) in connection.execute("SELECT step FROM step WHERE key_id = ?", (key_id,)):
        return int(step)
    return None


def write_step(connection: apsw.Connection, key_id: bytes, step: int) -> None:
    """Replace it."""
    connection.execute("INSERT OR REPLACE INTO step (key_id, step) VALUES (?, ?)", (key_id, step))


def read_uses(connection: apsw.Connection, token_id: bytes) -> int:
    """How often this gate has let the token in."""
    for (uses,) in connection.execute("SELECT uses FROM use WHERE token_id = ?", (token_id,)):
        return int(uses)
    return 0


def write_use(connection: apsw.Connection, token_id: bytes, until_us: int) -> None:
    """Count one more; ``until_us`` is the token's end, after which nobody needs the count."""
    connection.execute(
        "INSERT INTO use (token_id, uses, until_us) VALUES (?, 1, ?) "
        "ON CONFLICT (token_id) DO UPDATE SET uses = uses + 1",
        (token_id, until_us),
    )


def read_attempts(connection: apsw.Connection, card_hash: bytes) -> Attempts:
    """Wrong PINs of the card."""
    for failures, until_us in connection.execute(
        "SELECT failures, until_us FROM attempt WHERE card_hash = ?", (card_hash,)
    ):
        return Attempts(failures=failures, until_us=until_us)
    return Attempts()


def write_attempts(connection: apsw.Connection, card_hash: bytes, attempts: Attempts) -> None:
    """Replace them; none at all are deleted."""
    if attempts.failures == 0:
        connection.execute("DELETE FROM attempt WHERE card_hash = ?", (card_hash,))
        return
    connection.execute(
        "INSERT OR REPLACE INTO attempt (card_hash, failures, until_us) VALUES (?, ?, ?)",
        (card_hash, attempts.failures, attempts.until_us),
    )


def forget_old(connection: apsw.Connection, *, before_step: int, before_us: int) -> None:
    """Delete what can decide nothing any more: steps that no clock would accept, tokens that have ended."""
    connection.execute("DELETE FROM step WHERE step < ?", (before_step,))
    connection.execute("DELETE FROM use WHERE until_us < ?", (before_us,))

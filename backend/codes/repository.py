"""SQL of phones' keys, guests' tokens and cards. The roster follows by triggers."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one

__all__ = [
    "KeyRow",
    "TokenRow",
    "count_uses",
    "delete_card",
    "delete_key",
    "delete_old_tokens",
    "delete_token",
    "get_token",
    "get_token_of_pass",
    "insert_card",
    "insert_key",
    "insert_token",
    "insert_use",
    "is_conditional",
    "list_keys",
]


class KeyRow(msgspec.Struct, frozen=True):
    """A phone's public key in one community."""

    key_id: bytes
    public_key: bytes
    label: str
    created_at: datetime


class TokenRow(msgspec.Struct, frozen=True):
    """A guest's token. ``uses`` 0 has no limit; ``known_since``: see :class:`gate_sdk.wire.VisitorCode`."""

    token_id: bytes
    subject_id: UUID
    pass_id: UUID
    valid_from: datetime
    valid_until: datetime
    known_since: datetime
    uses: int


async def insert_key(
    conn: Connection,
    *,
    community_id: UUID,
    subject_id: UUID,
    key_id: bytes,
    public_key: bytes,
    label: str,
    now: datetime,
) -> KeyRow | None:
    """Register a key; ``None`` where that key id is registered already."""
    return await fetch_one(
        conn,
        KeyRow,
        """
        INSERT INTO phone_key (community_id, subject_id, key_id, public_key, label, created_at)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
        RETURNING key_id, public_key, label, created_at
        """,
        community_id, subject_id, key_id, public_key, label, now,
    )  # fmt: skip


async def list_keys(conn: Connection, *, community_id: UUID, subject_id: UUID) -> list[KeyRow]:
    """The subject's phones, the oldest first."""
    return await fetch_all(
        conn,
        KeyRow,
        """
        SELECT key_id, public_key, label, created_at FROM phone_key
        WHERE community_id = $1 AND subject_id = $2 ORDER BY created_at, key_id
        """,
        community_id, subject_id,
    )  # fmt: skip


async def delete_key(conn: Connection, *, community_id: UUID, subject_id: UUID, key_id: bytes) -> bool:
    """Take a phone's key back; whether the subject had it."""
    status = await conn.execute(
        "DELETE FROM phone_key WHERE community_id = $1 AND subject_id = $2 AND key_id = $3",
        community_id, subject_id, key_id,
    )  # fmt: skip
    return affected(status) > 0


async def insert_card(
    conn: Connection,
    *,
    community_id: UUID,
    subject_id: UUID,
    card_hash: bytes,
    pin_verifier: bytes,
    log_n: int,
    now: datetime,
) -> None:
    """Keep a new card's hash and verifier; the subject has none."""
    await conn.execute(
        """
        INSERT INTO pin_card (community_id, subject_id, card_hash, pin_verifier, log_n, issued_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        community_id, subject_id, card_hash, pin_verifier, log_n, now,
    )  # fmt: skip


async def delete_card(conn: Connection, *, community_id: UUID, subject_id: UUID) -> bool:
    """Take a card back; whether the subject had one."""
    status = await conn.execute(
        "DELETE FROM pin_card WHERE community_id = $1 AND subject_id = $2", community_id, subject_id
    )
    return affected(status) > 0


async def get_token_of_pass(conn: Connection, *, community_id: UUID, pass_id: UUID) -> TokenRow | None:
    """The pass's token."""
    return await fetch_one(
        conn,
        TokenRow,
        """
        SELECT token_id, subject_id, pass_id, valid_from, valid_until, known_since, uses FROM visitor_token
        WHERE community_id = $1 AND pass_id = $2
        """,
        community_id, pass_id,
    )  # fmt: skip


async def get_token(conn: Connection, *, community_id: UUID, token_id: bytes, lock: bool = False) -> TokenRow | None:
    """A token; locked, so that two gates that count at once wait for each other."""
    if lock:
        # An advisory lock: the row itself belongs to whoever holds the roster.
        await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(encode($1, 'hex'), 0))", token_id)
    return await fetch_one(
        conn,
        TokenRow,
        """
        SELECT token_id, subject_id, pass_id, valid_from, valid_until, known_since, uses FROM visitor_token
        WHERE community_id = $1 AND token_id = $2
        """,
        community_id, token_id,
    )  # fmt: skip


async def is_conditional(conn: Connection, *, community_id: UUID, pass_id: UUID) -> bool:
    """Whether a right of the pass is limited to some doors, or the home is to be asked first."""
    found: bool = await conn.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM access_grant
            WHERE community_id = $1 AND source = 'pass' AND source_id = $2
                AND (door_groups IS NOT NULL OR ask_first)
        )
        """,
        community_id, pass_id,
    )  # fmt: skip
    return found


async def insert_token(
    conn: Connection,
    *,
    community_id: UUID,
    subject_id: UUID,
    pass_id: UUID,
    token_id: bytes,
    valid_from: datetime,
    valid_until: datetime,
    known_since: datetime,
    uses: int,
    now: datetime,
) -> TokenRow:
    """A new token for a pass that has none."""
    return await require_one(
        conn,
        TokenRow,
        """
        INSERT INTO visitor_token (community_id, token_id, subject_id, pass_id, valid_from, valid_until, known_since,
                                   uses, issued_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        RETURNING token_id, subject_id, pass_id, valid_from, valid_until, known_since, uses
        """,
        community_id, token_id, subject_id, pass_id, valid_from, valid_until, known_since, uses, now,
    )  # fmt: skip


async def delete_token(conn: Connection, *, community_id: UUID, token_id: bytes) -> None:
    """Take a token back, with the count of its uses."""
    await conn.execute("DELETE FROM visitor_token WHERE community_id = $1 AND token_id = $2", community_id, token_id)


async def insert_use(
    conn: Connection, *, community_id: UUID, token_id: bytes, use_id: UUID, gate_id: UUID, at: datetime
) -> bool:
    """Count a use, once; whether it was new. A token that is gone counts nothing."""
    status = await conn.execute(
        """
        INSERT INTO visitor_token_use (community_id, token_id, use_id, gate_id, at)
        SELECT community_id, token_id, $3, $4, $5 FROM visitor_token WHERE community_id = $1 AND token_id = $2
        ON CONFLICT DO NOTHING
        """,
        community_id, token_id, use_id, gate_id, at,
    )  # fmt: skip
    return affected(status) > 0


async def count_uses(conn: Connection, *, community_id: UUID, token_id: bytes, without: UUID | None = None) -> int:
    """How often the token was used, at all gates; without one use, where it is named."""
    count: int = await conn.fetchval(
        """
        SELECT count(*) FROM visitor_token_use
        WHERE community_id = $1 AND token_id = $2 AND use_id IS DISTINCT FROM $3
        """,
        community_id, token_id, without,
    )  # fmt: skip
    return count


async def delete_old_tokens(conn: Connection, *, community_id: UUID, before: datetime, limit: int) -> int:
    """Delete tokens, with their uses, whose window closed before that time, at most ``limit``; how many."""
    return affected(
        await conn.execute(
            """
            DELETE FROM visitor_token WHERE community_id = $1 AND token_id IN (
                SELECT token_id FROM visitor_token
                WHERE community_id = $1 AND valid_until < $2 ORDER BY valid_until LIMIT $3
            )
            """,
            community_id, before, limit,
        )
    )  # fmt: skip

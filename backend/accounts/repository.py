"""SQL of accounts and sessions. All of it needs the platform scope unless it says otherwise."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one

__all__ = [
    "AccountRow",
    "RefreshRow",
    "account_of_open_session",
    "accounts_of_person",
    "delete_account_without_person",
    "delete_expired",
    "end_session",
    "end_sessions",
    "get_account",
    "get_account_by_phone",
    "get_refresh_token",
    "get_session_for_update",
    "insert_account",
    "insert_refresh_token",
    "insert_session",
    "lock",
    "lock_account_by_phone",
    "phone_of_person",
    "set_person",
    "set_phone",
    "use_refresh_token",
]

Surface = Literal["resident", "staff"]
EndedBy = Literal["logout", "reuse", "removed", "reset", "revoked", "number"]


class AccountRow(msgspec.Struct, frozen=True):
    """Who may log in with ``phone`` (E.164); ``person_id`` is None for staff who never logged in as residents."""

    account_id: UUID
    person_id: UUID | None
    phone: str


class RefreshRow(msgspec.Struct, frozen=True):
    """A refresh token with its session's account."""

    session_id: UUID
    account_id: UUID
    person_id: UUID | None
    expires_at: datetime
    used_at: datetime | None
    ended_at: datetime | None


class _Id(msgspec.Struct, frozen=True):
    id: UUID


async def lock(conn: Connection, *keys: bytes) -> None:
    """Hold these keys (hashes of at least 8 bytes) until the transaction ends.

    Taken in the order of their numbers, so that two transactions that want the same two cannot wait for each other.
    """
    for number in sorted(int.from_bytes(key[:8], "big", signed=True) for key in keys):
        await conn.execute("SELECT pg_advisory_xact_lock($1)", number)


async def get_account(conn: Connection, *, account_id: UUID) -> AccountRow | None:
    """The account."""
    return await fetch_one(
        conn, AccountRow, "SELECT account_id, person_id, phone FROM account WHERE account_id = $1", account_id
    )


async def get_account_by_phone(conn: Connection, *, phone: str) -> AccountRow | None:
    """The account of a number (E.164)."""
    return await fetch_one(conn, AccountRow, "SELECT account_id, person_id, phone FROM account WHERE phone = $1", phone)


async def lock_account_by_phone(conn: Connection, *, phone: str) -> AccountRow | None:
    """The account of a number (E.164), held: it is not forgotten before this transaction has ended."""
    return await fetch_one(
        conn,
        AccountRow,
        "SELECT account_id, person_id, phone FROM account WHERE phone = $1 FOR NO KEY UPDATE",
        phone,
    )


async def insert_account(conn: Connection, *, phone: str, person_id: UUID | None) -> AccountRow:
    """A new account. The caller holds the lock of the number."""
    return await require_one(
        conn,
        AccountRow,
        "INSERT INTO account (phone, person_id) VALUES ($1, $2) RETURNING account_id, person_id, phone",
        phone, person_id,
    )  # fmt: skip


async def set_person(conn: Connection, *, account_id: UUID, person_id: UUID | None) -> None:
    """Tie the account to a person, or to nobody."""
    await conn.execute("UPDATE account SET person_id = $2 WHERE account_id = $1", account_id, person_id)


async def set_phone(conn: Connection, *, account_id: UUID, phone: str) -> None:
    """Give the account another number, and none that was planned. The caller holds the locks of both."""
    await conn.execute(
        "UPDATE account SET phone = $2, next_phone = NULL, next_phone_at = NULL WHERE account_id = $1",
        account_id, phone,
    )  # fmt: skip


async def account_of_open_session(conn: Connection, *, session_id: UUID) -> UUID | None:
    """The account of a session that has not ended."""
    found: UUID | None = await conn.fetchval(
        "SELECT account_id FROM session WHERE session_id = $1 AND ended_at IS NULL", session_id
    )
    return found


async def phone_of_person(conn: Connection, *, person_id: UUID) -> str | None:
    """The person's number (E.164), if he has an account. Needs his own scope, or the platform's."""
    found: str | None = await conn.fetchval("SELECT phone FROM account WHERE person_id = $1", person_id)
    return found


async def accounts_of_person(conn: Connection, *, person_id: UUID) -> list[AccountRow]:
    """The person's accounts: one, or none."""
    return await fetch_all(
        conn, AccountRow, "SELECT account_id, person_id, phone FROM account WHERE person_id = $1", person_id
    )


async def delete_account_without_person(conn: Connection, *, account_id: UUID) -> None:
    """Delete the account with its sessions, unless a person still hangs on it."""
    await conn.execute("DELETE FROM account WHERE account_id = $1 AND person_id IS NULL", account_id)


async def insert_session(
    conn: Connection, *, account_id: UUID, surface: Surface, device: str | None, now: datetime
) -> UUID:
    """A new session."""
    row = await require_one(
        conn,
        _Id,
        """
        INSERT INTO session (account_id, surface, device, created_at, used_at) VALUES ($1, $2, $3, $4, $4)
        RETURNING session_id AS id
        """,
        account_id, surface, device, now,
    )  # fmt: skip
    return row.id


async def get_session_for_update(conn: Connection, *, session_id: UUID) -> bool:
    """Lock the session's row, so that its refresh tokens are exchanged one at a time; whether it is there."""
    found = await conn.fetchval("SELECT true FROM session WHERE session_id = $1 FOR UPDATE", session_id)
    return found is True


async def end_session(conn: Connection, *, session_id: UUID, ended_by: EndedBy, now: datetime) -> bool:
    """End it; whether it was open until now."""
    status = await conn.execute(
        "UPDATE session SET ended_at = $3, ended_by = $2 WHERE session_id = $1 AND ended_at IS NULL",
        session_id, ended_by, now,
    )  # fmt: skip
    return affected(status) == 1


async def end_sessions(
    conn: Connection, *, account_id: UUID, surface: Surface, ended_by: EndedBy, now: datetime
) -> None:
    """End all of an account's sessions on one surface."""
    await conn.execute(
        """
        UPDATE session SET ended_at = $4, ended_by = $3
        WHERE account_id = $1 AND surface = $2 AND ended_at IS NULL
        """,
        account_id, surface, ended_by, now,
    )  # fmt: skip


async def insert_refresh_token(conn: Connection, *, token_hash: bytes, session_id: UUID, expires_at: datetime) -> None:
    """A refresh token, good for one exchange."""
    await conn.execute(
        "INSERT INTO refresh_token (token_hash, session_id, expires_at) VALUES ($1, $2, $3)",
        token_hash, session_id, expires_at,
    )  # fmt: skip


async def get_refresh_token(conn: Connection, *, token_hash: bytes, surface: Surface) -> RefreshRow | None:
    """A refresh token of that surface, used or not."""
    return await fetch_one(
        conn,
        RefreshRow,
        """
        SELECT s.session_id, s.account_id, a.person_id, t.expires_at, t.used_at, s.ended_at
        FROM refresh_token t
        JOIN session s ON s.session_id = t.session_id
        JOIN account a ON a.account_id = s.account_id
        WHERE t.token_hash = $1 AND s.surface = $2
        """,
        token_hash, surface,
    )  # fmt: skip


async def use_refresh_token(conn: Connection, *, token_hash: bytes, now: datetime) -> None:
    """The token was exchanged."""
    await conn.execute("UPDATE refresh_token SET used_at = $2 WHERE token_hash = $1", token_hash, now)


async def delete_expired(conn: Connection, *, now: datetime, limit: int) -> int:
    """Delete refresh tokens past their time, at most ``limit``, and sessions that lose their last by it; how many."""
    sessions = await conn.fetch(
        """
        DELETE FROM refresh_token WHERE token_hash IN (
            SELECT token_hash FROM refresh_token WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
        ) RETURNING session_id
        """,
        now, limit,
    )  # fmt: skip
    status = await conn.execute(
        """
        DELETE FROM session s WHERE session_id = ANY ($1)
            AND NOT EXISTS (SELECT FROM refresh_token t WHERE t.session_id = s.session_id)
        """,
        [row["session_id"] for row in sessions],
    )
    return len(sessions) + affected(status)

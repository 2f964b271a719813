"""SQL of one-time codes. All of it needs the platform scope."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_one

__all__ = [
    "CodeFor",
    "delete_older",
    "insert_challenge",
    "nth_latest_of_address",
    "nth_latest_of_phone",
    "return_attempt",
    "take_attempt",
    "use_challenge",
]

# What a code is good for: to log in, or to prove one of the two numbers when an account moves to another.
CodeFor = Literal["resident", "staff", "number"]


class _Hash(msgspec.Struct, frozen=True):
    code_hash: bytes


async def nth_latest_of_phone(conn: Connection, *, phone_hash: bytes, nth: int, since: datetime) -> datetime | None:
    """When the ``nth``-latest code since then was asked for this number; None where there were fewer."""
    found: datetime | None = await conn.fetchval(
        """
        SELECT created_at FROM login_challenge WHERE phone_hash = $1 AND created_at > $2
        ORDER BY created_at DESC OFFSET $3 LIMIT 1
        """,
        phone_hash, since, nth - 1,
    )  # fmt: skip
    return found


async def nth_latest_of_address(conn: Connection, *, address_hash: bytes, nth: int, since: datetime) -> datetime | None:
    """When the ``nth``-latest code since then was asked for from this address; None where there were fewer."""
    found: datetime | None = await conn.fetchval(
        """
        SELECT created_at FROM login_challenge WHERE address_hash = $1 AND created_at > $2
        ORDER BY created_at DESC OFFSET $3 LIMIT 1
        """,
        address_hash, since, nth - 1,
    )  # fmt: skip
    return found


async def insert_challenge(
    conn: Connection,
    *,
    challenge_id: UUID,
    surface: CodeFor,
    phone_hash: bytes,
    address_hash: bytes,
    code_hash: bytes,
    created_at: datetime,
    expires_at: datetime,
) -> None:
    """A code that was asked for."""
    await conn.execute(
        """
        INSERT INTO login_challenge
            (challenge_id, surface, phone_hash, address_hash, code_hash, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        challenge_id, surface, phone_hash, address_hash, code_hash, created_at, expires_at,
    )  # fmt: skip


async def take_attempt(
    conn: Connection, *, challenge_id: UUID, surface: CodeFor, attempts: int, now: datetime
) -> bytes | None:
    """Count an attempt and give the code's hash, or None where none is left or the code was used or has expired."""
    row = await fetch_one(
        conn,
        _Hash,
        """
        UPDATE login_challenge SET attempts = attempts + 1
        WHERE challenge_id = $1 AND surface = $2 AND attempts < $3 AND used_at IS NULL AND expires_at > $4
        RETURNING code_hash
        """,
        challenge_id, surface, attempts, now,
    )  # fmt: skip
    return None if row is None else row.code_hash


async def return_attempt(conn: Connection, *, challenge_id: UUID) -> None:
    """Count the attempt just taken as none. In the transaction that took it, which still holds the row."""
    await conn.execute("UPDATE login_challenge SET attempts = attempts - 1 WHERE challenge_id = $1", challenge_id)


async def use_challenge(conn: Connection, *, challenge_id: UUID, now: datetime) -> None:
    """The code was given rightly: it is not good a second time."""
    await conn.execute("UPDATE login_challenge SET used_at = $2 WHERE challenge_id = $1", challenge_id, now)


async def delete_older(conn: Connection, *, before: datetime, limit: int) -> int:
    """Delete codes that were asked for before, at most ``limit``; how many."""
    status = await conn.execute(
        """
        DELETE FROM login_challenge WHERE challenge_id IN (
            SELECT challenge_id FROM login_challenge WHERE created_at < $1 ORDER BY created_at LIMIT $2
        )
        """,
        before, limit,
    )  # fmt: skip
    return affected(status)

"""SQL of repeated requests. All of it needs the platform scope, but for :func:`witness_sql`."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_one

__all__ = ["RequestRow", "claim", "delete_old", "get", "keep_answer", "release", "witness_sql"]


class RequestRow(msgspec.Struct, frozen=True):
    """What is known of a request."""

    fingerprint: bytes
    lease_until: datetime
    committed_at: datetime | None
    answer: bytes | None


async def claim(
    conn: Connection,
    *,
    request_hash: bytes,
    fingerprint: bytes,
    attempt: UUID,
    now: datetime,
    lease_until: datetime,
    forgotten_before: datetime,
) -> bool:
    """Take the request in hand: where it is new, was forgotten, or its last try died without effect; whether so."""
    status = await conn.execute(
        """
        INSERT INTO idempotent_request AS r (request_hash, fingerprint, attempt, began_at, lease_until)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (request_hash) DO UPDATE
        SET fingerprint = excluded.fingerprint, attempt = excluded.attempt, began_at = excluded.began_at,
            lease_until = excluded.lease_until, committed_at = NULL, answer = NULL
        WHERE r.began_at <= $6 OR (
            r.fingerprint = excluded.fingerprint AND r.answer IS NULL AND r.committed_at IS NULL
            AND r.lease_until <= $4
        )
        """,
        request_hash, fingerprint, attempt, now, lease_until, forgotten_before,
    )  # fmt: skip
    return affected(status) == 1


async def get(conn: Connection, *, request_hash: bytes) -> RequestRow | None:
    """The request."""
    return await fetch_one(
        conn,
        RequestRow,
        "SELECT fingerprint, lease_until, committed_at, answer FROM idempotent_request WHERE request_hash = $1",
        request_hash,
    )


async def keep_answer(conn: Connection, *, request_hash: bytes, attempt: UUID, answer: bytes) -> None:
    """The request was answered by this try."""
    await conn.execute(
        "UPDATE idempotent_request SET answer = $3 WHERE request_hash = $1 AND attempt = $2",
        request_hash, attempt, answer,
    )  # fmt: skip


async def release(conn: Connection, *, request_hash: bytes, attempt: UUID, even_committed: bool) -> None:
    """Let the request be tried again: where it had no effect, or with ``even_committed`` where it was refused."""
    await conn.execute(
        """
        DELETE FROM idempotent_request
        WHERE request_hash = $1 AND attempt = $2 AND answer IS NULL AND ($3 OR committed_at IS NULL)
        """,
        request_hash, attempt, even_committed,
    )  # fmt: skip


def witness_sql(*, request_hash: bytes, attempt: UUID, now: datetime) -> str:
    """What every transaction of the request runs last: it touches one row, or the request is in other hands.

    Built of hexadecimal digits and a time of ours only, never from text.
    """
    digits = request_hash.hex()
    return (
        f"SET LOCAL doorward.request = '{digits}'; "  # noqa: S608 - digits and a time of ours, no text
        f"UPDATE idempotent_request SET committed_at = '{now.isoformat()}' "
        f"WHERE request_hash = decode('{digits}', 'hex') AND attempt = '{attempt}' AND answer IS NULL"
    )


async def delete_old(conn: Connection, *, before: datetime, limit: int) -> int:
    """Forget requests that began before then, at most so many; how many."""
    status = await conn.execute(
        """
        DELETE FROM idempotent_request WHERE request_hash IN (
            SELECT request_hash FROM idempotent_request WHERE began_at < $1 ORDER BY began_at LIMIT $2
        )
        """,
        before, limit,
    )  # fmt: skip
    return affected(status)

"""SQL of one's own sessions. All of it needs the platform scope."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.accounts.repository import Surface
from backend.kit.db import Connection, affected, fetch_all

__all__ = ["SessionRow", "end_other_sessions", "end_own_session", "has_open_session", "list_open_sessions", "touch"]


class SessionRow(msgspec.Struct, frozen=True):
    """An open session. ``used_at`` is when its tokens were last renewed."""

    session_id: UUID
    device: str | None
    created_at: datetime
    used_at: datetime


async def list_open_sessions(
    conn: Connection,
    *,
    account_id: UUID,
    surface: Surface,
    now: datetime,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[SessionRow]:
    """The account's sessions that could still be renewed, the newest first, from after that key on."""
    return await fetch_all(
        conn,
        SessionRow,
        """
        SELECT s.session_id, s.device, s.created_at, coalesce(s.used_at, s.created_at) AS used_at
        FROM session s
        WHERE s.account_id = $1 AND s.surface = $2 AND s.ended_at IS NULL
            AND EXISTS (SELECT FROM refresh_token t WHERE t.session_id = s.session_id AND t.expires_at > $3)
            AND ($4::timestamptz IS NULL OR (s.created_at, s.session_id) < ($4, $5))
        ORDER BY s.created_at DESC, s.session_id DESC LIMIT $6
        """,
        account_id, surface, now, *(after or (None, None)), limit,
    )  # fmt: skip


async def has_open_session(conn: Connection, *, account_id: UUID, surface: Surface, now: datetime) -> bool:
    """Whether the account is logged in somewhere on that surface."""
    found = await conn.fetchval(
        """
        SELECT true FROM session s
        WHERE s.account_id = $1 AND s.surface = $2 AND s.ended_at IS NULL
            AND EXISTS (SELECT FROM refresh_token t WHERE t.session_id = s.session_id AND t.expires_at > $3)
        LIMIT 1
        """,
        account_id, surface, now,
    )  # fmt: skip
    return found is True


async def touch(conn: Connection, *, session_id: UUID, now: datetime) -> None:
    """The session's tokens were renewed."""
    await conn.execute("UPDATE session SET used_at = $2 WHERE session_id = $1", session_id, now)


async def end_own_session(
    conn: Connection, *, session_id: UUID, account_id: UUID, surface: Surface, now: datetime
) -> bool:
    """End one of the account's sessions; whether it is one of them, ended before or not."""
    status = await conn.execute(
        """
        UPDATE session SET ended_at = coalesce(ended_at, $4), ended_by = coalesce(ended_by, 'revoked')
        WHERE session_id = $1 AND account_id = $2 AND surface = $3
        """,
        session_id, account_id, surface, now,
    )  # fmt: skip
    return affected(status) == 1


async def end_other_sessions(
    conn: Connection, *, account_id: UUID, surface: Surface, keep: UUID, ended_by: str, now: datetime
) -> int:
    """End all of the account's sessions there but one; how many."""
    status = await conn.execute(
        """
        UPDATE session SET ended_at = $4, ended_by = $5
        WHERE account_id = $1 AND surface = $2 AND session_id <> $3 AND ended_at IS NULL
        """,
        account_id, surface, keep, now, ended_by,
    )  # fmt: skip
    return affected(status)

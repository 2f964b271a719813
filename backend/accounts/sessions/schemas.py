"""Responses about one's own sessions."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.accounts.sessions.repository import SessionRow

__all__ = ["Session", "SessionKey", "SessionPage"]


class Session(msgspec.Struct, frozen=True):
    """Where one is logged in. ``device`` is null where nothing is known of it; ``current`` is the one that asks."""

    session_id: UUID
    device: str | None
    created_at: datetime
    used_at: datetime
    current: bool

    @classmethod
    def of(cls, row: SessionRow, *, current: UUID) -> "Session":
        """From the database's row."""
        return cls(row.session_id, row.device, row.created_at, row.used_at, row.session_id == current)


class SessionPage(msgspec.Struct, frozen=True):
    """Open sessions, the newest first."""

    sessions: tuple[Session, ...]
    next_cursor: str | None


class SessionKey(msgspec.Struct, frozen=True, array_like=True):
    """The last row of a page."""

    created_at: Annotated[datetime, Meta(tz=True)]
    session_id: UUID

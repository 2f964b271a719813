"""Rules of what companies are told."""

from collections.abc import Sequence
from datetime import datetime

from backend.kit.db import Connection
from backend.partners.events import repository
from backend.partners.events.repository import NewEvent

__all__ = ["NewEvent", "tell"]


async def tell(conn: Connection, *, events: Sequence[NewEvent], now: datetime) -> None:
    """Tell companies in the caller's transaction, in any scope: they hear of it if and only if it commits.

    Nobody is waited for, and nobody has to wait: the worker numbers events afterwards.
    """
    if events:
        await repository.insert_events(conn, events=events, now=now)

"""Moving many residents' windows in one transaction of their community."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from backend.access.moving import repository
from backend.access.moving.repository import MovedGrantRow
from backend.access.repository import roster_hold
from backend.access.windows import Window, present, state_at
from backend.kit.db import Connection
from gate_sdk.wire import GrantKind

__all__ = ["move_residents"]


async def move_residents(
    conn: Connection, *, community_id: UUID, source: str, windows: Mapping[UUID, Window], now: datetime
) -> int:
    """Give residents' grants other windows, by the source that each rests on; how many grants. Chunks of hundreds.

    The roster is projected once: nobody else's change of this community waits longer than for one statement.
    """
    rows = []
    for source_id, window in windows.items():
        presence = present(GrantKind.RESIDENT, window, now=now)
        rows.append(MovedGrantRow(source_id, window, presence, state_at(presence, now)))
    await roster_hold(conn)
    return await repository.update_windows(conn, community_id=community_id, source=source, moved=rows, now=now)

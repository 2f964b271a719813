"""SQL of many grants' windows."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.access.windows import GrantState, Presence, Window
from backend.kit.db import Connection, affected

__all__ = ["MovedGrantRow", "update_windows"]


class MovedGrantRow(msgspec.Struct, frozen=True):
    """The window of all that rests on a source, its presence and state already decided."""

    source_id: UUID
    window: Window
    presence: Presence
    state: GrantState


async def update_windows(
    conn: Connection, *, community_id: UUID, source: str, moved: Sequence[MovedGrantRow], now: datetime
) -> int:
    """Move the windows of what rests on these sources and has not ended, in one statement; how many grants."""
    return affected(
        await conn.execute(
            """
            UPDATE access_grant g SET valid_from = u.valid_from, valid_until = u.valid_until,
                present_from = u.present_from, present_until = u.present_until, state = u.state,
                ended_at = CASE WHEN u.state = 'ended' THEN $9::timestamptz END
            FROM unnest($3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[],
                        $8::text[]) AS u (source_id, valid_from, valid_until, present_from, present_until, state)
            WHERE g.community_id = $1 AND g.source = $2 AND g.source_id = u.source_id AND g.state <> 'ended'
            """,
            community_id,
            source,
            [row.source_id for row in moved],
            [row.window.begin for row in moved],
            [row.window.until for row in moved],
            [row.presence.begin for row in moved],
            [row.presence.until for row in moved],
            [row.state for row in moved],
            now,
        )
    )

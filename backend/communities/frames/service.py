"""Rules of a community's word on pictures of denied approaches."""

from datetime import datetime, timedelta
from uuid import UUID

from backend.communities.frames import repository
from backend.communities.frames.repository import FramePolicyRow, FramePurpose
from backend.kit.db import Connection

__all__ = ["turn_off", "turn_on"]


async def turn_on(
    conn: Connection,
    *,
    community_id: UUID,
    purpose: FramePurpose,
    hours: int,
    days: int,
    staff_id: UUID,
    now: datetime,
) -> FramePolicyRow:
    """Turn it on for so many days, or renew it. What was kept for another purpose goes at once."""
    before = await repository.get_policy(conn, community_id=community_id, at=now)
    if before is None or before.purpose != purpose or before.hours > hours:
        # People were told one purpose and one time: neither is changed for pictures that are there already.
        await turn_off(conn, community_id=community_id, now=now)
    row = await repository.put_policy(
        conn,
        community_id=community_id,
        purpose=purpose,
        hours=hours,
        staff_id=staff_id,
        now=now,
        ends_at=now + timedelta(days=days),
    )
    await repository.tell_gates(conn, community_id=community_id)
    return row


async def turn_off(conn: Connection, *, community_id: UUID, now: datetime) -> bool:
    """Turn it off, and end what is kept; whether it was on."""
    was_on = await repository.delete_policy(conn, community_id=community_id)
    await repository.end_kept(conn, community_id=community_id, now=now)
    if was_on:
        await repository.tell_gates(conn, community_id=community_id)
    return was_on

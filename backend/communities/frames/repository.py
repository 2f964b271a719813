"""SQL of a community's word on pictures of denied approaches."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_one, require_one

__all__ = [
    "FramePolicyRow",
    "FramePurpose",
    "delete_policy",
    "end_kept",
    "get_policy",
    "hold_policy",
    "put_policy",
    "tell_gates",
]

FramePurpose = Literal["wrong_refusals", "attempted_intrusion"]


class FramePolicyRow(msgspec.Struct, frozen=True):
    """For what, and for how many hours, until ``ends_at``."""

    policy_id: UUID
    purpose: FramePurpose
    hours: int
    set_at: datetime
    ends_at: datetime


async def get_policy(conn: Connection, *, community_id: UUID, at: datetime) -> FramePolicyRow | None:
    """What the community has turned on, where it has not ended."""
    return await fetch_one(
        conn,
        FramePolicyRow,
        """
        SELECT policy_id, purpose, hours, set_at, ends_at FROM denied_frame_policy
        WHERE community_id = $1 AND ends_at > $2
        """,
        community_id, at,
    )  # fmt: skip


async def hold_policy(conn: Connection, *, community_id: UUID, at: datetime) -> FramePolicyRow | None:
    """The same, and nobody turns it off before this transaction has ended: who then does finds what it has kept."""
    return await fetch_one(
        conn,
        FramePolicyRow,
        """
        SELECT policy_id, purpose, hours, set_at, ends_at FROM denied_frame_policy
        WHERE community_id = $1 AND ends_at > $2 FOR SHARE
        """,
        community_id, at,
    )  # fmt: skip


async def put_policy(
    conn: Connection,
    *,
    community_id: UUID,
    purpose: FramePurpose,
    hours: int,
    staff_id: UUID,
    now: datetime,
    ends_at: datetime,
) -> FramePolicyRow:
    """Turn it on, or renew it."""
    return await require_one(
        conn,
        FramePolicyRow,
        """
        INSERT INTO denied_frame_policy (community_id, purpose, hours, set_by, set_at, ends_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (community_id) DO UPDATE SET purpose = excluded.purpose, hours = excluded.hours,
            set_by = excluded.set_by, set_at = excluded.set_at, ends_at = excluded.ends_at
        RETURNING policy_id, purpose, hours, set_at, ends_at
        """,
        community_id, purpose, hours, staff_id, now, ends_at,
    )  # fmt: skip


async def tell_gates(conn: Connection, *, community_id: UUID) -> None:
    """Wake the community's waiting polls when this transaction commits."""
    await conn.execute("SELECT pg_notify('roster', $1)", str(community_id))


async def delete_policy(conn: Connection, *, community_id: UUID) -> bool:
    """Turn it off; whether it was on."""
    return affected(await conn.execute("DELETE FROM denied_frame_policy WHERE community_id = $1", community_id)) > 0


async def end_kept(conn: Connection, *, community_id: UUID, now: datetime) -> None:
    """Let everything that is kept be over now; nobody is shown it any more, and the worker removes it."""
    await conn.execute(
        "UPDATE denied_frame SET expires_at = $2 WHERE community_id = $1 AND expires_at > $2", community_id, now
    )
    await conn.execute(
        "UPDATE denied_frame_key SET until = $2 WHERE community_id = $1 AND until > $2", community_id, now
    )

"""SQL of plans, and of what they are made from that has no noun of its own."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all, require_one

__all__ = ["PlanRow", "RulesRow", "hold_plan", "list_due", "read_rules", "update_plan"]


class PlanRow(msgspec.Struct, frozen=True):
    """A community's plan as it is published; revision 0 has no body."""

    revision: int
    body: bytes | None


class RulesRow(msgspec.Struct, frozen=True):
    """By which clocks a community lives, and how long its gates keep a roster."""

    time_zone: str
    wipe_after_s: int


class _Id(msgspec.Struct, frozen=True):
    id: UUID


async def hold_plan(conn: Connection, *, community_id: UUID) -> PlanRow:
    """The plan, kept from being built by another until the transaction ends.

    What is read afterwards includes all that was committed before: two who change the doors at the same moment leave
    a plan with both changes.
    """
    await conn.execute("INSERT INTO door_plan (community_id) VALUES ($1) ON CONFLICT DO NOTHING", community_id)
    return await require_one(
        conn, PlanRow, "SELECT revision, body FROM door_plan WHERE community_id = $1 FOR UPDATE", community_id
    )


async def read_rules(conn: Connection, *, community_id: UUID) -> RulesRow:
    """What the community's row says that a plan goes by."""
    return await require_one(
        conn, RulesRow, "SELECT time_zone, wipe_after_s FROM community WHERE community_id = $1", community_id
    )


async def update_plan(
    conn: Connection,
    *,
    community_id: UUID,
    revision: int,
    body: bytes,
    time_zone: str,
    hours_until: datetime | None,
    now: datetime,
) -> None:
    """Publish a plan, and wake the community's waiting polls when this transaction commits."""
    await conn.execute(
        """
        UPDATE door_plan SET revision = $2, body = $3, time_zone = $4, hours_until = $5, built_at = $6
        WHERE community_id = $1
        """,
        community_id, revision, body, time_zone, hours_until, now,
    )  # fmt: skip
    await conn.execute("SELECT pg_notify('roster', $1)", str(community_id))


async def list_due(conn: Connection, *, before: datetime) -> list[UUID]:
    """Communities whose plan's hours run out before that time, or go by another zone's clocks than theirs.

    Needs the platform scope and the worker's role.
    """
    rows = await fetch_all(
        conn,
        _Id,
        """
        SELECT p.community_id AS id FROM door_plan p JOIN community c USING (community_id)
        WHERE p.hours_until IS NOT NULL
            AND (p.hours_until < $1::timestamptz + make_interval(secs => c.wipe_after_s) OR p.time_zone <> c.time_zone)
        """,
        before,
    )
    return [row.id for row in rows]

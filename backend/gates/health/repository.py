"""SQL of how gates are doing."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all
from gate_sdk.wire import GateHealth

__all__ = ["MOST_GATES", "HealthRow", "list_health", "put_health"]

#: More than any community has doors; beyond it the list ends.
MOST_GATES = 1000


class HealthRow(msgspec.Struct, frozen=True):
    """A gate in service: what the server sees of it, and what it last told (``told_at``), if it ever has.

    ``behind`` is how many versions its roster lacks, None while it has acknowledged nothing; ``behind_since`` is when
    the first of them was made.
    """

    gate_id: UUID
    name: str
    provisioned_at: datetime | None
    last_seen_at: datetime | None
    behind: int | None
    behind_since: datetime | None
    told_at: datetime | None
    packs: list[str] | None
    entries: int | None
    entry_ms: int | None
    entry_p95_ms: int | None
    dark_s: int | None
    stale_s: int | None
    queue: int | None
    queue_s: int | None
    dropped: int | None
    refused: int | None


async def put_health(conn: Connection, *, community_id: UUID, gate_id: UUID, health: GateHealth, now: datetime) -> None:
    """Keep what a gate tells of itself, in place of what it told before."""
    await conn.execute(
        """
        INSERT INTO gate_health (community_id, gate_id, told_at, packs, entries, entry_ms, entry_p95_ms, dark_s,
            stale_s, queue, queue_s, dropped, refused)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        ON CONFLICT (community_id, gate_id) DO UPDATE SET told_at = excluded.told_at, packs = excluded.packs,
            entries = excluded.entries, entry_ms = excluded.entry_ms, entry_p95_ms = excluded.entry_p95_ms,
            dark_s = excluded.dark_s, stale_s = excluded.stale_s, queue = excluded.queue, queue_s = excluded.queue_s,
            dropped = excluded.dropped, refused = excluded.refused
        """,
        community_id, gate_id, now, list(health.packs), health.entries, health.entry_ms, health.entry_p95_ms,
        health.dark_s, health.stale_s, health.queue, health.queue_s, health.dropped, health.refused,
    )  # fmt: skip


async def list_health(conn: Connection, *, community_id: UUID) -> list[HealthRow]:
    """The community's gates in service, by name; at most :data:`MOST_GATES`."""
    return await fetch_all(
        conn,
        HealthRow,
        """
        SELECT g.gate_id, g.name, g.provisioned_at, g.last_seen_at,
            CASE WHEN g.acked_epoch = h.epoch THEN h.version - g.acked_version END AS behind,
            (
                SELECT min(r.changed_at) FROM roster r
                WHERE r.community_id = $1 AND g.acked_epoch = h.epoch AND r.version > g.acked_version
            ) AS behind_since,
            t.told_at, t.packs, t.entries, t.entry_ms, t.entry_p95_ms, t.dark_s, t.stale_s, t.queue, t.queue_s,
            t.dropped, t.refused
        FROM gate g
        JOIN roster_head h USING (community_id)
        LEFT JOIN gate_health t ON t.community_id = g.community_id AND t.gate_id = g.gate_id
            AND t.told_at >= g.provisioned_at
        WHERE g.community_id = $1 AND g.revoked_at IS NULL
        ORDER BY g.name, g.gate_id LIMIT $2
        """,
        community_id, MOST_GATES,
    )  # fmt: skip

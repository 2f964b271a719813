"""SQL of the gauges: one row each, from indexes over what is unfinished, whatever the whole system's size."""

from datetime import datetime, timedelta

import msgspec

from backend.kit.db import Connection, require_one

__all__ = ["ErasuresRow", "GatesRow", "JobsRow", "WebhooksRow", "erasures", "gates", "jobs", "webhooks"]


class JobsRow(msgspec.Struct, frozen=True):
    """Jobs that could run and do not; the age of the oldest, in seconds."""

    waiting: int
    oldest_seconds: float


class ErasuresRow(msgspec.Struct, frozen=True):
    """Erasures that are not complete, and those of them that should be."""

    open: int
    overdue: int


class GatesRow(msgspec.Struct, frozen=True):
    """Gates in service, and those of them that nothing was heard of."""

    in_service: int
    stale: int


class WebhooksRow(msgspec.Struct, frozen=True):
    """Companies' endpoints that are switched on, and those that were switched off because they took nothing."""

    enabled: int
    dead: int


async def jobs(conn: Connection) -> JobsRow:
    """By the database's clock, as the queue itself goes by it."""
    return await require_one(
        conn,
        JobsRow,
        """
        SELECT count(*) AS waiting,
            coalesce(extract(epoch FROM clock_timestamp() - min(greatest(created, execute_after))), 0)::float8
                AS oldest_seconds
        FROM jobs.pgqueuer WHERE status = 'queued' AND execute_after <= clock_timestamp()
        """,
    )


async def erasures(conn: Connection, *, now: datetime, stores: timedelta, gates: timedelta) -> ErasuresRow:
    """Of all people. One whose steps are all done waits for a legal hold's end, which is no delay.

    Args:
        conn: in the platform scope.
        now: the present.
        stores: how long after their beginning our own stores may still have something.
        gates: the same of gates, which may be without a network.
    """
    return await require_one(
        conn,
        ErasuresRow,
        """
        SELECT count(*) AS open, count(*) FILTER (WHERE EXISTS (
            SELECT FROM erasure_step s
            WHERE s.erasure_id = e.erasure_id AND s.done_at IS NULL
                AND e.started_at < $1::timestamptz - CASE s.name WHEN 'gates' THEN $3::interval ELSE $2::interval END
        )) AS overdue
        FROM erasure e WHERE e.completed_at IS NULL
        """,
        now, stores, gates,
    )  # fmt: skip


async def gates(conn: Connection, *, heard_after: datetime) -> GatesRow:
    """Devices in service. Needs the platform scope."""
    return await require_one(
        conn,
        GatesRow,
        """
        SELECT count(*) AS in_service, count(*) FILTER (WHERE last_seen_at < $1) AS stale
        FROM gate WHERE revoked_at IS NULL AND provisioned_at IS NOT NULL
        """,
        heard_after,
    )


async def webhooks(conn: Connection) -> WebhooksRow:
    """Endpoints of all companies. Needs the platform scope."""
    return await require_one(
        conn,
        WebhooksRow,
        """
        SELECT count(*) FILTER (WHERE disabled_at IS NULL) AS enabled,
            count(*) FILTER (WHERE disabled_by IN ('failures', 'gone')) AS dead
        FROM webhook_endpoint
        """,
    )

"""SQL of sending to endpoints. All of it is the worker's, in the platform scope."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one
from backend.partners.webhooks.repository import DisabledBy

__all__ = [
    "DueRow",
    "MessageRow",
    "TargetRow",
    "bury",
    "claim_due",
    "disable",
    "enqueue",
    "get_target",
    "insert_deliveries",
    "list_due",
    "note_failed",
    "note_recovered",
    "settle",
]


class TargetRow(msgspec.Struct, frozen=True):
    """An endpoint that is switched on, with its sealed secrets."""

    url: str
    secret_sealed: bytes
    previous_sealed: bytes | None
    previous_until: datetime | None
    failing_since: datetime | None


class MessageRow(msgspec.Struct, frozen=True):
    """An event that was claimed for sending; ``attempts`` with the one that was claimed."""

    event_id: UUID
    seq: int
    kind: str
    at: datetime
    worker_id: str | None
    about_community_id: UUID | None
    gate_id: UUID | None
    gate_name: str | None
    outcome: str | None
    reason: str | None
    endpoint_id: UUID | None
    attempts: int


class DueRow(msgspec.Struct, frozen=True):
    """An endpoint for which something is due."""

    partner_id: UUID
    endpoint_id: UUID


async def insert_deliveries(
    conn: Connection, *, partner_id: UUID, after: int, upto: int, test_kind: str, now: datetime
) -> list[UUID]:
    """Put events with these numbers on their way to the company's endpoints that take them; which those are."""
    rows = await fetch_all(
        conn,
        DueRow,
        """
        WITH sent AS (
            INSERT INTO webhook_delivery (partner_id, endpoint_id, event_id, seq, next_attempt_at)
            SELECT e.partner_id, w.endpoint_id, e.event_id, e.seq, $5
            FROM partner_event e JOIN webhook_endpoint w ON w.partner_id = e.partner_id AND w.disabled_at IS NULL
            WHERE e.partner_id = $1 AND e.seq > $2 AND e.seq <= $3
                AND CASE WHEN e.kind = $4 THEN w.endpoint_id = e.endpoint_id
                    ELSE w.kinds IS NULL OR e.kind = ANY(w.kinds) END
            ON CONFLICT DO NOTHING
            RETURNING partner_id, endpoint_id
        )
        SELECT DISTINCT partner_id, endpoint_id FROM sent
        """,
        partner_id, after, upto, test_kind, now,
    )  # fmt: skip
    return [row.endpoint_id for row in rows]


async def enqueue(conn: Connection, *, entrypoint: str, endpoints: Sequence[tuple[UUID, UUID]]) -> None:
    """Ask the worker to send to these, (company, endpoint), once this transaction commits, unless it was asked."""
    await conn.execute(
        """
        SELECT jobs.enqueue($1, convert_to(n.payload, 'UTF8'), $1 || '/' || n.payload) FROM unnest($2::text[])
            AS n (payload)
        """,
        entrypoint,
        [f"{partner_id}/{endpoint_id}" for partner_id, endpoint_id in endpoints],
    )


async def list_due(conn: Connection, *, at: datetime, limit: int) -> list[DueRow]:
    """Endpoints for which something is due. By the endpoints, which are few: of messages there may be very many."""
    return await fetch_all(
        conn,
        DueRow,
        """
        SELECT w.partner_id, w.endpoint_id FROM webhook_endpoint w
        WHERE w.disabled_at IS NULL AND EXISTS (
            SELECT FROM webhook_delivery d
            WHERE d.partner_id = w.partner_id AND d.endpoint_id = w.endpoint_id AND d.settled_at IS NULL
                AND d.next_attempt_at <= $1
        )
        LIMIT $2
        """,
        at, limit,
    )  # fmt: skip


async def get_target(conn: Connection, *, partner_id: UUID, endpoint_id: UUID) -> TargetRow | None:
    """The endpoint, if it is switched on."""
    return await fetch_one(
        conn,
        TargetRow,
        """
        SELECT url, secret_sealed, previous_sealed, previous_until, failing_since FROM webhook_endpoint
        WHERE partner_id = $1 AND endpoint_id = $2 AND disabled_at IS NULL
        """,
        partner_id, endpoint_id,
    )  # fmt: skip


async def claim_due(
    conn: Connection,
    *,
    partner_id: UUID,
    endpoint_id: UUID,
    retries: Sequence[timedelta],
    limit: int,
    now: datetime,
) -> list[MessageRow]:
    """Take the messages that are due, at most ``limit``, and set when they are due again should nothing be heard."""
    return await fetch_all(
        conn,
        MessageRow,
        """
        WITH due AS (
            SELECT event_id FROM webhook_delivery
            WHERE partner_id = $1 AND endpoint_id = $2 AND settled_at IS NULL AND next_attempt_at <= $3
            ORDER BY next_attempt_at, seq LIMIT $5 FOR UPDATE SKIP LOCKED
        ), claimed AS (
            UPDATE webhook_delivery d
            SET attempts = attempts + 1,
                next_attempt_at = $3 + ($4::interval[])[least(attempts + 1, cardinality($4::interval[]))]
            FROM due
            WHERE d.partner_id = $1 AND d.endpoint_id = $2 AND d.event_id = due.event_id
            RETURNING d.event_id, d.attempts
        )
        SELECT e.event_id, e.seq, e.kind, e.at, e.worker_id, e.about_community_id, e.gate_id, e.gate_name, e.outcome,
            e.reason, e.endpoint_id, c.attempts
        FROM claimed c JOIN partner_event e ON e.partner_id = $1 AND e.event_id = c.event_id
        ORDER BY e.seq
        """,
        partner_id, endpoint_id, now, list(retries), limit,
    )  # fmt: skip


async def settle(
    conn: Connection,
    *,
    partner_id: UUID,
    endpoint_id: UUID,
    event_id: UUID,
    status: int | None,
    outcome: str | None,
    now: datetime,
) -> None:
    """Note the answer; with an outcome it is over."""
    await conn.execute(
        """
        UPDATE webhook_delivery
        SET last_status = $4, outcome = $5, settled_at = CASE WHEN $5::text IS NOT NULL THEN $6::timestamptz END
        WHERE partner_id = $1 AND endpoint_id = $2 AND event_id = $3 AND settled_at IS NULL
        """,
        partner_id, endpoint_id, event_id, status, outcome, now,
    )  # fmt: skip


async def note_failed(conn: Connection, *, partner_id: UUID, endpoint_id: UUID, now: datetime) -> datetime | None:
    """Note that an attempt has failed; since when all have. None where it is switched off."""
    since: datetime | None = await conn.fetchval(
        """
        UPDATE webhook_endpoint SET failing_since = coalesce(failing_since, $3)
        WHERE partner_id = $1 AND endpoint_id = $2 AND disabled_at IS NULL RETURNING failing_since
        """,
        partner_id, endpoint_id, now,
    )  # fmt: skip
    return since


async def note_recovered(conn: Connection, *, partner_id: UUID, endpoint_id: UUID) -> None:
    """Note that it has taken a message."""
    await conn.execute(
        """
        UPDATE webhook_endpoint SET failing_since = NULL
        WHERE partner_id = $1 AND endpoint_id = $2 AND failing_since IS NOT NULL
        """,
        partner_id, endpoint_id,
    )  # fmt: skip


async def disable(conn: Connection, *, partner_id: UUID, endpoint_id: UUID, by: DisabledBy, now: datetime) -> bool:
    """Switch it off; whether it was on."""
    done = await conn.fetchval(
        """
        UPDATE webhook_endpoint SET disabled_at = $4, disabled_by = $3
        WHERE partner_id = $1 AND endpoint_id = $2 AND disabled_at IS NULL RETURNING true
        """,
        partner_id, endpoint_id, by, now,
    )  # fmt: skip
    return done is not None


async def bury(conn: Connection, *, partner_id: UUID, endpoint_id: UUID, now: datetime) -> int:
    """Make whatever is on its way to an endpoint dead letters; how many."""
    status = await conn.execute(
        """
        UPDATE webhook_delivery SET outcome = 'dead', settled_at = $3
        WHERE partner_id = $1 AND endpoint_id = $2 AND settled_at IS NULL
        """,
        partner_id, endpoint_id, now,
    )  # fmt: skip
    return affected(status)

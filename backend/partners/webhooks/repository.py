"""SQL of companies' endpoints and of dead letters. All of it needs the platform scope."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one

__all__ = [
    "DeadRow",
    "DisabledBy",
    "EndpointRow",
    "delete_endpoint",
    "get_endpoint",
    "insert_endpoint",
    "list_dead",
    "list_endpoints",
    "lock_endpoint",
    "lock_endpoints",
    "replay",
    "rotate_secret",
    "update_endpoint",
]

DisabledBy = Literal["company", "failures", "gone"]


class EndpointRow(msgspec.Struct, frozen=True):
    """An endpoint without its secrets; ``kinds`` None is all."""

    endpoint_id: UUID
    url: str
    kinds: list[str] | None
    created_at: datetime
    disabled_at: datetime | None
    disabled_by: DisabledBy | None
    failing_since: datetime | None
    previous_until: datetime | None


class DeadRow(msgspec.Struct, frozen=True):
    """A message that was given up, with its event."""

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
    last_status: int | None
    settled_at: datetime


async def lock_endpoints(conn: Connection, *, partner_id: UUID) -> None:
    """Let two requests that count a company's endpoints follow each other."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('webhooks/' || $1::text, 14))", str(partner_id))


async def insert_endpoint(
    conn: Connection,
    *,
    partner_id: UUID,
    endpoint_id: UUID,
    url: str,
    kinds: Sequence[str] | None,
    secret_sealed: bytes,
    now: datetime,
) -> EndpointRow:
    """A new one."""
    return await require_one(
        conn,
        EndpointRow,
        """
        INSERT INTO webhook_endpoint (partner_id, endpoint_id, url, kinds, secret_sealed, created_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        RETURNING endpoint_id, url, kinds, created_at, disabled_at, disabled_by, failing_since, previous_until
        """,
        partner_id, endpoint_id, url, kinds, secret_sealed, now,
    )  # fmt: skip


async def list_endpoints(conn: Connection, *, partner_id: UUID) -> list[EndpointRow]:
    """A company's, oldest first."""
    return await fetch_all(
        conn,
        EndpointRow,
        """
        SELECT endpoint_id, url, kinds, created_at, disabled_at, disabled_by, failing_since, previous_until
        FROM webhook_endpoint WHERE partner_id = $1 ORDER BY created_at, endpoint_id
        """,
        partner_id,
    )


async def get_endpoint(conn: Connection, *, partner_id: UUID, endpoint_id: UUID) -> EndpointRow | None:
    """One of a company's."""
    return await fetch_one(
        conn,
        EndpointRow,
        """
        SELECT endpoint_id, url, kinds, created_at, disabled_at, disabled_by, failing_since, previous_until
        FROM webhook_endpoint WHERE partner_id = $1 AND endpoint_id = $2
        """,
        partner_id, endpoint_id,
    )  # fmt: skip


async def lock_endpoint(conn: Connection, *, partner_id: UUID, endpoint_id: UUID) -> EndpointRow | None:
    """One of a company's, locked until the transaction ends."""
    return await fetch_one(
        conn,
        EndpointRow,
        """
        SELECT endpoint_id, url, kinds, created_at, disabled_at, disabled_by, failing_since, previous_until
        FROM webhook_endpoint WHERE partner_id = $1 AND endpoint_id = $2 FOR UPDATE
        """,
        partner_id, endpoint_id,
    )  # fmt: skip


async def update_endpoint(
    conn: Connection,
    *,
    partner_id: UUID,
    endpoint_id: UUID,
    url: str,
    kinds: Sequence[str] | None,
    enabled: bool,
    now: datetime,
) -> EndpointRow:
    """Send elsewhere, or something else; switched on again it has not failed yet."""
    return await require_one(
        conn,
        EndpointRow,
        """
        UPDATE webhook_endpoint SET url = $3, kinds = $4,
            disabled_at = CASE WHEN $5 THEN NULL ELSE coalesce(disabled_at, $6) END,
            disabled_by = CASE WHEN $5 THEN NULL ELSE coalesce(disabled_by, 'company') END,
            failing_since = CASE WHEN disabled_at IS NULL THEN failing_since END
        WHERE partner_id = $1 AND endpoint_id = $2
        RETURNING endpoint_id, url, kinds, created_at, disabled_at, disabled_by, failing_since, previous_until
        """,
        partner_id, endpoint_id, url, kinds, enabled, now,
    )  # fmt: skip


async def rotate_secret(
    conn: Connection, *, partner_id: UUID, endpoint_id: UUID, secret_sealed: bytes, previous_until: datetime
) -> None:
    """Another secret; the one before signs beside it until then."""
    await conn.execute(
        """
        UPDATE webhook_endpoint
        SET previous_sealed = secret_sealed, previous_until = $4, secret_sealed = $3
        WHERE partner_id = $1 AND endpoint_id = $2
        """,
        partner_id, endpoint_id, secret_sealed, previous_until,
    )  # fmt: skip


async def delete_endpoint(conn: Connection, *, partner_id: UUID, endpoint_id: UUID) -> bool:
    """Delete it with whatever is on its way; whether there was one."""
    return (
        affected(
            await conn.execute(
                "DELETE FROM webhook_endpoint WHERE partner_id = $1 AND endpoint_id = $2", partner_id, endpoint_id
            )
        )
        == 1
    )


async def list_dead(conn: Connection, *, partner_id: UUID, endpoint_id: UUID, after: int, limit: int) -> list[DeadRow]:
    """What was given up of an endpoint's, by number, those after."""
    return await fetch_all(
        conn,
        DeadRow,
        """
        SELECT e.event_id, e.seq, e.kind, e.at, e.worker_id, e.about_community_id, e.gate_id, e.gate_name, e.outcome,
            e.reason, e.endpoint_id, d.attempts, d.last_status, d.settled_at
        FROM webhook_delivery d JOIN partner_event e USING (partner_id, event_id)
        WHERE d.partner_id = $1 AND d.endpoint_id = $2 AND d.outcome = 'dead' AND d.seq > $3
        ORDER BY d.seq LIMIT $4
        """,
        partner_id, endpoint_id, after, limit,
    )  # fmt: skip


async def replay(
    conn: Connection,
    *,
    partner_id: UUID,
    endpoint_id: UUID,
    event_ids: Sequence[UUID] | None,
    now: datetime,
    limit: int,
) -> int:
    """Begin again with what was given up (of these, or the oldest), at most ``limit``; how many."""
    return affected(
        await conn.execute(
            """
            UPDATE webhook_delivery SET attempts = 0, next_attempt_at = $4, settled_at = NULL, outcome = NULL
            WHERE partner_id = $1 AND endpoint_id = $2 AND event_id IN (
                SELECT event_id FROM webhook_delivery
                WHERE partner_id = $1 AND endpoint_id = $2 AND outcome = 'dead'
                    AND ($3::uuid[] IS NULL OR event_id = ANY($3))
                ORDER BY seq LIMIT $5
            )
            """,
            partner_id, endpoint_id, None if event_ids is None else list(event_ids), now, limit,
        )
    )  # fmt: skip

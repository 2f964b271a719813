"""SQL of what companies are told."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all
from backend.partners.events.kinds import EventKind, SuspensionReason

__all__ = [
    "EventRow",
    "NewEvent",
    "delete_old",
    "insert_events",
    "list_events",
    "list_unnumbered",
    "lock_head",
    "number_events",
    "set_head",
]


class EventRow(msgspec.Struct, frozen=True):
    """An event with its number; of everything else, what its kind has."""

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


class NewEvent(msgspec.Struct, frozen=True):
    """Something that a company is to be told; ``person_id`` is never told, and takes the event with him."""

    partner_id: UUID
    kind: EventKind
    at: datetime
    worker_id: str | None = None
    person_id: UUID | None = None
    community_id: UUID | None = None
    outcome: str | None = None
    reason: SuspensionReason | None = None
    gate_name: str | None = None
    endpoint_id: UUID | None = None


class _Id(msgspec.Struct, frozen=True):
    id: UUID


async def insert_events(conn: Connection, *, events: Sequence[NewEvent], now: datetime) -> None:
    """Write them down, without numbers yet. In any scope."""
    await conn.executemany(
        """
        INSERT INTO partner_event (partner_id, kind, at, told_at, worker_id, person_id, about_community_id, outcome,
                                   reason, gate_name, endpoint_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        [
            (
                new.partner_id, new.kind.value, new.at, now, new.worker_id, new.person_id, new.community_id,
                new.outcome, new.reason, new.gate_name, new.endpoint_id,
            )
            for new in events
        ],
    )  # fmt: skip


async def list_events(conn: Connection, *, partner_id: UUID, after: int, limit: int) -> list[EventRow]:
    """The company's events with numbers above ``after``, in their order. Needs the platform scope."""
    return await fetch_all(
        conn,
        EventRow,
        """
        SELECT event_id, seq, kind, at, worker_id, about_community_id, gate_id, gate_name, outcome, reason, endpoint_id
        FROM partner_event WHERE partner_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
        """,
        partner_id, after, limit,
    )  # fmt: skip


async def list_unnumbered(conn: Connection, *, limit: int) -> list[UUID]:
    """Companies that have events without numbers. Needs the platform scope."""
    rows = await fetch_all(
        conn, _Id, "SELECT DISTINCT partner_id AS id FROM partner_event WHERE seq IS NULL LIMIT $1", limit
    )
    return [row.id for row in rows]


async def lock_head(conn: Connection, *, partner_id: UUID) -> int:
    """The company's highest number, held until the transaction ends. The worker's, in the platform scope."""
    await conn.execute("INSERT INTO partner_event_head (partner_id) VALUES ($1) ON CONFLICT DO NOTHING", partner_id)
    head: int = await conn.fetchval("SELECT seq FROM partner_event_head WHERE partner_id = $1 FOR UPDATE", partner_id)
    return head


async def number_events(conn: Connection, *, partner_id: UUID, after: int, limit: int) -> int:
    """Give the events that have none the numbers behind ``after``, at most ``limit``; how many those were.

    In a statement of its own, after the head was locked: what it finds committed is what it numbers.
    """
    return affected(
        await conn.execute(
            """
            WITH pending AS (
                SELECT event_id, $2 + row_number() OVER (ORDER BY told_at, event_id) AS seq
                FROM (
                    SELECT event_id, told_at FROM partner_event WHERE partner_id = $1 AND seq IS NULL
                    ORDER BY told_at, event_id LIMIT $3
                ) first
            )
            UPDATE partner_event e SET seq = pending.seq
            FROM pending WHERE e.partner_id = $1 AND e.event_id = pending.event_id
            """,
            partner_id, after, limit,
        )
    )  # fmt: skip


async def set_head(conn: Connection, *, partner_id: UUID, seq: int) -> None:
    """Move the head that the transaction holds."""
    await conn.execute("UPDATE partner_event_head SET seq = $2 WHERE partner_id = $1", partner_id, seq)


async def delete_old(conn: Connection, *, before: datetime, limit: int) -> int:
    """Delete events that were told before that time, at most ``limit``; how many. Needs the platform scope."""
    return affected(
        await conn.execute(
            """
            DELETE FROM partner_event WHERE (partner_id, event_id) IN (
                SELECT partner_id, event_id FROM partner_event WHERE told_at < $1 ORDER BY told_at LIMIT $2
            )
            """,
            before, limit,
        )
    )  # fmt: skip

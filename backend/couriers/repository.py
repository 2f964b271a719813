"""SQL over shifts and deliveries together: where grants do not follow from what was said."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all

__all__ = [
    "UnsettledRow",
    "get_face_days",
    "list_unsettled",
    "list_workers_of_subject",
    "set_face_days",
]


class UnsettledRow(msgspec.Struct, frozen=True):
    """A community in which a worker's grants do not follow from what he and the company said."""

    community_id: UUID
    partner_id: UUID
    worker_id: str


async def list_unsettled(
    conn: Connection, *, partner_id: UUID | None, worker_id: str | None, now: datetime, limit: int
) -> list[UnsettledRow]:
    """Where a grant is missing although the courier said yes, or stands although he no longer does.

    Needs the platform scope.
    """
    return await fetch_all(
        conn,
        UnsettledRow,
        """
        SELECT DISTINCT w.community_id, w.partner_id, w.worker_id
        FROM (
            SELECT community_id, partner_id, worker_id, subject_id IS NOT NULL OR simulated AS granted, true AS enters
            FROM courier_shift
            WHERE ended_at IS NULL AND ends_at > $3
            UNION ALL
            SELECT community_id, partner_id, worker_id, subject_id IS NOT NULL OR simulated, handover = 'door'
            FROM delivery
            WHERE ended_at IS NULL AND valid_until > $3 AND worker_id IS NOT NULL
        ) w
        JOIN courier_employment e USING (partner_id, worker_id)
        JOIN partner_community pc USING (community_id, partner_id)
        WHERE w.granted <> (
                e.accepted_at IS NOT NULL AND pc.suspended_at IS NULL AND w.enters
                AND NOT EXISTS (
                    SELECT FROM courier_suspension s
                    WHERE s.community_id = w.community_id AND s.person_id = e.person_id
                )
            )
            AND ($1::uuid IS NULL OR w.partner_id = $1) AND ($2::text IS NULL OR w.worker_id = $2)
        LIMIT $4
        """,
        partner_id, worker_id, now, limit,
    )  # fmt: skip


async def list_workers_of_subject(conn: Connection, *, community_id: UUID, subject_id: UUID) -> list[UnsettledRow]:
    """As which workers somebody has grants at the community. In its scope."""
    return await fetch_all(
        conn,
        UnsettledRow,
        """
        SELECT community_id, partner_id, worker_id FROM courier_shift
        WHERE community_id = $1 AND subject_id = $2 AND ended_at IS NULL
        UNION
        SELECT community_id, partner_id, worker_id FROM delivery
        WHERE community_id = $1 AND subject_id = $2 AND ended_at IS NULL AND worker_id IS NOT NULL
        ORDER BY partner_id, worker_id
        """,
        community_id, subject_id,
    )  # fmt: skip


async def get_face_days(conn: Connection, *, authority_id: UUID) -> int:
    """Days that the face of a courier is kept for whom no company speaks any more. Needs the platform scope."""
    days: int = await conn.fetchval("SELECT courier_face_days FROM authority WHERE authority_id = $1", authority_id)
    return days


async def set_face_days(conn: Connection, *, authority_id: UUID, days: int) -> None:
    """Set them, 1 to 30. Needs the platform scope."""
    await conn.execute("UPDATE authority SET courier_face_days = $2 WHERE authority_id = $1", authority_id, days)

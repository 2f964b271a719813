"""SQL of couriers and of who works for which company."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one

__all__ = [
    "CourierRow",
    "EmploymentRow",
    "accept_employment",
    "delete_left_employment",
    "delete_old_employments",
    "find_courier",
    "find_employment_of_courier",
    "get_employment",
    "insert_courier",
    "leave_employment",
    "list_employments_of_courier",
    "lock_phone",
    "lock_worker",
    "mark_link_sent",
    "share_employment",
    "upsert_employment",
]


class CourierRow(msgspec.Struct, frozen=True):
    """A natural person who brings things."""

    courier_id: UUID
    person_id: UUID


class EmploymentRow(msgspec.Struct, frozen=True):
    """A company's worker and the courier he is."""

    partner_id: UUID
    partner_name: str
    worker_id: str
    courier_id: UUID
    person_id: UUID
    name: str | None
    accepted_at: datetime | None
    left_at: datetime | None
    link_sent_at: datetime | None


async def find_courier(conn: Connection, *, phone_hash: bytes) -> CourierRow | None:
    """The courier of a telephone number. Needs the platform scope."""
    return await fetch_one(
        conn, CourierRow, "SELECT courier_id, person_id FROM courier WHERE phone_hash = $1", phone_hash
    )


async def lock_phone(conn: Connection, *, phone_hash: bytes) -> None:
    """Let two requests about one telephone number follow each other, so that both find the same courier."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(encode($1, 'hex'), 14))", phone_hash)


async def insert_courier(conn: Connection, *, phone_hash: bytes, person_id: UUID) -> CourierRow:
    """A new courier. Needs the platform scope."""
    return await require_one(
        conn,
        CourierRow,
        "INSERT INTO courier (phone_hash, person_id) VALUES ($1, $2) RETURNING courier_id, person_id",
        phone_hash,
        person_id,
    )


async def lock_worker(conn: Connection, *, partner_id: UUID, worker_id: str) -> None:
    """Let two requests about one worker follow each other, also when there is no row yet to lock."""
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1::text || '/' || $2, 14))", str(partner_id), worker_id
    )


async def get_employment(conn: Connection, *, partner_id: UUID, worker_id: str) -> EmploymentRow | None:
    """A company's worker. Needs the platform scope, or the courier's own."""
    return await fetch_one(
        conn,
        EmploymentRow,
        """
        SELECT e.partner_id, p.name AS partner_name, e.worker_id, e.courier_id, e.person_id, e.name, e.accepted_at,
            e.left_at, e.link_sent_at
        FROM courier_employment e JOIN partner p USING (partner_id)
        WHERE e.partner_id = $1 AND e.worker_id = $2
        """,
        partner_id, worker_id,
    )  # fmt: skip


async def share_employment(conn: Connection, *, partner_id: UUID, worker_id: str) -> EmploymentRow | None:
    """A company's worker, held as he is until the transaction ends, so that his yes cannot slip in between."""
    return await fetch_one(
        conn,
        EmploymentRow,
        """
        SELECT e.partner_id, p.name AS partner_name, e.worker_id, e.courier_id, e.person_id, e.name, e.accepted_at,
            e.left_at, e.link_sent_at
        FROM courier_employment e JOIN partner p USING (partner_id)
        WHERE e.partner_id = $1 AND e.worker_id = $2 FOR SHARE OF e
        """,
        partner_id, worker_id,
    )  # fmt: skip


async def find_employment_of_courier(conn: Connection, *, partner_id: UUID, courier_id: UUID) -> EmploymentRow | None:
    """What a courier is at a company. Needs the platform scope."""
    return await fetch_one(
        conn,
        EmploymentRow,
        """
        SELECT e.partner_id, p.name AS partner_name, e.worker_id, e.courier_id, e.person_id, e.name, e.accepted_at,
            e.left_at, e.link_sent_at
        FROM courier_employment e JOIN partner p USING (partner_id)
        WHERE e.partner_id = $1 AND e.courier_id = $2
        """,
        partner_id, courier_id,
    )  # fmt: skip


async def list_employments_of_courier(conn: Connection, *, courier_id: UUID) -> list[EmploymentRow]:
    """All companies that name this courier, by name. Needs the platform scope."""
    return await fetch_all(
        conn,
        EmploymentRow,
        """
        SELECT e.partner_id, p.name AS partner_name, e.worker_id, e.courier_id, e.person_id, e.name, e.accepted_at,
            e.left_at, e.link_sent_at
        FROM courier_employment e JOIN partner p USING (partner_id)
        WHERE e.courier_id = $1 ORDER BY p.name, e.partner_id
        """,
        courier_id,
    )


async def upsert_employment(
    conn: Connection, *, partner_id: UUID, worker_id: str, courier_id: UUID, person_id: UUID, name: str | None
) -> None:
    """Say which courier a worker is. Another courier than before begins anew, without a yes. Needs platform scope."""
    await conn.execute(
        """
        INSERT INTO courier_employment AS e (partner_id, worker_id, courier_id, person_id, name)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (partner_id, worker_id) DO UPDATE SET
            courier_id = excluded.courier_id,
            person_id = excluded.person_id,
            name = coalesce(excluded.name, e.name),
            accepted_at = CASE WHEN e.courier_id = excluded.courier_id THEN e.accepted_at END,
            left_at = CASE WHEN e.courier_id = excluded.courier_id THEN e.left_at END,
            link_sent_at = CASE WHEN e.courier_id = excluded.courier_id THEN e.link_sent_at END
        """,
        partner_id, worker_id, courier_id, person_id, name,
    )  # fmt: skip


async def mark_link_sent(conn: Connection, *, partner_id: UUID, worker_id: str, now: datetime) -> None:
    """Remember when the courier was last written to. Needs the platform scope."""
    await conn.execute(
        "UPDATE courier_employment SET link_sent_at = $3 WHERE partner_id = $1 AND worker_id = $2",
        partner_id, worker_id, now,
    )  # fmt: skip


async def accept_employment(
    conn: Connection, *, partner_id: UUID, courier_id: UUID, now: datetime
) -> EmploymentRow | None:
    """The courier's yes to this company, or None where it had it already. Needs the platform scope."""
    done = await conn.fetchval(
        """
        UPDATE courier_employment SET accepted_at = $3, left_at = NULL
        WHERE partner_id = $1 AND courier_id = $2 AND accepted_at IS NULL RETURNING true
        """,
        partner_id, courier_id, now,
    )  # fmt: skip
    return (
        None if done is None else await find_employment_of_courier(conn, partner_id=partner_id, courier_id=courier_id)
    )


async def leave_employment(
    conn: Connection, *, partner_id: UUID, courier_id: UUID, now: datetime
) -> EmploymentRow | None:
    """The courier's no to this company, or None where it had it already. Needs the platform scope."""
    done = await conn.fetchval(
        """
        UPDATE courier_employment SET accepted_at = NULL, left_at = $3
        WHERE partner_id = $1 AND courier_id = $2 AND left_at IS NULL RETURNING true
        """,
        partner_id, courier_id, now,
    )  # fmt: skip
    return (
        None if done is None else await find_employment_of_courier(conn, partner_id=partner_id, courier_id=courier_id)
    )


async def delete_left_employment(conn: Connection, *, partner_id: UUID, worker_id: str) -> None:
    """Forget a worker with his shifts, unless he has said yes (again). Needs the platform scope."""
    await conn.execute(
        "DELETE FROM courier_employment WHERE partner_id = $1 AND worker_id = $2 AND accepted_at IS NULL",
        partner_id, worker_id,
    )  # fmt: skip


async def delete_old_employments(conn: Connection, *, before: datetime, limit: int) -> int:
    """Delete employments that were left before that time, at most ``limit``, and couriers of no company; how many.

    In the platform scope. Shifts go with them: those of a courier who has left ended with his leaving.
    """
    employments = await conn.execute(
        """
        DELETE FROM courier_employment WHERE (partner_id, worker_id) IN (
            SELECT partner_id, worker_id FROM courier_employment WHERE left_at < $1 LIMIT $2
        )
        """,
        before, limit,
    )  # fmt: skip
    await conn.execute(
        """
        DELETE FROM courier c WHERE c.created_at < $1
            AND NOT EXISTS (SELECT FROM courier_employment e WHERE e.courier_id = c.courier_id)
        """,
        before,
    )
    return affected(employments)

"""SQL of many workers at once. All of it needs the platform scope."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.couriers.employments.repository import EmploymentRow
from backend.kit.db import Connection, fetch_all

__all__ = [
    "NewEmploymentRow",
    "PhoneRow",
    "find_couriers",
    "insert_couriers",
    "list_employments",
    "lock_all",
    "mark_links_sent",
    "share_employments",
    "upsert_employments",
]


class PhoneRow(msgspec.Struct, frozen=True):
    """A courier by the keyed hash of his number, 32 bytes."""

    phone_hash: bytes
    courier_id: UUID
    person_id: UUID


class NewEmploymentRow(msgspec.Struct, frozen=True):
    """A worker to be named."""

    worker_id: str
    courier_id: UUID
    person_id: UUID
    name: str | None


async def lock_all(
    conn: Connection, *, partner_id: UUID, worker_ids: Sequence[str], phone_hashes: Sequence[bytes]
) -> None:
    """The locks of employments.repository for many workers, then for many numbers, each in one order for everybody."""
    await conn.execute(
        """
        SELECT pg_advisory_xact_lock(key) FROM (
            SELECT DISTINCT hashtextextended($1::text || '/' || worker_id, 14) AS key
            FROM unnest($2::text[]) AS w (worker_id) ORDER BY key
        ) keys
        """,
        str(partner_id), list(worker_ids),
    )  # fmt: skip
    await conn.execute(
        """
        SELECT pg_advisory_xact_lock(key) FROM (
            SELECT DISTINCT hashtextextended(encode(phone_hash, 'hex'), 14) AS key
            FROM unnest($1::bytea[]) AS p (phone_hash) ORDER BY key
        ) keys
        """,
        list(phone_hashes),
    )


async def find_couriers(conn: Connection, *, phone_hashes: Sequence[bytes]) -> dict[bytes, PhoneRow]:
    """By number, the couriers that there are."""
    rows = await fetch_all(
        conn,
        PhoneRow,
        "SELECT phone_hash, courier_id, person_id FROM courier WHERE phone_hash = ANY($1)",
        list(phone_hashes),
    )
    return {row.phone_hash: row for row in rows}


async def insert_couriers(conn: Connection, *, couriers: Sequence[tuple[bytes, UUID]]) -> dict[bytes, PhoneRow]:
    """New couriers (number's hash, person), by number."""
    rows = await fetch_all(
        conn,
        PhoneRow,
        """
        INSERT INTO courier (phone_hash, person_id) SELECT * FROM unnest($1::bytea[], $2::uuid[])
        RETURNING phone_hash, courier_id, person_id
        """,
        [phone_hash for phone_hash, _ in couriers], [person_id for _, person_id in couriers],
    )  # fmt: skip
    return {row.phone_hash: row for row in rows}


async def list_employments(
    conn: Connection, *, partner_id: UUID, worker_ids: Sequence[str] = (), courier_ids: Sequence[UUID] = ()
) -> list[EmploymentRow]:
    """A company's workers that have one of these ids, or are one of these couriers."""
    return await fetch_all(
        conn,
        EmploymentRow,
        """
        SELECT e.partner_id, p.name AS partner_name, e.worker_id, e.courier_id, e.person_id, e.name, e.accepted_at,
            e.left_at, e.link_sent_at
        FROM courier_employment e JOIN partner p USING (partner_id)
        WHERE e.partner_id = $1 AND (e.worker_id = ANY($2) OR e.courier_id = ANY($3))
        """,
        partner_id, list(worker_ids), list(courier_ids),
    )  # fmt: skip


async def share_employments(conn: Connection, *, partner_id: UUID, worker_ids: Sequence[str]) -> list[EmploymentRow]:
    """Those of these workers that a company has, held as they are until the transaction ends; by worker."""
    return await fetch_all(
        conn,
        EmploymentRow,
        """
        SELECT e.partner_id, p.name AS partner_name, e.worker_id, e.courier_id, e.person_id, e.name, e.accepted_at,
            e.left_at, e.link_sent_at
        FROM courier_employment e JOIN partner p USING (partner_id)
        WHERE e.partner_id = $1 AND e.worker_id = ANY($2) ORDER BY e.worker_id FOR SHARE OF e
        """,
        partner_id, list(worker_ids),
    )  # fmt: skip


async def upsert_employments(conn: Connection, *, partner_id: UUID, rows: Sequence[NewEmploymentRow]) -> None:
    """Say which courier each worker is; see employments.repository.upsert_employment."""
    await conn.execute(
        """
        INSERT INTO courier_employment AS e (partner_id, worker_id, courier_id, person_id, name)
        SELECT $1, * FROM unnest($2::text[], $3::uuid[], $4::uuid[], $5::text[])
        ON CONFLICT (partner_id, worker_id) DO UPDATE SET
            courier_id = excluded.courier_id,
            person_id = excluded.person_id,
            name = coalesce(excluded.name, e.name),
            accepted_at = CASE WHEN e.courier_id = excluded.courier_id THEN e.accepted_at END,
            left_at = CASE WHEN e.courier_id = excluded.courier_id THEN e.left_at END,
            link_sent_at = CASE WHEN e.courier_id = excluded.courier_id THEN e.link_sent_at END
        """,
        partner_id,
        [row.worker_id for row in rows],
        [row.courier_id for row in rows],
        [row.person_id for row in rows],
        [row.name for row in rows],
    )


async def mark_links_sent(conn: Connection, *, partner_id: UUID, worker_ids: Sequence[str], now: datetime) -> None:
    """Remember when these couriers were last written to."""
    await conn.execute(
        "UPDATE courier_employment SET link_sent_at = $3 WHERE partner_id = $1 AND worker_id = ANY($2)",
        partner_id, list(worker_ids), now,
    )  # fmt: skip

"""SQL of expected deliveries."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one

__all__ = [
    "DeliveryRow",
    "Handover",
    "assign",
    "count_open",
    "delete_old_deliveries",
    "end_delivery",
    "find_announced",
    "get_delivery_of_partner",
    "hold_lived_in",
    "insert_delivery",
    "list_announced",
    "list_of_home",
    "list_open_assigned",
    "lock_delivery",
    "set_handover",
    "set_simulated",
    "set_subject",
]


Handover = Literal["door", "gate"]


class DeliveryRow(msgspec.Struct, frozen=True):
    """A delivery for a home by a company, which the home expects or the company has named, and who brings it when.

    ``handover`` is where the recipient takes it: at his door, or at the gate, and then nobody is let in for it.
    ``ask_first``: he is let in only once somebody of the home has said yes.
    ``home_id`` is None of a sandbox's, of which ``simulated`` says that it would have a grant.
    ``host_person_id`` is None where nobody has announced it. ``asserted_*`` is the window that the company gave,
    ``valid_*`` what of it lies in the home's.
    """

    community_id: UUID
    delivery_id: UUID
    home_id: UUID | None
    partner_id: UUID
    order_ref: str
    host_person_id: UUID | None
    expected_from: datetime
    expected_until: datetime
    worker_id: str | None
    asserted_from: datetime | None
    asserted_until: datetime | None
    valid_from: datetime | None
    valid_until: datetime | None
    subject_id: UUID | None
    handover: Handover
    ask_first: bool
    ended_at: datetime | None
    simulated: bool


async def insert_delivery(
    conn: Connection,
    *,
    community_id: UUID,
    home_id: UUID | None,
    partner_id: UUID,
    order_ref: str,
    host_person_id: UUID | None,
    expected_from: datetime,
    expected_until: datetime,
    handover: Handover = "door",
    ask_first: bool = False,
) -> DeliveryRow | None:
    """A new announcement, or ``None`` where the home has one of this order."""
    return await fetch_one(
        conn,
        DeliveryRow,
        """
        INSERT INTO delivery (community_id, home_id, partner_id, order_ref, host_person_id, expected_from,
                              expected_until, handover, ask_first)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (community_id, home_id, partner_id, order_ref) WHERE ended_at IS NULL DO NOTHING
        RETURNING community_id, delivery_id, home_id, partner_id, order_ref, host_person_id, expected_from,
            expected_until, worker_id, asserted_from, asserted_until, valid_from, valid_until, subject_id,
            handover, ask_first, ended_at, simulated
        """,
        community_id, home_id, partner_id, order_ref, host_person_id, expected_from, expected_until, handover,
        ask_first,
    )  # fmt: skip


async def find_announced(
    conn: Connection, *, community_id: UUID, home_id: UUID, partner_id: UUID, order_ref: str
) -> DeliveryRow | None:
    """The home's open announcement of that order, locked; None where it has ended meanwhile."""
    return await fetch_one(
        conn,
        DeliveryRow,
        """
        SELECT community_id, delivery_id, home_id, partner_id, order_ref, host_person_id, expected_from,
            expected_until, worker_id, asserted_from, asserted_until, valid_from, valid_until, subject_id,
            handover, ask_first, ended_at, simulated
        FROM delivery
        WHERE community_id = $1 AND home_id = $2 AND partner_id = $3 AND order_ref = $4 AND ended_at IS NULL FOR UPDATE
        """,
        community_id, home_id, partner_id, order_ref,
    )  # fmt: skip


async def list_announced(
    conn: Connection, *, community_id: UUID, partner_id: UUID, order_ref: str, now: datetime
) -> list[DeliveryRow]:
    """Who at the community expects that order of the company and still waits, oldest first, locked."""
    return await fetch_all(
        conn,
        DeliveryRow,
        """
        SELECT community_id, delivery_id, home_id, partner_id, order_ref, host_person_id, expected_from,
            expected_until, worker_id, asserted_from, asserted_until, valid_from, valid_until, subject_id,
            handover, ask_first, ended_at, simulated
        FROM delivery
        WHERE community_id = $1 AND partner_id = $2 AND order_ref = $3 AND ended_at IS NULL AND expected_until > $4
        ORDER BY created_at, delivery_id FOR UPDATE
        """,
        community_id, partner_id, order_ref, now,
    )  # fmt: skip


async def assign(
    conn: Connection,
    *,
    community_id: UUID,
    delivery_id: UUID,
    worker_id: str,
    asserted: tuple[datetime, datetime],
    valid: tuple[datetime, datetime],
) -> DeliveryRow:
    """Say who brings it and when; whatever grant there was is no longer remembered here."""
    return await require_one(
        conn,
        DeliveryRow,
        """
        UPDATE delivery SET worker_id = $3, asserted_from = $4, asserted_until = $5, valid_from = $6, valid_until = $7,
            subject_id = NULL, simulated = false
        WHERE community_id = $1 AND delivery_id = $2
        RETURNING community_id, delivery_id, home_id, partner_id, order_ref, host_person_id, expected_from,
            expected_until, worker_id, asserted_from, asserted_until, valid_from, valid_until, subject_id,
            handover, ask_first, ended_at, simulated
        """,
        community_id, delivery_id, worker_id, *asserted, *valid,
    )  # fmt: skip


async def set_subject(conn: Connection, *, community_id: UUID, delivery_id: UUID, subject_id: UUID | None) -> None:
    """Remember whose grant stands for the delivery, or that none does."""
    await conn.execute(
        "UPDATE delivery SET subject_id = $3 WHERE community_id = $1 AND delivery_id = $2",
        community_id, delivery_id, subject_id,
    )  # fmt: skip


async def set_simulated(conn: Connection, *, community_id: UUID, ids: Sequence[UUID], simulated: bool) -> None:
    """Say of a sandbox's deliveries whether they would have grants."""
    await conn.execute(
        "UPDATE delivery SET simulated = $3 WHERE community_id = $1 AND delivery_id = ANY($2)",
        community_id, list(ids), simulated,
    )  # fmt: skip


async def set_handover(conn: Connection, *, community_id: UUID, delivery_id: UUID, handover: Handover) -> None:
    """Say where the recipient takes it."""
    await conn.execute(
        "UPDATE delivery SET handover = $3 WHERE community_id = $1 AND delivery_id = $2",
        community_id, delivery_id, handover,
    )  # fmt: skip


async def count_open(conn: Connection, *, community_id: UUID, home_id: UUID, now: datetime) -> int:
    """How many deliveries the home still expects."""
    count: int = await conn.fetchval(
        """
        SELECT count(*) FROM delivery
        WHERE community_id = $1 AND home_id = $2 AND ended_at IS NULL AND expected_until > $3
        """,
        community_id, home_id, now,
    )  # fmt: skip
    return count


async def list_of_home(
    conn: Connection, *, community_id: UUID, home_id: UUID, now: datetime, limit: int
) -> list[DeliveryRow]:
    """What the home still expects, soonest first."""
    return await fetch_all(
        conn,
        DeliveryRow,
        """
        SELECT community_id, delivery_id, home_id, partner_id, order_ref, host_person_id, expected_from,
            expected_until, worker_id, asserted_from, asserted_until, valid_from, valid_until, subject_id,
            handover, ask_first, ended_at, simulated
        FROM delivery
        WHERE community_id = $1 AND home_id = $2 AND ended_at IS NULL AND expected_until > $3
        ORDER BY expected_from, delivery_id LIMIT $4
        """,
        community_id, home_id, now, limit,
    )  # fmt: skip


async def get_delivery_of_partner(conn: Connection, *, partner_id: UUID, delivery_id: UUID) -> DeliveryRow | None:
    """A company's delivery, whichever community it is at. Needs the platform scope."""
    return await fetch_one(
        conn,
        DeliveryRow,
        """
        SELECT community_id, delivery_id, home_id, partner_id, order_ref, host_person_id, expected_from,
            expected_until, worker_id, asserted_from, asserted_until, valid_from, valid_until, subject_id,
            handover, ask_first, ended_at, simulated
        FROM delivery WHERE partner_id = $1 AND delivery_id = $2 AND worker_id IS NOT NULL
        """,
        partner_id, delivery_id,
    )  # fmt: skip


async def lock_delivery(
    conn: Connection, *, community_id: UUID, home_id: UUID | None, delivery_id: UUID
) -> DeliveryRow | None:
    """A home's delivery (or a sandbox's), locked."""
    return await fetch_one(
        conn,
        DeliveryRow,
        """
        SELECT community_id, delivery_id, home_id, partner_id, order_ref, host_person_id, expected_from,
            expected_until, worker_id, asserted_from, asserted_until, valid_from, valid_until, subject_id,
            handover, ask_first, ended_at, simulated
        FROM delivery
        WHERE community_id = $1 AND delivery_id = $3 AND home_id IS NOT DISTINCT FROM $2 FOR UPDATE
        """,
        community_id, home_id, delivery_id,
    )  # fmt: skip


async def hold_lived_in(
    conn: Connection, *, community_id: UUID, building: str, unit: str, label: str, now: datetime
) -> UUID | None:
    """The home of that name with a household in it now, locked: its places are counted."""
    home_id: UUID | None = await conn.fetchval(
        """
        SELECT h.home_id FROM home h JOIN building b USING (community_id, building_id)
        WHERE h.community_id = $1 AND b.name = $2 AND h.unit = $3 AND h.label = $4
            AND EXISTS (
                SELECT FROM tenancy t
                WHERE t.community_id = $1 AND t.home_id = h.home_id AND t.ended_at IS NULL AND t.starts_at <= $5
            )
        FOR UPDATE OF h
        """,
        community_id, building, unit, label, now,
    )  # fmt: skip
    return home_id


async def end_delivery(conn: Connection, *, community_id: UUID, delivery_id: UUID, now: datetime) -> None:
    """End a delivery; the first time stays."""
    await conn.execute(
        "UPDATE delivery SET ended_at = $3 WHERE community_id = $1 AND delivery_id = $2 AND ended_at IS NULL",
        community_id, delivery_id, now,
    )  # fmt: skip


async def list_open_assigned(
    conn: Connection, *, community_id: UUID, partner_id: UUID, worker_ids: Sequence[str] | None, now: datetime
) -> list[DeliveryRow]:
    """Deliveries at a community that somebody brings and that are not over, locked: a company's, or some workers'."""
    return await fetch_all(
        conn,
        DeliveryRow,
        """
        SELECT community_id, delivery_id, home_id, partner_id, order_ref, host_person_id, expected_from,
            expected_until, worker_id, asserted_from, asserted_until, valid_from, valid_until, subject_id,
            handover, ask_first, ended_at, simulated
        FROM delivery
        WHERE community_id = $1 AND partner_id = $2 AND ($3::text[] IS NULL OR worker_id = ANY($3))
            AND worker_id IS NOT NULL AND ended_at IS NULL AND valid_until > $4
        ORDER BY delivery_id FOR UPDATE
        """,
        community_id, partner_id, None if worker_ids is None else list(worker_ids), now,
    )  # fmt: skip


async def delete_old_deliveries(conn: Connection, *, community_id: UUID, before: datetime, limit: int) -> int:
    """Delete deliveries that were expected until before that time, at most ``limit``; how many."""
    return affected(
        await conn.execute(
            """
            DELETE FROM delivery WHERE community_id = $1 AND delivery_id IN (
                SELECT delivery_id FROM delivery
                WHERE community_id = $1 AND expected_until < $2 ORDER BY expected_until LIMIT $3
            )
            """,
            community_id, before, limit,
        )
    )  # fmt: skip

"""SQL of many shifts at once."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.couriers.shifts.repository import ShiftRow
from backend.kit.db import Connection, affected, fetch_all

__all__ = ["WindowRow", "insert_shifts", "list_asserted", "set_simulated", "set_subjects"]


class WindowRow(msgspec.Struct, frozen=True):
    """A worker's window at a community."""

    worker_id: str
    starts_at: datetime
    ends_at: datetime


async def insert_shifts(conn: Connection, *, community_id: UUID, partner_id: UUID, windows: Sequence[WindowRow]) -> int:
    """Make the shifts of these windows that are not there yet; how many."""
    return affected(
        await conn.execute(
            """
            INSERT INTO courier_shift (community_id, partner_id, worker_id, starts_at, ends_at)
            SELECT DISTINCT $1::uuid, $2::uuid, g.* FROM unnest($3::text[], $4::timestamptz[], $5::timestamptz[]) AS g
            ON CONFLICT (community_id, partner_id, worker_id, starts_at, ends_at) WHERE ended_at IS NULL DO NOTHING
            """,
            community_id,
            partner_id,
            [window.worker_id for window in windows],
            [window.starts_at for window in windows],
            [window.ends_at for window in windows],
        )
    )


async def list_asserted(
    conn: Connection, *, community_id: UUID, partner_id: UUID, windows: Sequence[WindowRow]
) -> list[ShiftRow]:
    """The open shifts of exactly these windows, in their order; every one must be there."""
    return await fetch_all(
        conn,
        ShiftRow,
        """
        SELECT s.community_id, s.shift_id, s.partner_id, s.worker_id, s.starts_at, s.ends_at, s.subject_id,
            s.ended_at, s.simulated
        FROM unnest($3::text[], $4::timestamptz[], $5::timestamptz[])
            WITH ORDINALITY AS g (worker_id, starts_at, ends_at, position)
        JOIN courier_shift s ON s.community_id = $1 AND s.partner_id = $2 AND s.worker_id = g.worker_id
            AND s.starts_at = g.starts_at AND s.ends_at = g.ends_at AND s.ended_at IS NULL
        ORDER BY g.position
        """,
        community_id,
        partner_id,
        [window.worker_id for window in windows],
        [window.starts_at for window in windows],
        [window.ends_at for window in windows],
    )


async def set_subjects(conn: Connection, *, community_id: UUID, shifts: Sequence[tuple[UUID, UUID | None]]) -> None:
    """Remember whose grant stands for each shift, or that none does."""
    await conn.execute(
        """
        UPDATE courier_shift s SET subject_id = g.subject_id
        FROM unnest($2::uuid[], $3::uuid[]) AS g (shift_id, subject_id)
        WHERE s.community_id = $1 AND s.shift_id = g.shift_id
        """,
        community_id, [shift_id for shift_id, _ in shifts], [subject_id for _, subject_id in shifts],
    )  # fmt: skip


async def set_simulated(conn: Connection, *, community_id: UUID, ids: Sequence[UUID], simulated: bool) -> None:
    """Say of a sandbox's shifts whether they would have grants."""
    await conn.execute(
        "UPDATE courier_shift SET simulated = $3 WHERE community_id = $1 AND shift_id = ANY($2)",
        community_id, list(ids), simulated,
    )  # fmt: skip

"""SQL of shifts."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one

__all__ = [
    "ShiftRow",
    "delete_old_shifts",
    "end_shift",
    "ensure_shift",
    "get_shift",
    "list_open_shifts",
    "lock_shift",
]


class ShiftRow(msgspec.Struct, frozen=True):
    """A worker at a community for one window; ``subject_id`` once a grant was made for it.

    ``simulated`` where a sandbox's would have one.
    """

    community_id: UUID
    shift_id: UUID
    partner_id: UUID
    worker_id: str
    starts_at: datetime
    ends_at: datetime
    subject_id: UUID | None
    ended_at: datetime | None
    simulated: bool


async def ensure_shift(
    conn: Connection, *, community_id: UUID, partner_id: UUID, worker_id: str, starts_at: datetime, ends_at: datetime
) -> tuple[ShiftRow, bool]:
    """The open shift of exactly this window, and whether it was made just now."""
    made = await fetch_one(
        conn,
        ShiftRow,
        """
        INSERT INTO courier_shift (community_id, partner_id, worker_id, starts_at, ends_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (community_id, partner_id, worker_id, starts_at, ends_at) WHERE ended_at IS NULL DO NOTHING
        RETURNING community_id, shift_id, partner_id, worker_id, starts_at, ends_at, subject_id, ended_at, simulated
        """,
        community_id, partner_id, worker_id, starts_at, ends_at,
    )  # fmt: skip
    if made is not None:
        return made, True
    found = await require_one(
        conn,
        ShiftRow,
        """
        SELECT community_id, shift_id, partner_id, worker_id, starts_at, ends_at, subject_id, ended_at, simulated
        FROM courier_shift
        WHERE community_id = $1 AND partner_id = $2 AND worker_id = $3 AND starts_at = $4 AND ends_at = $5
            AND ended_at IS NULL
        """,
        community_id, partner_id, worker_id, starts_at, ends_at,
    )  # fmt: skip
    return found, False


async def get_shift(conn: Connection, *, partner_id: UUID, shift_id: UUID) -> ShiftRow | None:
    """A company's shift, whichever community it is at. Needs the platform scope."""
    return await fetch_one(
        conn,
        ShiftRow,
        """
        SELECT community_id, shift_id, partner_id, worker_id, starts_at, ends_at, subject_id, ended_at, simulated
        FROM courier_shift WHERE partner_id = $1 AND shift_id = $2
        """,
        partner_id, shift_id,
    )  # fmt: skip


async def lock_shift(conn: Connection, *, community_id: UUID, shift_id: UUID) -> ShiftRow | None:
    """A community's shift, locked."""
    return await fetch_one(
        conn,
        ShiftRow,
        """
        SELECT community_id, shift_id, partner_id, worker_id, starts_at, ends_at, subject_id, ended_at, simulated
        FROM courier_shift WHERE community_id = $1 AND shift_id = $2 FOR UPDATE
        """,
        community_id, shift_id,
    )  # fmt: skip


async def end_shift(conn: Connection, *, community_id: UUID, shift_id: UUID, now: datetime) -> None:
    """End a shift; the first time stays."""
    await conn.execute(
        """
        UPDATE courier_shift SET ended_at = $3
        WHERE community_id = $1 AND shift_id = $2 AND ended_at IS NULL
        """,
        community_id, shift_id, now,
    )  # fmt: skip


async def list_open_shifts(
    conn: Connection, *, community_id: UUID, partner_id: UUID, worker_ids: Sequence[str] | None, now: datetime
) -> list[ShiftRow]:
    """The shifts at a community that are not over, locked: a company's, or some workers'."""
    return await fetch_all(
        conn,
        ShiftRow,
        """
        SELECT community_id, shift_id, partner_id, worker_id, starts_at, ends_at, subject_id, ended_at, simulated
        FROM courier_shift
        WHERE community_id = $1 AND partner_id = $2 AND ($3::text[] IS NULL OR worker_id = ANY($3))
            AND ended_at IS NULL AND ends_at > $4
        ORDER BY shift_id FOR UPDATE
        """,
        community_id, partner_id, None if worker_ids is None else list(worker_ids), now,
    )  # fmt: skip


async def delete_old_shifts(conn: Connection, *, community_id: UUID, before: datetime, limit: int) -> int:
    """Delete shifts that were over before that time, at most ``limit``; how many."""
    return affected(
        await conn.execute(
            """
            DELETE FROM courier_shift WHERE community_id = $1 AND shift_id IN (
                SELECT shift_id FROM courier_shift
                WHERE community_id = $1 AND ends_at < $2 ORDER BY ends_at LIMIT $3
            )
            """,
            community_id, before, limit,
        )
    )  # fmt: skip

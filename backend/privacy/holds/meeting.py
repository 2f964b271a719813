"""SQL of where holds and erasures meet: erasures go on without what a hold keeps, and end when it does."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all
from backend.privacy.holds.repository import HoldRow
from backend.privacy.repository import ErasureRow

__all__ = ["has_begun_erasure", "list_disclosed", "list_kept_open", "list_unfinished_erasures"]


class _Erasure(msgspec.Struct, frozen=True):
    erasure_id: UUID


class _MetRow(HoldRow, frozen=True):
    erasure_id: UUID
    held: int


async def has_begun_erasure(conn: Connection, *, person_id: UUID) -> bool:
    """Whether an erasure has begun that has yet to take the person's photographs. Needs his scope."""
    found: bool = await conn.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM erasure e JOIN erasure_step s USING (erasure_id)
            WHERE e.person_id = $1 AND e.completed_at IS NULL AND e.extent <> 'community'
                AND s.name IN ('templates', 'photos', 'key') AND s.done_at IS NULL
        )
        """,
        person_id,
    )
    return found


async def list_kept_open(conn: Connection, *, erasure_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the erasures that met a hold which still keeps what they erase. The worker's, in the platform scope."""
    rows = await fetch_all(
        conn,
        _Erasure,
        """
        SELECT DISTINCT e.erasure_id FROM erasure e JOIN legal_hold h USING (person_id)
        WHERE e.erasure_id = ANY ($1) AND h.set_at <= e.started_at AND h.released_at IS NULL
            AND held_of(e, h) > 0
        """,
        erasure_ids,
    )
    return {row.erasure_id for row in rows}


async def list_disclosed(conn: Connection, *, erasures: Sequence[ErasureRow]) -> dict[UUID, list[HoldRow]]:
    """Holds that each of the erasures met, as far as they may be told, with what they keep of what it erases.

    All in the platform's scope and the person's, its own in a community's.
    """
    rows = await fetch_all(
        conn,
        _MetRow,
        """
        SELECT h.community_id, h.hold_id, h.person_id, h.subject_id, h.member_id, h.basis, h.reference, h.told,
            h.photographs, h.on_register, h.set_by, h.set_at, h.ends_at, h.ended_at, h.released_at,
            e.erasure_id, held_of(e, h) AS held
        FROM erasure e JOIN legal_hold h USING (person_id)
        WHERE e.erasure_id = ANY ($1) AND (h.told OR h.released_at IS NOT NULL) AND h.set_at <= e.started_at
            AND (h.released_at IS NULL OR h.released_at >= e.started_at) AND held_of(e, h) > 0
        ORDER BY h.set_at, h.hold_id
        """,
        [row.erasure_id for row in erasures],
    )
    met: dict[UUID, list[HoldRow]] = {erasure.erasure_id: [] for erasure in erasures}
    for row in rows:
        met[row.erasure_id].append(msgspec.structs.replace(row, photographs=row.held))
    return met


async def list_unfinished_erasures(conn: Connection, *, person_id: UUID) -> list[UUID]:
    """The person's erasures that go on. The worker's, in the platform scope."""
    rows = await fetch_all(
        conn, _Erasure, "SELECT erasure_id FROM erasure WHERE person_id = $1 AND completed_at IS NULL", person_id
    )
    return [row.erasure_id for row in rows]

"""Rules of shifts.

Each function that makes or ends grants takes the community's roster first, as every other change of grants does: so
two of them follow each other, and what one has read still holds when it writes.
"""

from datetime import datetime
from uuid import UUID

from backend.access import service as access
from backend.couriers.employments.service import require_worker
from backend.couriers.rules import (
    SHIFT_AHEAD,
    SHIFT_LONGEST,
)
from backend.couriers.settling import hold, settle_worker
from backend.couriers.shifts import repository as shifts
from backend.couriers.shifts.errors import ShiftNotFound
from backend.couriers.shifts.repository import ShiftRow
from backend.couriers.suspensions.rules import require_welcome
from backend.kit.db import Connection
from backend.kit.windows import check_window
from backend.partners import service as partners

__all__ = [
    "assert_shift",
    "end_shift",
]


async def assert_shift(
    conn: Connection,
    *,
    community_id: UUID,
    partner_id: UUID,
    worker_id: str,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
) -> tuple[ShiftRow, bool]:
    """The company's word that a worker is at a community; the same word twice is one shift.

    Needs the scopes of the community and the platform. Answers the shift and whether it is new; its grant exists
    where the courier has said yes, and otherwise comes when he does.

    Raises:
        WindowEmpty, WindowOver, WindowTooLong, WindowTooFar: the window cannot be asked for.
        PartnerNotAdmitted: the company may not send anybody there.
        WorkerNotFound: it has told of no such worker.
        CourierSuspended: the community does not let him in.
    """
    starts_at, ends_at = check_window(starts_at, ends_at, now=now, longest=SHIFT_LONGEST, ahead=SHIFT_AHEAD)
    await partners.require_admitted(conn, community_id=community_id, partner_id=partner_id)
    await hold(conn, partner_id=partner_id)
    employment = await require_worker(conn, partner_id=partner_id, worker_id=worker_id)
    await require_welcome(conn, community_id=community_id, employment=employment)
    shift, made = await shifts.ensure_shift(
        conn,
        community_id=community_id,
        partner_id=partner_id,
        worker_id=worker_id,
        starts_at=starts_at,
        ends_at=ends_at,
    )
    await settle_worker(conn, community_id=community_id, partner_id=partner_id, worker_id=worker_id, now=now)
    found = await shifts.get_shift(conn, partner_id=partner_id, shift_id=shift.shift_id)
    return found or shift, made


async def end_shift(conn: Connection, *, community_id: UUID, partner_id: UUID, shift_id: UUID, now: datetime) -> None:
    """End a shift and its grant at once; repeating is harmless.

    Raises:
        ShiftNotFound: the company has none such.
    """
    sandbox = await hold(conn, partner_id=partner_id)
    shift = await shifts.lock_shift(conn, community_id=community_id, shift_id=shift_id)
    if shift is None or shift.partner_id != partner_id:
        raise ShiftNotFound
    if not sandbox:
        await access.end_grants(conn, community_id=community_id, source="shift", source_id=shift_id, now=now)
    await shifts.end_shift(conn, community_id=community_id, shift_id=shift_id, now=now)

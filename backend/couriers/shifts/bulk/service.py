"""Rules of asserting many shifts at once: as shifts.service has them for one, with a statement for all."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.couriers.employments.bulk import repository as employments
from backend.couriers.employments.errors import WorkerNotFound
from backend.couriers.employments.repository import EmploymentRow
from backend.couriers.rules import SHIFT_AHEAD, SHIFT_LONGEST
from backend.couriers.settling import hold, settle_workers
from backend.couriers.shifts.bulk import repository
from backend.couriers.shifts.bulk.repository import WindowRow
from backend.couriers.shifts.bulk.schemas import BulkShift
from backend.couriers.shifts.repository import ShiftRow
from backend.couriers.suspensions.repository import list_suspended
from backend.kit.db import Connection
from backend.kit.problems import Problem
from backend.kit.windows import check_window
from backend.partners import repository as admissions
from backend.partners import service as partners
from backend.partners.errors import PartnerNotAdmitted

__all__ = ["Asserted", "Wanted", "assert_many", "check"]


class Wanted(msgspec.Struct, frozen=True):
    """A line's window at one of its communities."""

    number: int
    window: WindowRow


class Asserted(msgspec.Struct, frozen=True):
    """What was done at one community.

    ``shifts`` are by the numbers of their lines, ``gone`` the numbers of lines whose worker was named no longer,
    ``unwelcome`` of those whose worker is suspended there, and ``subjects`` the pseudonyms that have a grant.
    """

    shifts: list[tuple[int, ShiftRow]]
    gone: list[int]
    unwelcome: list[int]
    subjects: frozenset[UUID]


async def check(
    conn: Connection, *, partner_id: UUID, lines: Sequence[tuple[int, BulkShift]], now: datetime
) -> tuple[dict[UUID, list[Wanted]], dict[int, Problem]]:
    """What the lines want, by community, and what stands against the others. Needs the platform scope."""
    admitted = {
        row.community_id
        for row in await admissions.list_admissions(conn, partner_id=partner_id)
        if row.suspended_at is None
    }
    named = {
        row.worker_id
        for row in await employments.list_employments(
            conn, partner_id=partner_id, worker_ids=sorted({line.worker_id for _, line in lines})
        )
    }
    wanted: dict[UUID, list[Wanted]] = {}
    refused: dict[int, Problem] = {}
    for number, line in lines:
        try:
            window = _window(line, admitted=admitted, named=named, now=now)
        except Problem as problem:
            refused[number] = problem
            continue
        for community_id in dict.fromkeys(line.community_ids):
            wanted.setdefault(community_id, []).append(Wanted(number, window))
    return wanted, refused


def _window(line: BulkShift, *, admitted: Collection[UUID], named: Collection[str], now: datetime) -> WindowRow:
    begin, until = check_window(line.starts_at, line.ends_at, now=now, longest=SHIFT_LONGEST, ahead=SHIFT_AHEAD)
    for community_id in line.community_ids:
        if community_id not in admitted:
            raise PartnerNotAdmitted(community_id=str(community_id))
    if line.worker_id not in named:
        raise WorkerNotFound
    return WindowRow(line.worker_id, begin, until)


async def assert_many(
    conn: Connection, *, community_id: UUID, partner_id: UUID, wanted: Sequence[Wanted], now: datetime
) -> Asserted:
    """Assert many shifts at one community. Needs the scopes of the community and the platform.

    Raises:
        PartnerNotAdmitted: the company may not send anybody there any more.
    """
    await partners.require_admitted(conn, community_id=community_id, partner_id=partner_id)
    await hold(conn, partner_id=partner_id)
    worker_ids = sorted({one.window.worker_id for one in wanted})
    named = await employments.share_employments(conn, partner_id=partner_id, worker_ids=worker_ids)
    still = {row.worker_id for row in named}
    unwelcome = await _unwelcome(conn, community_id=community_id, named=named)
    good = [one for one in wanted if one.window.worker_id in still - unwelcome]
    windows = [one.window for one in good]
    await repository.insert_shifts(conn, community_id=community_id, partner_id=partner_id, windows=windows)
    subjects = await settle_workers(
        conn, community_id=community_id, partner_id=partner_id, worker_ids=sorted(still), now=now
    )
    rows = await repository.list_asserted(conn, community_id=community_id, partner_id=partner_id, windows=windows)
    return Asserted(
        shifts=[(one.number, row) for one, row in zip(good, rows, strict=True)],
        gone=[one.number for one in wanted if one.window.worker_id not in still],
        unwelcome=[one.number for one in wanted if one.window.worker_id in unwelcome],
        subjects=frozenset(subjects.values()),
    )


async def _unwelcome(conn: Connection, *, community_id: UUID, named: Sequence[EmploymentRow]) -> set[str]:
    """The workers whom the community does not let in, see :func:`suspensions.rules.require_welcome`."""
    accepted = {row.person_id: row.worker_id for row in named if row.accepted_at is not None}
    suspended = await list_suspended(conn, community_id=community_id, person_ids=list(accepted))
    return {accepted[person_id] for person_id in suspended}

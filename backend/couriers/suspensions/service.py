"""Rules of suspensions: at once at the gates, in the transaction that says so; companies hear of the category only.

All of it needs the scopes of the community and the platform.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from backend.access import repository as roster
from backend.couriers import settling
from backend.couriers.suspensions import repository
from backend.couriers.suspensions.errors import CourierNotFound, SuspensionNotFound
from backend.couriers.suspensions.repository import EmployerRow, SuspensionRow
from backend.kit.db import Connection
from backend.partners import repository as partners
from backend.partners.errors import PartnerNotFound
from backend.partners.events import service as events
from backend.partners.events.kinds import EventKind, SuspensionReason
from backend.partners.events.service import NewEvent

__all__ = ["lift", "resume_company", "suspend_company", "suspend_courier"]


async def suspend_company(
    conn: Connection, *, community_id: UUID, partner_id: UUID, reason: SuspensionReason, now: datetime
) -> bool:
    """Suspend a company at a community: its couriers' grants end in this transaction. Whether it was not before.

    Repeating is harmless; the first reason stays.

    Raises:
        PartnerNotFound: the company was never admitted there.
    """
    await roster.roster_hold(conn)
    await _require_admission(conn, community_id=community_id, partner_id=partner_id)
    if not await partners.suspend(conn, community_id=community_id, partner_id=partner_id, reason=reason, now=now):
        return False
    workers = await settling.workers_with_work(conn, community_id=community_id, partner_id=partner_id, now=now)
    await settling.settle_workers(conn, community_id=community_id, partner_id=partner_id, worker_ids=workers, now=now)
    told = NewEvent(partner_id, EventKind.COMPANY_SUSPENDED, now, community_id=community_id, reason=reason)
    await events.tell(conn, events=[told], now=now)
    return True


async def resume_company(conn: Connection, *, community_id: UUID, partner_id: UUID, now: datetime) -> bool:
    """Let a suspended company back; settling then makes the grants of what is not over. Whether it was suspended.

    Raises:
        PartnerNotFound: the company was never admitted there.
    """
    await roster.roster_hold(conn)
    await _require_admission(conn, community_id=community_id, partner_id=partner_id)
    if not await partners.resume(conn, community_id=community_id, partner_id=partner_id):
        return False
    told = NewEvent(partner_id, EventKind.COMPANY_RESTORED, now, community_id=community_id)
    await events.tell(conn, events=[told], now=now)
    return True


async def suspend_courier(
    conn: Connection, *, community_id: UUID, subject_id: UUID, reason: SuspensionReason, now: datetime
) -> tuple[SuspensionRow, bool]:
    """Suspend one courier at a community, for all his companies; the suspension, and whether it is new.

    What he may do there as somebody's guest or neighbour is not touched. Told are the companies that have sent him
    there at present, and no others.

    Raises:
        CourierNotFound: the community knows no courier by this pseudonym.
    """
    await roster.roster_hold(conn)
    person_id = await repository.find_courier_at(conn, community_id=community_id, subject_id=subject_id)
    if person_id is None:
        raise CourierNotFound
    made = await repository.insert_suspension(
        conn, community_id=community_id, person_id=person_id, reason=reason, now=now
    )
    if made:
        senders = await _senders(conn, community_id=community_id, person_id=person_id, now=now)
        for sender in senders:
            await settling.settle_workers(
                conn,
                community_id=community_id,
                partner_id=sender.partner_id,
                worker_ids=[sender.worker_id],
                now=now,
            )
        told = _told(senders, EventKind.COURIER_SUSPENDED, community_id, person_id, reason, now)
        await events.tell(conn, events=told, now=now)
    row = await repository.get_suspension(conn, community_id=community_id, person_id=person_id)
    if row is None:
        raise CourierNotFound
    return row, made


async def lift(conn: Connection, *, community_id: UUID, suspension_id: UUID, now: datetime) -> list[EmployerRow]:
    """Let a courier back; the companies whose work there is to be settled now.

    Told are those that were told of the suspension, and those that have work for him there.

    Raises:
        SuspensionNotFound: there is none such.
    """
    await roster.roster_hold(conn)
    row = await repository.get_suspension(conn, community_id=community_id, suspension_id=suspension_id)
    if row is None:
        raise SuspensionNotFound
    await repository.delete_suspension(conn, community_id=community_id, suspension_id=suspension_id)
    senders = await _senders(conn, community_id=community_id, person_id=row.person_id, now=now)
    before = await repository.list_told(
        conn, community_id=community_id, person_id=row.person_id, since=row.suspended_at
    )
    everybody = dict.fromkeys([*senders, *before])
    told = _told(everybody, EventKind.COURIER_RESTORED, community_id, row.person_id, None, now)
    await events.tell(conn, events=told, now=now)
    return senders


async def _senders(conn: Connection, *, community_id: UUID, person_id: UUID, now: datetime) -> list[EmployerRow]:
    """The companies that have a shift or a delivery for him at the community that is not over."""
    return [
        employer
        for employer in await repository.list_employers(conn, person_id=person_id)
        if await settling.workers_with_work(
            conn,
            community_id=community_id,
            partner_id=employer.partner_id,
            worker_ids=[employer.worker_id],
            now=now,
        )
    ]


def _told(
    companies: Iterable[EmployerRow],
    kind: EventKind,
    community_id: UUID,
    person_id: UUID,
    reason: SuspensionReason | None,
    now: datetime,
) -> list[NewEvent]:
    return [
        NewEvent(
            company.partner_id,
            kind,
            now,
            worker_id=company.worker_id,
            person_id=person_id,
            community_id=community_id,
            reason=reason,
        )
        for company in companies
    ]


async def _require_admission(conn: Connection, *, community_id: UUID, partner_id: UUID) -> None:
    if await partners.get_admission(conn, community_id=community_id, partner_id=partner_id) is None:
        raise PartnerNotFound

"""Rules of who works for which company."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.couriers.employments import repository as employments
from backend.couriers.employments.errors import CourierHasWorkerId, TooManyLinks, WorkerNotFound
from backend.couriers.employments.limits import link_budgets
from backend.couriers.employments.repository import EmploymentRow
from backend.couriers.rules import (
    LINK_LIFE,
    RESEND_AFTER,
    SESSION_LIFE,
)
from backend.kit.crypto import keyed_hash
from backend.kit.db import Connection
from backend.kit.rates.spending import spend
from backend.links import service as links
from backend.links.errors import LinkClosed
from backend.partners import repository as partners
from backend.partners.events import service as events
from backend.partners.events.kinds import EventKind
from backend.partners.events.service import NewEvent
from backend.people import repository as people

__all__ = [
    "Registered",
    "accept",
    "get_worker",
    "leave",
    "link_due",
    "phone_purpose",
    "register",
    "require_worker",
    "unname",
]


class Registered(msgspec.Struct, frozen=True):
    """A worker, and the token of a link that is to be sent to his phone where one is due; never of a sandbox's."""

    employment: EmploymentRow
    link_token: str | None


async def register(
    conn: Connection,
    *,
    partner_id: UUID,
    worker_id: str,
    phone: str,
    name: str | None,
    language: str,
    pepper: bytes,
    now: datetime,
) -> Registered:
    """Say who a worker is, by his phone. Needs the platform scope.

    A courier whom another company has named before is the same person, which this company cannot tell: it hears
    "pending" until he says yes to it. Another number makes the worker another courier, who has said nothing yet.

    Args:
        conn: a transaction.
        partner_id: the company.
        worker_id: what the company calls him.
        phone: E.164.
        name: what he is called, if the company says so.
        language: which he is written to in, where he is new.
        pepper: the key of hashes.
        now: the present.

    Raises:
        CourierHasWorkerId: the company has that number under another worker id.
        TooManyLinks: a link is due, and too many were sent; nobody may have been named then.
    """
    await employments.lock_worker(conn, partner_id=partner_id, worker_id=worker_id)
    sandbox = await partners.is_sandbox(conn, partner_id=partner_id)
    phone_hash = keyed_hash(pepper, phone_purpose(partner_id, sandbox=sandbox), phone)
    await employments.lock_phone(conn, phone_hash=phone_hash)
    courier = await employments.find_courier(conn, phone_hash=phone_hash)
    if courier is None:
        person = await people.insert_person(conn, language=language)
        courier = await employments.insert_courier(conn, phone_hash=phone_hash, person_id=person.person_id)
    known = await employments.find_employment_of_courier(conn, partner_id=partner_id, courier_id=courier.courier_id)
    if known is not None and known.worker_id != worker_id:
        raise CourierHasWorkerId(worker_id=known.worker_id)
    before = await employments.get_employment(conn, partner_id=partner_id, worker_id=worker_id)
    await employments.upsert_employment(
        conn,
        partner_id=partner_id,
        worker_id=worker_id,
        courier_id=courier.courier_id,
        person_id=courier.person_id,
        name=name,
    )
    # Links after the employment's row, as everybody takes them who needs both.
    if before is not None and before.courier_id != courier.courier_id:
        await links.close(conn, invitation_id=before.courier_id, partner_id=partner_id, now=now)
    employment = await get_worker(conn, partner_id=partner_id, worker_id=worker_id)
    if sandbox or not link_due(employment, now=now):
        return Registered(employment, None)
    wait = await spend(conn, link_budgets(phone, partner_id=partner_id, pepper=pepper), now=now)
    if wait > 0:
        raise TooManyLinks(retry_after_s=wait)
    await links.close(conn, invitation_id=courier.courier_id, partner_id=partner_id, now=now)
    token = await links.create(
        conn,
        kind="courier",
        invitation_id=courier.courier_id,
        partner_id=partner_id,
        person_id=courier.person_id,
        expires_at=now + LINK_LIFE,
        pepper=pepper,
    )
    return Registered(employment, token)


def link_due(employment: EmploymentRow, *, now: datetime) -> bool:
    """Whether somebody who is named now has to be sent a link."""
    recently = employment.link_sent_at is not None and employment.link_sent_at > now - RESEND_AFTER
    return employment.accepted_at is None and not recently


def phone_purpose(partner_id: UUID, *, sandbox: bool) -> str:
    """What couriers' numbers are hashed for: the one number is another courier in each sandbox than in life."""
    return f"sandbox-courier-phone/{partner_id}" if sandbox else "courier-phone"


async def get_worker(conn: Connection, *, partner_id: UUID, worker_id: str) -> EmploymentRow:
    """A company's worker.

    Raises:
        WorkerNotFound: it has told of none with this id.
    """
    row = await employments.get_employment(conn, partner_id=partner_id, worker_id=worker_id)
    if row is None:
        raise WorkerNotFound
    return row


async def accept(
    conn: Connection, *, partner_id: UUID, courier_id: UUID, session_id: UUID | None, now: datetime
) -> EmploymentRow:
    """The courier's yes to a company, from the phone that holds the link from now on. His grants follow by settling.

    Needs the platform scope. The employment's row before the link, as in :func:`register`.

    Raises:
        LinkClosed: the company no longer names him, or has sent another link.
        LinkExpired, LinkHeld, Unauthorised: see :func:`links.hold`.
    """
    accepted = await employments.accept_employment(conn, partner_id=partner_id, courier_id=courier_id, now=now)
    row = accepted or await _employed(conn, partner_id=partner_id, courier_id=courier_id)
    await links.hold(conn, session_id=session_id, now=now)
    person = await people.get_person(conn, person_id=row.person_id)
    if person is not None and person.name is None and row.name is not None:
        await people.update_person(conn, person_id=row.person_id, name=row.name, language=None)
    await links.extend(conn, invitation_id=courier_id, partner_id=partner_id, expires_at=now + SESSION_LIFE)
    if accepted is not None:
        await events.tell(conn, events=[_event(row, EventKind.COURIER_ACTIVE, now)], now=now)
    return row


async def leave(conn: Connection, *, partner_id: UUID, courier_id: UUID, now: datetime) -> EmploymentRow:
    """The courier's no to a company. Needs the platform scope. His grants end by settling.

    Raises:
        LinkClosed: the company does not name him.
    """
    left = await employments.leave_employment(conn, partner_id=partner_id, courier_id=courier_id, now=now)
    if left is not None:
        await events.tell(conn, events=[_event(left, EventKind.COURIER_LEFT, now)], now=now)
    return left or await _employed(conn, partner_id=partner_id, courier_id=courier_id)


async def unname(conn: Connection, *, partner_id: UUID, worker_id: str, now: datetime) -> EmploymentRow:
    """The company's word that this is its worker no longer. Needs the platform scope. His grants end by settling.

    His links close with it: a yes that he gave between the settling and the forgetting would make grants that no record
    leads to any more.

    Raises:
        WorkerNotFound: it has told of none with this id.
    """
    employment = await get_worker(conn, partner_id=partner_id, worker_id=worker_id)
    await employments.leave_employment(conn, partner_id=partner_id, courier_id=employment.courier_id, now=now)
    await links.close(conn, invitation_id=employment.courier_id, partner_id=partner_id, now=now)
    return employment


async def require_worker(conn: Connection, *, partner_id: UUID, worker_id: str) -> EmploymentRow:
    """A company's worker, held as he is until the transaction ends.

    Raises:
        WorkerNotFound: it has told of none with this id.
    """
    row = await employments.share_employment(conn, partner_id=partner_id, worker_id=worker_id)
    if row is None:
        raise WorkerNotFound
    return row


async def _employed(conn: Connection, *, partner_id: UUID, courier_id: UUID) -> EmploymentRow:
    row = await employments.find_employment_of_courier(conn, partner_id=partner_id, courier_id=courier_id)
    if row is None:
        raise LinkClosed
    return row


def _event(row: EmploymentRow, kind: EventKind, now: datetime) -> NewEvent:
    return NewEvent(row.partner_id, kind, now, worker_id=row.worker_id, person_id=row.person_id)

"""Rules of couriers, shifts and deliveries.

Each function that makes or ends grants takes the community's roster first, as every other change of grants does: so
two of them follow each other, and what one has read still holds when it writes.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.access import repository as roster
from backend.access import service as access
from backend.couriers import deliveries, repository
from backend.couriers.deliveries import DeliveryRow
from backend.couriers.errors import (
    CourierHasWorkerId,
    DeliveryAnnounced,
    DeliveryNotFound,
    DeliveryUnexpected,
    DeliveryWindowApart,
    ShiftNotFound,
    TooManyDeliveries,
    WorkerNotFound,
)
from backend.couriers.repository import EmploymentRow, ShiftRow
from backend.couriers.rules import (
    DELIVERY_AHEAD,
    DELIVERY_LONGEST,
    EXPECTED_LONGEST,
    LINK_LIFE,
    OPEN_DELIVERIES_PER_HOME,
    RESEND_AFTER,
    SESSION_LIFE,
    SHIFT_AHEAD,
    SHIFT_LONGEST,
    intersection,
)
from backend.couriers.settling import settle_worker
from backend.households import service as households
from backend.households.homes import repository as homes
from backend.households.repository import TenancyRow
from backend.kit.crypto import keyed_hash
from backend.kit.db import Connection
from backend.kit.windows import check_window
from backend.links import service as links
from backend.links.errors import LinkClosed
from backend.partners import service as partners
from backend.people import repository as people

__all__ = [
    "Registered",
    "accept",
    "assert_shift",
    "deliver",
    "end_delivery",
    "end_expected",
    "end_shift",
    "expect_delivery",
    "expected_of",
    "get_worker",
    "leave",
    "register",
    "unname",
]


class Registered(msgspec.Struct, frozen=True):
    """A worker, and the token of a link that is to be sent to his phone where one is due."""

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
    """
    await repository.lock_worker(conn, partner_id=partner_id, worker_id=worker_id)
    phone_hash = keyed_hash(pepper, "courier-phone", phone)
    await repository.lock_phone(conn, phone_hash=phone_hash)
    courier = await repository.find_courier(conn, phone_hash=phone_hash)
    if courier is None:
        person = await people.insert_person(conn, language=language)
        courier = await repository.insert_courier(conn, phone_hash=phone_hash, person_id=person.person_id)
    known = await repository.find_employment_of_courier(conn, partner_id=partner_id, courier_id=courier.courier_id)
    if known is not None and known.worker_id != worker_id:
        raise CourierHasWorkerId(worker_id=known.worker_id)
    before = await repository.get_employment(conn, partner_id=partner_id, worker_id=worker_id)
    await repository.upsert_employment(
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
    recently = employment.link_sent_at is not None and employment.link_sent_at > now - RESEND_AFTER
    if employment.accepted_at is not None or recently:
        return Registered(employment, None)
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


async def get_worker(conn: Connection, *, partner_id: UUID, worker_id: str) -> EmploymentRow:
    """A company's worker.

    Raises:
        WorkerNotFound: it has told of none with this id.
    """
    row = await repository.get_employment(conn, partner_id=partner_id, worker_id=worker_id)
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
    row = await repository.accept_employment(conn, partner_id=partner_id, courier_id=courier_id, now=now)
    if row is None:
        raise LinkClosed
    await links.hold(conn, session_id=session_id, now=now)
    person = await people.get_person(conn, person_id=row.person_id)
    if person is not None and person.name is None and row.name is not None:
        await people.update_person(conn, person_id=row.person_id, name=row.name, language=None)
    await links.extend(conn, invitation_id=courier_id, partner_id=partner_id, expires_at=now + SESSION_LIFE)
    return row


async def leave(conn: Connection, *, partner_id: UUID, courier_id: UUID, now: datetime) -> EmploymentRow:
    """The courier's no to a company. Needs the platform scope. His grants end by settling.

    Raises:
        LinkClosed: the company does not name him.
    """
    row = await repository.leave_employment(conn, partner_id=partner_id, courier_id=courier_id, now=now)
    if row is None:
        raise LinkClosed
    return row


async def unname(conn: Connection, *, partner_id: UUID, worker_id: str, now: datetime) -> EmploymentRow:
    """The company's word that this is its worker no longer. Needs the platform scope. His grants end by settling.

    His links close with it: a yes that he gave between the settling and the forgetting would make grants that no record
    leads to any more.

    Raises:
        WorkerNotFound: it has told of none with this id.
    """
    employment = await get_worker(conn, partner_id=partner_id, worker_id=worker_id)
    left = await leave(conn, partner_id=partner_id, courier_id=employment.courier_id, now=now)
    await links.close(conn, invitation_id=left.courier_id, partner_id=partner_id, now=now)
    return left


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
    """
    starts_at, ends_at = check_window(starts_at, ends_at, now=now, longest=SHIFT_LONGEST, ahead=SHIFT_AHEAD)
    await partners.require_admitted(conn, community_id=community_id, partner_id=partner_id)
    await roster.roster_hold(conn)
    await _require_worker(conn, partner_id=partner_id, worker_id=worker_id)
    shift, made = await repository.ensure_shift(
        conn,
        community_id=community_id,
        partner_id=partner_id,
        worker_id=worker_id,
        starts_at=starts_at,
        ends_at=ends_at,
    )
    await settle_worker(conn, community_id=community_id, partner_id=partner_id, worker_id=worker_id, now=now)
    found = await repository.get_shift(conn, partner_id=partner_id, shift_id=shift.shift_id)
    return found or shift, made


async def end_shift(conn: Connection, *, community_id: UUID, partner_id: UUID, shift_id: UUID, now: datetime) -> None:
    """End a shift and its grant at once; repeating is harmless.

    Raises:
        ShiftNotFound: the company has none such.
    """
    await roster.roster_hold(conn)
    shift = await repository.lock_shift(conn, community_id=community_id, shift_id=shift_id)
    if shift is None or shift.partner_id != partner_id:
        raise ShiftNotFound
    await access.end_grants(conn, community_id=community_id, source="shift", source_id=shift_id, now=now)
    await repository.end_shift(conn, community_id=community_id, shift_id=shift_id, now=now)


async def expect_delivery(
    conn: Connection,
    *,
    tenancy: TenancyRow,
    host_person_id: UUID,
    partner_id: UUID,
    order_ref: str,
    expected: tuple[datetime, datetime],
    now: datetime,
) -> DeliveryRow:
    """A home's word that it expects an order of a company; the same word twice is one delivery.

    The caller holds the tenancy and has shown that it is his.

    Raises:
        WindowEmpty, WindowOver, WindowTooLong, WindowTooFar: the window cannot be asked for.
        OutsideTenancy: the household does not live there then.
        PartnerNotAdmitted: the company does not come to this community.
        TooManyDeliveries: the home expects as many as it may.
        DeliveryAnnounced: it expects this order at another time.
    """
    begin, until = check_window(*expected, now=now, longest=EXPECTED_LONGEST, ahead=DELIVERY_AHEAD)
    households.require_within(tenancy, begin=begin, until=until)
    community_id, home_id = tenancy.community_id, tenancy.home_id
    await partners.require_admitted(conn, community_id=community_id, partner_id=partner_id)
    # Two announcements at once would each count the other's place as free.
    await homes.get_home_for_update(conn, community_id=community_id, home_id=home_id)
    row = await deliveries.insert_delivery(
        conn,
        community_id=community_id,
        home_id=home_id,
        partner_id=partner_id,
        order_ref=order_ref,
        host_person_id=host_person_id,
        expected_from=begin,
        expected_until=until,
    )
    if row is None:
        row = await deliveries.find_announced(
            conn, community_id=community_id, home_id=home_id, partner_id=partner_id, order_ref=order_ref
        )
        if (row.expected_from, row.expected_until) != (begin, until):
            raise DeliveryAnnounced(delivery_id=str(row.delivery_id))
        return row
    if (
        await deliveries.count_open(conn, community_id=community_id, home_id=home_id, now=now)
        > OPEN_DELIVERIES_PER_HOME
    ):
        raise TooManyDeliveries(limit=OPEN_DELIVERIES_PER_HOME)
    return row


async def expected_of(conn: Connection, *, community_id: UUID, home_id: UUID, now: datetime) -> list[DeliveryRow]:
    """What a home still expects, soonest first."""
    return await deliveries.list_of_home(
        conn, community_id=community_id, home_id=home_id, now=now, limit=OPEN_DELIVERIES_PER_HOME
    )


async def end_expected(
    conn: Connection, *, community_id: UUID, home_id: UUID, host_person_id: UUID | None = None, now: datetime
) -> None:
    """End what a home expects at once, when its household leaves, or what the one member does who leaves."""
    await roster.roster_hold(conn)
    for row in await deliveries.list_of_home(
        conn, community_id=community_id, home_id=home_id, now=now, limit=OPEN_DELIVERIES_PER_HOME
    ):
        if host_person_id in (None, row.host_person_id):
            await end_delivery(conn, community_id=community_id, home_id=home_id, delivery_id=row.delivery_id, now=now)


async def deliver(
    conn: Connection,
    *,
    community_id: UUID,
    partner_id: UUID,
    worker_id: str,
    order_ref: str,
    asserted: tuple[datetime, datetime],
    now: datetime,
) -> DeliveryRow:
    """The company's word who brings an order and when; another worker or window takes the former one's place.

    The grant is for what the company's window and the recipient's have in common. Needs the scopes of the community
    and the platform.

    Raises:
        WindowEmpty, WindowOver, WindowTooLong, WindowTooFar: the window cannot be asked for.
        PartnerNotAdmitted: the company may not send anybody there.
        WorkerNotFound: it has told of no such worker.
        DeliveryUnexpected: nobody there expects the order.
        DeliveryWindowApart: the recipient expects it at another time.
    """
    begin, until = check_window(*asserted, now=now, longest=DELIVERY_LONGEST, ahead=DELIVERY_AHEAD)
    await partners.require_admitted(conn, community_id=community_id, partner_id=partner_id)
    await roster.roster_hold(conn)
    await _require_worker(conn, partner_id=partner_id, worker_id=worker_id)
    announced = await deliveries.list_announced(
        conn, community_id=community_id, partner_id=partner_id, order_ref=order_ref, now=now
    )
    if not announced:
        raise DeliveryUnexpected
    for row in announced:
        if (row.worker_id, row.asserted_from, row.asserted_until) == (worker_id, begin, until):
            found = row
            break
        agreed = intersection((begin, until), (row.expected_from, row.expected_until))
        if agreed is not None and agreed[1] > now:
            await access.end_grants(
                conn, community_id=community_id, source="delivery", source_id=row.delivery_id, now=now
            )
            found = await deliveries.assign(
                conn,
                community_id=community_id,
                delivery_id=row.delivery_id,
                worker_id=worker_id,
                asserted=(begin, until),
                valid=agreed,
            )
            break
    else:
        raise DeliveryWindowApart
    await settle_worker(conn, community_id=community_id, partner_id=partner_id, worker_id=worker_id, now=now)
    settled = await deliveries.get_delivery_of_partner(conn, partner_id=partner_id, delivery_id=found.delivery_id)
    return settled or found


async def end_delivery(
    conn: Connection, *, community_id: UUID, home_id: UUID, delivery_id: UUID, now: datetime
) -> None:
    """End a delivery and its grant at once: it came, or no longer comes. Repeating is harmless.

    Raises:
        DeliveryNotFound: the home has none such.
    """
    await roster.roster_hold(conn)
    row = await deliveries.lock_delivery(conn, community_id=community_id, home_id=home_id, delivery_id=delivery_id)
    if row is None:
        raise DeliveryNotFound
    await access.end_grants(conn, community_id=community_id, source="delivery", source_id=delivery_id, now=now)
    await deliveries.end_delivery(conn, community_id=community_id, delivery_id=delivery_id, now=now)


async def _require_worker(conn: Connection, *, partner_id: UUID, worker_id: str) -> EmploymentRow:
    row = await repository.share_employment(conn, partner_id=partner_id, worker_id=worker_id)
    if row is None:
        raise WorkerNotFound
    return row

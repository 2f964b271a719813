"""Rules of deliveries.

Each function that makes or ends grants takes the community's roster first, as every other change of grants does: so
two of them follow each other, and what one has read still holds when it writes.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.access import repository as roster
from backend.access import service as access
from backend.couriers.deliveries import repository as deliveries
from backend.couriers.deliveries.errors import (
    DeliveryAnnounced,
    DeliveryNotFound,
    DeliveryUnexpected,
    DeliveryWindowApart,
    TooManyDeliveries,
)
from backend.couriers.deliveries.repository import DeliveryRow, Handover
from backend.couriers.employments.service import require_worker
from backend.couriers.rules import (
    DELIVERY_AHEAD,
    DELIVERY_LONGEST,
    EXPECTED_LONGEST,
    OPEN_DELIVERIES_PER_HOME,
    UNANNOUNCED_LONGEST,
    intersection,
)
from backend.couriers.settling import hold, settle_worker
from backend.couriers.suspensions.rules import require_welcome
from backend.households import service as households
from backend.households.errors import HomeNotFound
from backend.households.homes import repository as homes
from backend.households.repository import TenancyRow
from backend.kit.db import Connection
from backend.kit.windows import check_window
from backend.partners import service as partners
from backend.partners.errors import PartnerNotAdmitted

__all__ = [
    "Place",
    "deliver",
    "end_delivery",
    "end_expected",
    "expect_delivery",
    "expected_of",
    "hand_over",
]


class Place(msgspec.Struct, frozen=True):
    """A home by the names that stand on its door."""

    building: str
    unit: str
    home: str


async def expect_delivery(
    conn: Connection,
    *,
    tenancy: TenancyRow,
    host_person_id: UUID,
    partner_id: UUID,
    order_ref: str,
    expected: tuple[datetime, datetime],
    handover: Handover = "door",
    ask_first: bool = False,
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
    admission = await partners.require_admitted(conn, community_id=community_id, partner_id=partner_id)
    if admission.sandbox:
        raise PartnerNotAdmitted
    # Two announcements at once would each count the other's place as free.
    await homes.get_home_for_update(conn, community_id=community_id, home_id=home_id)
    row, made = await _ensure(
        conn,
        community_id=community_id,
        home_id=home_id,
        partner_id=partner_id,
        order_ref=order_ref,
        host_person_id=host_person_id,
        expected=(begin, until),
        handover=handover,
        ask_first=ask_first,
    )
    if not made:
        said = (row.expected_from, row.expected_until, row.handover, row.ask_first)
        if said != (begin, until, handover, ask_first):
            raise DeliveryAnnounced(delivery_id=str(row.delivery_id))
        return row
    await _require_room(conn, community_id=community_id, home_id=home_id, now=now)
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
    place: Place | None = None,
    now: datetime,
) -> DeliveryRow:
    """The company's word who brings an order and when; another worker or window takes the former one's place.

    The grant is for what the company's window and the recipient's have in common. Needs the scopes of the community
    and the platform. Where nobody has announced the order, ``place`` names the home; the household sees it, and may
    end it or have it left at the gate.

    Raises:
        WindowEmpty, WindowOver, WindowTooLong, WindowTooFar: the window cannot be asked for.
        PartnerNotAdmitted: the company may not send anybody there.
        HomeNotFound: nobody lives in such a home there.
        TooManyDeliveries: the home expects as many as it may.
        WorkerNotFound: it has told of no such worker.
        CourierSuspended: the community does not let him in.
        DeliveryUnexpected: nobody there expects the order.
        DeliveryWindowApart: the recipient expects it at another time.
    """
    begin, until = check_window(*asserted, now=now, longest=DELIVERY_LONGEST, ahead=DELIVERY_AHEAD)
    await partners.require_admitted(conn, community_id=community_id, partner_id=partner_id)
    sandbox = await hold(conn, partner_id=partner_id)
    employment = await require_worker(conn, partner_id=partner_id, worker_id=worker_id)
    await require_welcome(conn, community_id=community_id, employment=employment)
    announced = await deliveries.list_announced(
        conn, community_id=community_id, partner_id=partner_id, order_ref=order_ref, now=now
    )
    if place is not None:
        home_id = None if sandbox else await _lived_in(conn, community_id=community_id, place=place, now=now)
        announced = [row for row in announced if row.home_id == home_id] or [
            await _unannounced(
                conn,
                community_id=community_id,
                home_id=home_id,
                partner_id=partner_id,
                order_ref=order_ref,
                window=(begin, until),
                now=now,
            )
        ]
    if not announced:
        raise DeliveryUnexpected
    for row in announced:
        if (row.worker_id, row.asserted_from, row.asserted_until) == (worker_id, begin, until):
            found = row
            break
        agreed = intersection((begin, until), (row.expected_from, row.expected_until))
        if agreed is not None and agreed[1] > now:
            if not sandbox:
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


async def hand_over(
    conn: Connection, *, community_id: UUID, home_id: UUID, delivery_id: UUID, handover: Handover, now: datetime
) -> DeliveryRow:
    """Where the recipient takes it: "gate" ends the courier's right to pass for it, "door" gives it back.

    Needs the scope of the community. A right that comes back is given by settling.

    Raises:
        DeliveryNotFound: the home has none such, or it has ended.
    """
    await roster.roster_hold(conn)
    row = await deliveries.lock_delivery(conn, community_id=community_id, home_id=home_id, delivery_id=delivery_id)
    if row is None or row.ended_at is not None:
        raise DeliveryNotFound
    await deliveries.set_handover(conn, community_id=community_id, delivery_id=delivery_id, handover=handover)
    if handover == "gate":
        await access.end_grants(conn, community_id=community_id, source="delivery", source_id=delivery_id, now=now)
        await deliveries.set_subject(conn, community_id=community_id, delivery_id=delivery_id, subject_id=None)
    found = await deliveries.lock_delivery(conn, community_id=community_id, home_id=home_id, delivery_id=delivery_id)
    return found or row


async def end_delivery(
    conn: Connection, *, community_id: UUID, home_id: UUID | None, delivery_id: UUID, now: datetime
) -> None:
    """End a delivery and its grant at once: it came, or no longer comes. Repeating is harmless.

    ``home_id`` None is a sandbox's, which has no home and no grant.

    Raises:
        DeliveryNotFound: the home has none such.
    """
    if home_id is not None:
        await roster.roster_hold(conn)
    row = await deliveries.lock_delivery(conn, community_id=community_id, home_id=home_id, delivery_id=delivery_id)
    if row is None:
        raise DeliveryNotFound
    if home_id is not None:
        await access.end_grants(conn, community_id=community_id, source="delivery", source_id=delivery_id, now=now)
    await deliveries.end_delivery(conn, community_id=community_id, delivery_id=delivery_id, now=now)


async def _ensure(
    conn: Connection,
    *,
    community_id: UUID,
    home_id: UUID | None,
    partner_id: UUID,
    order_ref: str,
    host_person_id: UUID | None,
    expected: tuple[datetime, datetime],
    handover: Handover = "door",
    ask_first: bool = False,
) -> tuple[DeliveryRow, bool]:
    """The home's open delivery of that order, and whether it was made just now. The caller holds the home."""
    while True:
        made = await deliveries.insert_delivery(
            conn,
            community_id=community_id,
            home_id=home_id,
            partner_id=partner_id,
            order_ref=order_ref,
            host_person_id=host_person_id,
            expected_from=expected[0],
            expected_until=expected[1],
            handover=handover,
            ask_first=ask_first,
        )
        if made is not None:
            return made, True
        # It may have ended since: who ends it does not hold the home. Then there is none, and nobody else makes one.
        if home_id is None:
            raise LookupError("what is for no home stands in nobody's way")
        found = await deliveries.find_announced(
            conn, community_id=community_id, home_id=home_id, partner_id=partner_id, order_ref=order_ref
        )
        if found is not None:
            return found, False


async def _unannounced(
    conn: Connection,
    *,
    community_id: UUID,
    home_id: UUID | None,
    partner_id: UUID,
    order_ref: str,
    window: tuple[datetime, datetime],
    now: datetime,
) -> DeliveryRow:
    """The company's word alone that an order is for a home, within what it may claim so."""
    check_window(*window, now=now, longest=UNANNOUNCED_LONGEST, ahead=DELIVERY_AHEAD)
    row, made = await _ensure(
        conn,
        community_id=community_id,
        home_id=home_id,
        partner_id=partner_id,
        order_ref=order_ref,
        host_person_id=None,
        expected=window,
    )
    if not made or home_id is None:
        return row
    await _require_room(conn, community_id=community_id, home_id=home_id, now=now)
    return row


async def _require_room(conn: Connection, *, community_id: UUID, home_id: UUID, now: datetime) -> None:
    """After one was made: it counts."""
    if (
        await deliveries.count_open(conn, community_id=community_id, home_id=home_id, now=now)
        > OPEN_DELIVERIES_PER_HOME
    ):
        raise TooManyDeliveries(limit=OPEN_DELIVERIES_PER_HOME)


async def _lived_in(conn: Connection, *, community_id: UUID, place: Place, now: datetime) -> UUID:
    """The home of that name, held, where a household lives in it now."""
    home_id = await deliveries.hold_lived_in(
        conn, community_id=community_id, building=place.building, unit=place.unit, label=place.home, now=now
    )
    if home_id is None:
        raise HomeNotFound
    return home_id

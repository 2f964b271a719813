"""Rules of deliveries.

Each function that makes or ends grants takes the community's roster first, as every other change of grants does: so
two of them follow each other, and what one has read still holds when it writes.
"""

from datetime import datetime
from uuid import UUID

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
from backend.couriers.deliveries.repository import DeliveryRow
from backend.couriers.employments.service import require_worker
from backend.couriers.rules import (
    DELIVERY_AHEAD,
    DELIVERY_LONGEST,
    EXPECTED_LONGEST,
    OPEN_DELIVERIES_PER_HOME,
    intersection,
)
from backend.couriers.settling import settle_worker
from backend.households import service as households
from backend.households.homes import repository as homes
from backend.households.repository import TenancyRow
from backend.kit.db import Connection
from backend.kit.windows import check_window
from backend.partners import service as partners

__all__ = [
    "deliver",
    "end_delivery",
    "end_expected",
    "expect_delivery",
    "expected_of",
]


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
    await require_worker(conn, partner_id=partner_id, worker_id=worker_id)
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

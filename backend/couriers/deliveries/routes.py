"""Companies: who brings which order. Residents: what they expect."""

from uuid import UUID

from litestar import Router, delete, get, post, put

from backend.audit import service as audit
from backend.couriers import settling
from backend.couriers.deliveries import repository as deliveries
from backend.couriers.deliveries import service
from backend.couriers.deliveries.errors import (
    DeliveryAnnounced,
    DeliveryNotFound,
    DeliveryUnexpected,
    DeliveryWindowApart,
    TooManyDeliveries,
)
from backend.couriers.deliveries.schemas import (
    Delivery,
    DeliveryList,
    ExpectDelivery,
    ExpectedDelivery,
    HandOver,
    NewDelivery,
)
from backend.couriers.employments.errors import WorkerNotFound
from backend.couriers.rules import WINDOW_REFUSALS
from backend.couriers.suspensions.errors import CourierSuspended
from backend.households import service as households
from backend.households.errors import HomeNotFound, OutsideTenancy
from backend.households.guards import of_household
from backend.keys.service import Keys
from backend.kit.auth import PartnerPrincipal, ResidentPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import Unauthorised, problems
from backend.partners.errors import InsufficientScope, PartnerNotAdmitted

__all__ = ["partner_router", "resident_router"]


@post(
    "/",
    status_code=200,
    opt={"needs": "deliveries:write"},
    responses=problems(
        Unauthorised,
        InsufficientScope,
        PartnerNotAdmitted,
        WorkerNotFound,
        CourierSuspended,
        HomeNotFound,
        DeliveryUnexpected,
        DeliveryWindowApart,
        TooManyDeliveries,
        *WINDOW_REFUSALS,
    ),
    summary="Say who brings an order",
)
async def deliver(data: NewDelivery, partner: PartnerPrincipal, db: Database, keys: Keys, clock: Clock) -> Delivery:
    """Assign a worker to an order; the gates let him pass while the recipient's window and this one agree.

    An order that no resident has announced needs its `home`; the household sees it and may end it. Where the recipient
    has it left at the gate, the state is `at_the_gate`, and nobody is let in for it.

    Repeating changes nothing; another worker or window takes the former one's place.
    """
    now = clock()
    async with db.transaction(Scope(community_id=data.community_id, platform=True)) as conn:
        row = await service.deliver(
            conn,
            community_id=data.community_id,
            partner_id=partner.partner_id,
            worker_id=data.worker_id,
            order_ref=data.order_ref,
            asserted=(data.valid_from, data.valid_until),
            place=None if data.home is None else service.Place(data.home.building, data.home.unit, data.home.home),
            now=now,
        )
        await audit.record(
            conn,
            community_id=data.community_id,
            actor=f"partner:{partner.partner_id}",
            action="delivery.assign",
            target=f"delivery:{row.delivery_id}",
        )
    await settling.attach_worker(
        db,
        keys,
        community_id=data.community_id,
        subject_id=row.subject_id,
        partner_id=partner.partner_id,
        worker_id=data.worker_id,
        now=now,
    )
    return Delivery.of(row, now)


@delete(
    "/{delivery_id:uuid}",
    opt={"needs": "deliveries:write"},
    responses=problems(Unauthorised, InsufficientScope, DeliveryNotFound),
    summary="End a delivery",
)
async def end_delivery(delivery_id: UUID, partner: PartnerPrincipal, db: Database, clock: Clock) -> None:
    """The order was brought, or will not be: the right to pass ends at once."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        row = await deliveries.get_delivery_of_partner(conn, partner_id=partner.partner_id, delivery_id=delivery_id)
    if row is None:
        raise DeliveryNotFound
    async with db.transaction(Scope(community_id=row.community_id)) as conn:
        await service.end_delivery(
            conn, community_id=row.community_id, home_id=row.home_id, delivery_id=delivery_id, now=clock()
        )
        await audit.record(
            conn,
            community_id=row.community_id,
            actor=f"partner:{partner.partner_id}",
            action="delivery.end",
            target=f"delivery:{delivery_id}",
        )


@post(
    "/",
    guards=[of_household],
    responses=problems(
        Unauthorised,
        HomeNotFound,
        OutsideTenancy,
        PartnerNotAdmitted,
        DeliveryAnnounced,
        TooManyDeliveries,
        *WINDOW_REFUSALS,
    ),
    summary="Expect a delivery",
)
async def expect_delivery(
    community_id: UUID, home_id: UUID, data: ExpectDelivery, resident: ResidentPrincipal, db: Database, clock: Clock
) -> ExpectedDelivery:
    """Announce an order of a company: its courier may pass once the company says who brings it."""
    scope = Scope(community_id=community_id, person_id=resident.person_id)
    async with db.transaction(scope) as conn:
        tenancy = await households.hold_home(
            conn, community_id=community_id, home_id=home_id, person_id=resident.person_id
        )
        row = await service.expect_delivery(
            conn,
            tenancy=tenancy,
            host_person_id=resident.person_id,
            partner_id=data.partner_id,
            order_ref=data.order_ref,
            expected=(data.valid_from, data.valid_until),
            handover=data.handover,
            ask_first=data.ask_first,
            now=clock(),
        )
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"resident:{resident.person_id}",
            action="delivery.expect",
            target=f"delivery:{row.delivery_id}",
        )
    return ExpectedDelivery.of(row)


@get("/", responses=problems(Unauthorised, HomeNotFound), summary="List expected deliveries")
async def list_deliveries(
    community_id: UUID, home_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock
) -> DeliveryList:
    """What the home still expects, soonest first."""
    scope = Scope(community_id=community_id, person_id=resident.person_id)
    async with db.transaction(scope, read_only=True) as conn:
        await households.require_home(conn, community_id=community_id, home_id=home_id, person_id=resident.person_id)
        rows = await service.expected_of(conn, community_id=community_id, home_id=home_id, now=clock())
    return DeliveryList(tuple(ExpectedDelivery.of(row) for row in rows))


@put(
    "/{delivery_id:uuid}/handover",
    guards=[of_household],
    responses=problems(Unauthorised, HomeNotFound, DeliveryNotFound),
    summary="Say where a delivery is taken",
)
async def hand_over(
    community_id: UUID,
    home_id: UUID,
    delivery_id: UUID,
    data: HandOver,
    resident: ResidentPrincipal,
    db: Database,
    keys: Keys,
    clock: Clock,
) -> ExpectedDelivery:
    """At the door, or left at the gate: then its courier's right to pass for it ends at once."""
    now = clock()
    scope = Scope(community_id=community_id, person_id=resident.person_id)
    async with db.transaction(scope) as conn:
        await households.require_home(conn, community_id=community_id, home_id=home_id, person_id=resident.person_id)
        row = await service.hand_over(
            conn,
            community_id=community_id,
            home_id=home_id,
            delivery_id=delivery_id,
            handover=data.handover,
            now=now,
        )
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"resident:{resident.person_id}",
            action="delivery.hand-over",
            target=f"delivery:{delivery_id}",
        )
    if row.worker_id is not None and data.handover == "door":
        await settling.settle(db, keys, partner_id=row.partner_id, worker_id=row.worker_id, now=now)
    return ExpectedDelivery.of(row)


@delete(
    "/{delivery_id:uuid}",
    responses=problems(Unauthorised, HomeNotFound, DeliveryNotFound),
    summary="Expect a delivery no longer",
)
async def cancel_delivery(
    community_id: UUID, home_id: UUID, delivery_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock
) -> None:
    """End a delivery; its courier's right to pass ends at once."""
    scope = Scope(community_id=community_id, person_id=resident.person_id)
    async with db.transaction(scope) as conn:
        await households.require_home(conn, community_id=community_id, home_id=home_id, person_id=resident.person_id)
        await service.end_delivery(
            conn, community_id=community_id, home_id=home_id, delivery_id=delivery_id, now=clock()
        )
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"resident:{resident.person_id}",
            action="delivery.cancel",
            target=f"delivery:{delivery_id}",
        )


partner_router = Router(path="/deliveries", route_handlers=[deliver, end_delivery], tags=["deliveries"])
resident_router = Router(
    path="/homes/{community_id:uuid}/{home_id:uuid}/deliveries",
    route_handlers=[expect_delivery, list_deliveries, hand_over, cancel_delivery],
    tags=["deliveries"],
)

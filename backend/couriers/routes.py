"""Companies: workers, shifts, deliveries. Residents: expected deliveries. Staff: suspending a company."""

from typing import Annotated
from uuid import UUID

from litestar import Response, Router, delete, get, post, put
from litestar.params import Parameter

from backend.accounts import phones
from backend.accounts.errors import PhoneInvalid
from backend.audit import service as audit
from backend.couriers import deliveries, repository, service, settling
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
from backend.couriers.schemas import (
    Courier,
    Delivery,
    DeliveryList,
    ExpectDelivery,
    ExpectedDelivery,
    NewDelivery,
    NewShift,
    PutCourier,
    Shift,
)
from backend.households import service as households
from backend.households.errors import HomeNotFound, OutsideTenancy
from backend.keys.service import Keys
from backend.kit.auth import PartnerPrincipal, Permission, ResidentPrincipal, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.messages import MessagesUnavailable, Sender
from backend.kit.problems import Forbidden, Unauthorised, problems
from backend.kit.windows import WindowEmpty, WindowOver, WindowTooFar, WindowTooLong
from backend.links.addresses import link_address
from backend.partners.errors import InsufficientScope, PartnerNotAdmitted, PartnerNotFound
from backend.partners.service import require_scope

__all__ = ["partner_router", "resident_router", "staff_router"]

WorkerId = Annotated[str, Parameter(min_length=1, max_length=100, pattern="^[A-Za-z0-9._~:@+-]+$")]
_WINDOW = (WindowEmpty, WindowOver, WindowTooLong, WindowTooFar)


@put(
    "/couriers/{worker_id:str}",
    responses=problems(Unauthorised, InsufficientScope, CourierHasWorkerId, PhoneInvalid, MessagesUnavailable),
    summary="Name a worker",
)
async def put_courier(
    worker_id: WorkerId,
    data: PutCourier,
    partner: PartnerPrincipal,
    db: Database,
    keys: Keys,
    sender: Sender,
    public_url: str,
    pepper: bytes,
    clock: Clock,
) -> Courier:
    """Say who a worker is by his telephone number; he gets a link there, and says yes or no on his own phone.

    Repeating is harmless: he is written to at most once an hour, and not at all once he has said yes.
    """
    require_scope(partner, "couriers")
    phone = phones.parse(data.phone)
    now = clock()
    async with db.transaction(Scope(platform=True)) as conn:
        registered = await service.register(
            conn,
            partner_id=partner.partner_id,
            worker_id=worker_id,
            phone=phone,
            name=data.name,
            language=data.language,
            pepper=pepper,
            now=now,
        )
        await audit.record(
            conn,
            community_id=None,
            actor=f"partner:{partner.partner_id}",
            action="courier.name",
            target=f"courier:{registered.employment.courier_id}",
        )
    # Where the worker has become another person, the grants of the former one end here.
    await settling.settle(db, keys, partner_id=partner.partner_id, worker_id=worker_id, now=now)
    if registered.link_token is not None:
        await sender.send(
            to=phone,
            template="courier_link",
            values={
                "company": registered.employment.partner_name,
                "link": link_address(public_url, registered.link_token),
            },
            language=data.language,
        )
        async with db.transaction(Scope(platform=True)) as conn:
            await repository.mark_link_sent(conn, partner_id=partner.partner_id, worker_id=worker_id, now=now)
    return Courier.of(registered.employment)


@get(
    "/couriers/{worker_id:str}",
    responses=problems(Unauthorised, InsufficientScope, WorkerNotFound),
    summary="Read a worker's state",
)
async def read_courier(worker_id: WorkerId, partner: PartnerPrincipal, db: Database) -> Courier:
    """Whether the worker has said yes to this company."""
    require_scope(partner, "couriers")
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        return Courier.of(await service.get_worker(conn, partner_id=partner.partner_id, worker_id=worker_id))


@delete(
    "/couriers/{worker_id:str}",
    responses=problems(Unauthorised, InsufficientScope, WorkerNotFound),
    summary="Name a worker no longer",
)
async def delete_courier(
    worker_id: WorkerId, partner: PartnerPrincipal, db: Database, keys: Keys, clock: Clock
) -> None:
    """He no longer works for the company: his grants end at once, his shifts are forgotten."""
    require_scope(partner, "couriers")
    now = clock()
    async with db.transaction(Scope(platform=True)) as conn:
        employment = await service.unname(conn, partner_id=partner.partner_id, worker_id=worker_id, now=now)
        await audit.record(
            conn,
            community_id=None,
            actor=f"partner:{partner.partner_id}",
            action="courier.unname",
            target=f"courier:{employment.courier_id}",
        )
    # Only when every grant has ended is the record forgotten by which it could be found again.
    await settling.settle(db, keys, partner_id=partner.partner_id, worker_id=worker_id, now=now)
    async with db.transaction(Scope(platform=True)) as conn:
        await repository.delete_left_employment(conn, partner_id=partner.partner_id, worker_id=worker_id)


@post(
    "/shifts",
    responses=problems(Unauthorised, InsufficientScope, PartnerNotAdmitted, WorkerNotFound, *_WINDOW),
    summary="Assert a shift",
)
async def assert_shift(
    data: NewShift, partner: PartnerPrincipal, db: Database, keys: Keys, clock: Clock
) -> Response[Shift]:
    """A worker is at a community for one window. The same assertion again answers 200 and the same shift."""
    require_scope(partner, "shifts")
    now = clock()
    async with db.transaction(Scope(community_id=data.community_id, platform=True)) as conn:
        shift, made = await service.assert_shift(
            conn,
            community_id=data.community_id,
            partner_id=partner.partner_id,
            worker_id=data.worker_id,
            starts_at=data.starts_at,
            ends_at=data.ends_at,
            now=now,
        )
        if made:
            await audit.record(
                conn,
                community_id=data.community_id,
                actor=f"partner:{partner.partner_id}",
                action="shift.assert",
                target=f"shift:{shift.shift_id}",
            )
    await settling.attach_worker(
        db,
        keys,
        community_id=data.community_id,
        subject_id=shift.subject_id,
        partner_id=partner.partner_id,
        worker_id=data.worker_id,
        now=now,
    )
    return Response(Shift.of(shift, now), status_code=201 if made else 200)


@delete(
    "/shifts/{shift_id:uuid}",
    responses=problems(Unauthorised, InsufficientScope, ShiftNotFound),
    summary="End a shift",
)
async def end_shift(shift_id: UUID, partner: PartnerPrincipal, db: Database, clock: Clock) -> None:
    """End a shift, and with it the right to pass, at once."""
    require_scope(partner, "shifts")
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        shift = await repository.get_shift(conn, partner_id=partner.partner_id, shift_id=shift_id)
    if shift is None:
        raise ShiftNotFound
    async with db.transaction(Scope(community_id=shift.community_id)) as conn:
        await service.end_shift(
            conn,
            community_id=shift.community_id,
            partner_id=partner.partner_id,
            shift_id=shift_id,
            now=clock(),
        )
        await audit.record(
            conn,
            community_id=shift.community_id,
            actor=f"partner:{partner.partner_id}",
            action="shift.end",
            target=f"shift:{shift_id}",
        )


@post(
    "/deliveries",
    status_code=200,
    responses=problems(
        Unauthorised,
        InsufficientScope,
        PartnerNotAdmitted,
        WorkerNotFound,
        DeliveryUnexpected,
        DeliveryWindowApart,
        *_WINDOW,
    ),
    summary="Say who brings an order",
)
async def deliver(data: NewDelivery, partner: PartnerPrincipal, db: Database, keys: Keys, clock: Clock) -> Delivery:
    """Assign a worker to an order that a resident expects; the gates let him pass while both windows agree.

    Repeating changes nothing; another worker or window takes the former one's place.
    """
    require_scope(partner, "deliveries")
    now = clock()
    async with db.transaction(Scope(community_id=data.community_id, platform=True)) as conn:
        row = await service.deliver(
            conn,
            community_id=data.community_id,
            partner_id=partner.partner_id,
            worker_id=data.worker_id,
            order_ref=data.order_ref,
            asserted=(data.valid_from, data.valid_until),
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
    "/deliveries/{delivery_id:uuid}",
    responses=problems(Unauthorised, InsufficientScope, DeliveryNotFound),
    summary="End a delivery",
)
async def end_delivery(delivery_id: UUID, partner: PartnerPrincipal, db: Database, clock: Clock) -> None:
    """The order was brought, or will not be: the right to pass ends at once."""
    require_scope(partner, "deliveries")
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
    responses=problems(
        Unauthorised, HomeNotFound, OutsideTenancy, PartnerNotAdmitted, DeliveryAnnounced, TooManyDeliveries, *_WINDOW
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


@post(
    "/suspend",
    status_code=204,
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, PartnerNotFound),
    summary="Suspend a company",
)
async def suspend_partner(community_id: UUID, partner_id: UUID, staff: StaffMember, db: Database, clock: Clock) -> None:
    """Suspend a company at the community: its couriers' rights to pass end at once, new ones are refused."""
    staff.require(Permission.PARTNERS)
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await settling.suspend(conn, community_id=community_id, partner_id=partner_id, now=clock())
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff.staff_id}",
            action="partner.suspend",
            target=f"partner:{partner_id}",
        )


@post(
    "/resume",
    status_code=204,
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, PartnerNotFound),
    summary="Let a suspended company back",
)
async def resume_partner(
    community_id: UUID, partner_id: UUID, staff: StaffMember, db: Database, keys: Keys, clock: Clock
) -> None:
    """Let a company back; shifts and deliveries that are not over count again."""
    staff.require(Permission.PARTNERS)
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await settling.resume(conn, community_id=community_id, partner_id=partner_id)
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff.staff_id}",
            action="partner.resume",
            target=f"partner:{partner_id}",
        )
    await settling.settle(db, keys, partner_id=partner_id, now=clock())


partner_router = Router(
    path="/",
    route_handlers=[
        Router(path="/", route_handlers=[put_courier, read_courier, delete_courier], tags=["couriers"]),
        Router(path="/", route_handlers=[assert_shift, end_shift], tags=["shifts"]),
        Router(path="/", route_handlers=[deliver, end_delivery], tags=["deliveries"]),
    ],
)
resident_router = Router(
    path="/homes/{community_id:uuid}/{home_id:uuid}/deliveries",
    route_handlers=[expect_delivery, list_deliveries, cancel_delivery],
    tags=["deliveries"],
)
staff_router = Router(
    path="/communities/{community_id:uuid}/partners/{partner_id:uuid}",
    route_handlers=[suspend_partner, resume_partner],
    tags=["partners"],
)

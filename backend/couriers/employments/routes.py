"""Companies: their workers."""

from typing import Annotated

from litestar import Router, delete, get, put
from litestar.params import Parameter

from backend.accounts import phones
from backend.accounts.errors import PhoneInvalid
from backend.audit import service as audit
from backend.couriers import settling
from backend.couriers.employments import repository as employments
from backend.couriers.employments import service
from backend.couriers.employments.errors import CourierHasWorkerId, TooManyLinks, WorkerNotFound
from backend.couriers.employments.schemas import Courier, PutCourier
from backend.couriers.references import REFERENCE
from backend.keys.service import Keys
from backend.kit.auth import PartnerPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.messages import MessagesUnavailable, Sender
from backend.kit.problems import Unauthorised, problems
from backend.links.addresses import link_address
from backend.partners.errors import InsufficientScope

__all__ = ["partner_router"]

WorkerId = Annotated[str, Parameter(min_length=1, max_length=100, pattern=REFERENCE)]


@put(
    "/{worker_id:str}",
    opt={"needs": "couriers:write"},
    responses=problems(
        Unauthorised, InsufficientScope, CourierHasWorkerId, PhoneInvalid, TooManyLinks, MessagesUnavailable
    ),
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

    Repeating is harmless: he is written to at most once an hour, and not at all once he has said yes. Where too many
    links went to his number, to ones near it or out by the company, he is not named.
    """
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
            await employments.mark_link_sent(conn, partner_id=partner.partner_id, worker_id=worker_id, now=now)
    return Courier.of(registered.employment)


@get(
    "/{worker_id:str}",
    opt={"needs": "couriers:write"},
    responses=problems(Unauthorised, InsufficientScope, WorkerNotFound),
    summary="Read a worker's state",
)
async def read_courier(worker_id: WorkerId, partner: PartnerPrincipal, db: Database) -> Courier:
    """Whether the worker has said yes to this company."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        return Courier.of(await service.get_worker(conn, partner_id=partner.partner_id, worker_id=worker_id))


@delete(
    "/{worker_id:str}",
    opt={"needs": "couriers:write"},
    responses=problems(Unauthorised, InsufficientScope, WorkerNotFound),
    summary="Name a worker no longer",
)
async def delete_courier(
    worker_id: WorkerId, partner: PartnerPrincipal, db: Database, keys: Keys, clock: Clock
) -> None:
    """He no longer works for the company: his grants end at once, his shifts are forgotten."""
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
        await employments.delete_left_employment(conn, partner_id=partner.partner_id, worker_id=worker_id)


partner_router = Router(path="/couriers", route_handlers=[put_courier, read_courier, delete_courier], tags=["couriers"])

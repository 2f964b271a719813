"""Staff of a community: whom it does not let in at present."""

from uuid import UUID

from litestar import Router, delete, get, post

from backend.audit import service as audit
from backend.communities.errors import CommunityNotFound
from backend.couriers import settling
from backend.couriers.suspensions import repository, service
from backend.couriers.suspensions.errors import CourierNotFound, SuspensionNotFound
from backend.couriers.suspensions.repository import SuspensionKey
from backend.couriers.suspensions.schemas import CourierSuspension, CourierSuspensionList, Suspend
from backend.keys.service import Keys
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Forbidden, Unauthorised, problems
from backend.partners.errors import PartnerNotFound

__all__ = ["staff_router"]


@post(
    "/suspend",
    opt={"needs": Permission.SUSPEND},
    status_code=204,
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, PartnerNotFound),
    summary="Suspend a company",
)
async def suspend_partner(
    community_id: UUID, partner_id: UUID, data: Suspend, staff: StaffMember, db: Database, clock: Clock
) -> None:
    """Suspend a company at the community: its couriers' rights to pass end at once, new ones are refused.

    It is told the reason's category. Repeating changes nothing.
    """
    async with db.transaction(Scope(community_id=community_id, platform=True)) as conn:
        changed = await service.suspend_company(
            conn, community_id=community_id, partner_id=partner_id, reason=data.reason, now=clock()
        )
        if changed:
            await audit.record(
                conn,
                community_id=community_id,
                actor=f"staff:{staff.staff_id}",
                action="partner.suspend",
                target=f"partner:{partner_id}",
                reason=f"{data.reason}: {data.note}" if data.note else data.reason,
            )


@post(
    "/resume",
    opt={"needs": Permission.SUSPEND},
    status_code=204,
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, PartnerNotFound),
    summary="Let a suspended company back",
)
async def resume_partner(
    community_id: UUID, partner_id: UUID, staff: StaffMember, db: Database, keys: Keys, clock: Clock
) -> None:
    """Let a company back; shifts and deliveries that are not over count again. Repeating changes nothing."""
    now = clock()
    async with db.transaction(Scope(community_id=community_id, platform=True)) as conn:
        if await service.resume_company(conn, community_id=community_id, partner_id=partner_id, now=now):
            await audit.record(
                conn,
                community_id=community_id,
                actor=f"staff:{staff.staff_id}",
                action="partner.resume",
                target=f"partner:{partner_id}",
            )
    await settling.settle(db, keys, partner_id=partner_id, now=now)


@post(
    "/couriers/{subject_id:uuid}/suspend",
    opt={"needs": Permission.SUSPEND},
    status_code=200,
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, CourierNotFound),
    summary="Suspend a courier",
)
async def suspend_courier(
    community_id: UUID, subject_id: UUID, data: Suspend, staff: StaffMember, db: Database, clock: Clock
) -> CourierSuspension:
    """Suspend one courier at the community, whichever company sends him: his rights to pass end at once.

    He is named by the pseudonym that his entries show. The companies that have sent him are told the reason's category.
    Repeating changes nothing; the first reason stays.
    """
    async with db.transaction(Scope(community_id=community_id, platform=True)) as conn:
        row, made = await service.suspend_courier(
            conn, community_id=community_id, subject_id=subject_id, reason=data.reason, now=clock()
        )
        if made:
            await audit.record(
                conn,
                community_id=community_id,
                actor=f"staff:{staff.staff_id}",
                action="courier.suspend",
                target=f"subject:{subject_id}",
                reason=f"{data.reason}: {data.note}" if data.note else data.reason,
            )
    return CourierSuspension.of(row)


@get(
    "/courier-suspensions",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(CursorInvalid, Unauthorised, Forbidden, CommunityNotFound),
    summary="List suspended couriers",
)
async def list_suspensions(
    community_id: UUID, db: Database, limit: Limit = 200, cursor: Cursor = None
) -> CourierSuspensionList:
    """The couriers who may not come at present, the newest suspension first."""
    after = decode_cursor(cursor, SuspensionKey)
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        rows = await repository.list_suspensions(conn, community_id=community_id, after=after, limit=limit + 1)
    page, next_cursor = split_page(rows, limit, lambda row: SuspensionKey(row.suspended_at, row.suspension_id))
    return CourierSuspensionList(tuple(CourierSuspension.of(row) for row in page), next_cursor)


@delete(
    "/courier-suspensions/{suspension_id:uuid}",
    opt={"needs": Permission.SUSPEND},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, SuspensionNotFound),
    summary="Let a suspended courier back",
)
async def lift_suspension(
    community_id: UUID, suspension_id: UUID, staff: StaffMember, db: Database, keys: Keys, clock: Clock
) -> None:
    """Let a courier back; shifts and deliveries of his that are not over count again, and their companies are told."""
    now = clock()
    async with db.transaction(Scope(community_id=community_id, platform=True)) as conn:
        senders = await service.lift(conn, community_id=community_id, suspension_id=suspension_id, now=now)
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff.staff_id}",
            action="courier.restore",
            target=f"suspension:{suspension_id}",
        )
    for sender in senders:
        await settling.settle(db, keys, partner_id=sender.partner_id, worker_id=sender.worker_id, now=now)


staff_router = Router(
    path="/communities/{community_id:uuid}",
    route_handlers=[
        Router(path="/partners/{partner_id:uuid}", route_handlers=[suspend_partner, resume_partner]),
        suspend_courier,
        list_suspensions,
        lift_suspension,
    ],
)

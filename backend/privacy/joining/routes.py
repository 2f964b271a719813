"""Residents: being a courier as the same person."""

from litestar import Router, post

from backend.audit import service as audit
from backend.couriers import settling
from backend.couriers.employments.schemas import Employer
from backend.keys.service import Keys
from backend.kit.auth import ResidentPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import Unauthorised, problems
from backend.links.errors import LinkClosed, LinkExpired, LinkHeld
from backend.privacy.joining import service
from backend.privacy.joining.errors import CourierOfAnother, NotACourier, NumberDiffers
from backend.privacy.joining.schemas import CourierJoined, JoinCourier
from backend.privacy.routes import certificate_link_of
from backend.privacy.trail import record_begun

__all__ = ["resident_router"]


@post(
    "/courier",
    status_code=200,
    responses=problems(Unauthorised, NotACourier, NumberDiffers, CourierOfAnother, LinkHeld, LinkClosed, LinkExpired),
    summary="Be a courier as the same person",
)
async def join_courier(
    data: JoinCourier,
    resident: ResidentPrincipal,
    db: Database,
    keys: Keys,
    clock: Clock,
    pepper: bytes,
    public_url: str,
) -> CourierJoined:
    """On the phone that opened a company's link, logged in by the number that it was sent to: be one person.

    From then on the resident's consents and face serve his shifts, and this phone's link goes on as he, as long as this
    log-in does. What was kept of the courier apart from him is erased. No company can tell.
    """
    now = clock()
    async with db.transaction(Scope(platform=True)) as conn:
        joined = await service.join(conn, resident=resident, refresh_token=data.refresh_token, pepper=pepper, now=now)
        actor = f"resident:{resident.person_id}"
        await audit.record(
            conn, community_id=None, actor=actor, action="courier.join", target=f"courier:{joined.courier_id}"
        )
        link = None
        if joined.begun is not None:
            await record_begun(conn, community_id=None, actor=actor, begun=[joined.begun])
            link = await certificate_link_of(conn, joined.begun, pepper, public_url)
    for place in joined.places:
        await settling.settle_subject(db, keys, community_id=place.community_id, subject_id=place.subject_id, now=now)
    return CourierJoined(tuple(Employer.of(row) for row in joined.companies), link)


resident_router = Router(path="/", route_handlers=[join_courier], tags=["privacy"])

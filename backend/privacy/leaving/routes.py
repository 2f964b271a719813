"""Visitors: take back one's yes."""

from litestar import Router, post

from backend.audit import service as audit
from backend.couriers import settling
from backend.couriers.employments import repository as couriers
from backend.couriers.employments import service as courier_rules
from backend.keys.service import Keys
from backend.kit.auth import VisitorPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database
from backend.kit.problems import Unauthorised, problems
from backend.links import service as links
from backend.links.errors import LinkClosed, LinkExpired, LinkHeld, LinkUnknown
from backend.partners import repository as partners
from backend.privacy.leaving import service
from backend.privacy.leaving.schemas import InvitationWithdrawn
from backend.privacy.routes import certificate_link_of
from backend.privacy.schemas import Started
from backend.privacy.trail import record_begun
from backend.visitors.invitations.answers import of_employment, of_pass, scope_of
from backend.visitors.schemas import Invitation

__all__ = ["visitor_router"]


@post(
    "/invitation/withdraw",
    status_code=200,
    opt={"after_end": "leaving", "unproven": True},
    responses=problems(Unauthorised, LinkUnknown, LinkHeld, LinkClosed, LinkExpired),
    summary="Decline or withdraw",
)
async def withdraw_invitation(
    visitor: VisitorPrincipal, db: Database, keys: Keys, clock: Clock, pepper: bytes, public_url: str
) -> InvitationWithdrawn:
    """Say no, before or after having accepted: the right to pass ends at once, and with it what was kept for it.

    A guest's link opens nothing any more; on this phone he goes on reading his invitation, his erasures and their
    certificates, until seven days after they are complete. A courier keeps his session, so that he can read and
    withdraw his consents, also where the company has ended his link.
    """
    if visitor.kind == "courier":
        return _with(await _leave_company(visitor, db, keys, clock))
    now = clock()
    async with db.transaction(scope_of(visitor)) as conn:
        await links.current(conn, principal=visitor, now=now, after_end="word")
        row, begun = await service.withdraw_invitation(conn, visitor=visitor, now=now)
        answer = _with(await of_pass(conn, row, now))
        actor = f"{visitor.kind}:{visitor.person_id}"
        await audit.record(
            conn,
            community_id=row.community_id,
            actor=actor,
            action="invitation.withdraw",
            target=f"pass:{row.pass_id}",
        )
        if begun is None:
            return answer
        if begun.started_at == now:
            await record_begun(conn, community_id=None, actor=actor, begun=[begun])
        link = await certificate_link_of(conn, begun, pepper, public_url)
    return _with(answer, (Started.of(begun),), link)


async def _leave_company(visitor: VisitorPrincipal, db: Database, keys: Keys, clock: Clock) -> Invitation:
    now = clock()
    async with db.transaction(scope_of(visitor)) as conn:
        session = await links.current(conn, principal=visitor, now=now, after_end="rights")
        partner_id = session.inviting_partner_id
        if partner_id is None:
            raise LinkUnknown
        employment = await couriers.find_employment_of_courier(
            conn, partner_id=partner_id, courier_id=visitor.invitation_id
        )
        if employment is not None:
            employment = await courier_rules.leave(
                conn, partner_id=partner_id, courier_id=visitor.invitation_id, now=now
            )
        await audit.record(
            conn,
            community_id=None,
            actor=f"{visitor.kind}:{visitor.person_id}",
            action="invitation.withdraw",
            target=f"partner:{partner_id}",
        )
        if employment is None:
            # The company has let him go before: he hears again that it has.
            company = await partners.get_name(conn, partner_id=partner_id)
            return Invitation(kind="courier", state="withdrawn", inviting=company, name=None)
    await settling.settle(db, keys, partner_id=partner_id, worker_id=employment.worker_id, now=now)
    return of_employment(employment)


def _with(
    invitation: Invitation, erasures: tuple[Started, ...] = (), certificate_link: str | None = None
) -> InvitationWithdrawn:
    return InvitationWithdrawn(
        kind=invitation.kind,
        state=invitation.state,
        inviting=invitation.inviting,
        name=invitation.name,
        valid_from=invitation.valid_from,
        valid_until=invitation.valid_until,
        time_zone=invitation.time_zone,
        host=invitation.host,
        erasures=erasures,
        certificate_link=certificate_link,
    )


visitor_router = Router(path="/", route_handlers=[withdraw_invitation], tags=["invitation"])

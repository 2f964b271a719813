"""What the phone behind a link is shown of its invitation."""

from datetime import datetime
from uuid import UUID

from backend.communities import repository as communities
from backend.couriers.employments import repository as couriers
from backend.couriers.employments.repository import EmploymentRow
from backend.couriers.rules import state_of_worker
from backend.kit.auth import VisitorPrincipal
from backend.kit.db import Connection, Scope
from backend.links.errors import LinkClosed
from backend.people import repository as people
from backend.visitors.repository import PassRow
from backend.visitors.rules import given_name, state_of
from backend.visitors.schemas import Invitation

__all__ = ["employment_of", "of_employment", "of_pass", "scope_of"]


def scope_of(visitor: VisitorPrincipal) -> Scope:
    """The visitor's scope. Links and couriers belong to no community; a guest's pass does."""
    return Scope(community_id=visitor.community_id, person_id=visitor.person_id, platform=True)


async def employment_of(conn: Connection, *, visitor: VisitorPrincipal, partner_id: UUID | None) -> EmploymentRow:
    """What a courier is to the company whose link he opened.

    Raises:
        LinkClosed: nothing any more.
    """
    row = None
    if partner_id is not None:
        row = await couriers.find_employment_of_courier(conn, partner_id=partner_id, courier_id=visitor.invitation_id)
    if row is None:
        raise LinkClosed
    return row


async def of_pass(conn: Connection, row: PassRow, now: datetime) -> Invitation:
    """A guest's invitation. Needs the platform scope for the host's name."""
    community = await communities.get_community(conn, community_id=row.community_id)
    host = None
    if row.host_person_id is not None:
        host = await people.get_person(conn, person_id=row.host_person_id)
    return Invitation(
        kind="guest",
        state=state_of(row, now),
        inviting="" if community is None else community.name,
        name=row.guest_name,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        time_zone=None if community is None else community.time_zone,
        host=None if host is None else given_name(host.name),
    )


def of_employment(row: EmploymentRow) -> Invitation:
    """A courier's."""
    state = state_of_worker(row)
    return Invitation(
        kind="courier",
        state="accepted" if state == "active" else "pending" if state == "pending" else "withdrawn",
        inviting=row.partner_name,
        name=row.name,
    )

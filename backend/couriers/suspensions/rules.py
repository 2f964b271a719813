"""Whether somebody may be sent to a community."""

from uuid import UUID

from backend.couriers.employments.repository import EmploymentRow
from backend.couriers.suspensions.errors import CourierSuspended
from backend.couriers.suspensions.repository import list_suspended
from backend.kit.db import Connection

__all__ = ["require_welcome"]


async def require_welcome(conn: Connection, *, community_id: UUID, employment: EmploymentRow) -> None:
    """Go on only where the community lets the courier in.

    A company that he has not said yes to is answered as if he were: it must not learn that he is known there.

    Raises:
        CourierSuspended: it does not.
    """
    if employment.accepted_at is None:
        return
    if await list_suspended(conn, community_id=community_id, person_ids=[employment.person_id]):
        raise CourierSuspended

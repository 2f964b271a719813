"""Staff: what homes may ask for about guests."""

from uuid import UUID

from litestar import Router, get, put

from backend.audit import service as audit
from backend.communities import repository as communities
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.etag import IfMatchNeeded, PreconditionFailed, PreconditionRequired, require_match
from backend.kit.problems import Forbidden, Unauthorised, problems
from backend.visitors.policy import repository
from backend.visitors.policy.repository import PolicyRow
from backend.visitors.policy.schemas import GuestPolicy

__all__ = ["staff_router"]

_PROBLEMS = problems(Unauthorised, Forbidden, SecondFactorRequired)


@get(
    "/",
    opt={"needs": Permission.REGISTER_READ},
    responses=_PROBLEMS,
    summary="Read what homes may ask for about guests",
)
async def read_policy(community_id: UUID, db: Database) -> GuestPolicy:
    """The limits that go for every home of the community."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        return GuestPolicy.of(await repository.get_policy(conn, community_id=community_id))


@put(
    "/",
    opt={"needs": Permission.COMMUNITY_CHANGE},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, PreconditionFailed, PreconditionRequired),
    summary="Say what homes may ask for about guests",
)
async def change_policy(
    community_id: UUID,
    data: GuestPolicy,
    staff: StaffMember,
    db: Database,
    clock: Clock,
    if_match: IfMatchNeeded = None,
) -> GuestPolicy:
    """Set all the limits. Passes that stand stay as they are; what is asked for or changed from now on keeps to them.

    Two who edit them at once would each undo the other: so the state that the edit begins with has to be said.
    """
    wanted = PolicyRow(data.open_passes, data.home_days, data.guest_days, data.phone_required, data.grace_hours)
    async with db.transaction(Scope(community_id=community_id)) as conn:
        # Where nothing was said yet there is no row to hold: two who begin with that must not both find it so.
        await communities.get_community_for_update(conn, community_id=community_id)
        before = await repository.get_policy(conn, community_id=community_id)
        require_match(if_match, GuestPolicy.of(before), needed=True)
        row = await repository.put_policy(conn, community_id=community_id, policy=wanted, now=clock())
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff.staff_id}",
            action="guest_policy.set",
            target=f"guest_policy:{row.open_passes}/{row.home_days}d/{row.guest_days}d/{row.grace_hours}h",
        )
    return GuestPolicy.of(row)


staff_router = Router(
    path="/communities/{community_id:uuid}/guest-policy", route_handlers=[read_policy, change_policy], tags=["passes"]
)

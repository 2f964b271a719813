"""Who the caller is on every route of staff, settled before anybody reads his body. See `backend.kit.callers`."""

from uuid import UUID

from backend.accounts.staff import service
from backend.kit.auth import StaffMember
from backend.kit.callers import Call, Handler, caller, clock_of, database_of
from backend.kit.db import Scope

__all__ = ["of_authority", "staff_member"]

_PLATFORM = Scope(platform=True)


async def staff_member(connection: Call, handler: Handler) -> StaffMember:
    """What routes get as ``staff``: the caller as the database knows him now, within the path's community.

    Raises:
        Unauthorised: he is no member of staff any more, or this session has ended.
        CommunityNotFound: none of his roles reaches the path's community.
        Forbidden, SecondFactorRequired: he may not do what the route ``needs``.
    """
    community_id: UUID | None = connection.path_params.get("community_id")
    async with database_of(connection).transaction(_PLATFORM, read_only=True) as conn:
        now = clock_of(connection)()
        staff = await service.member(conn, principal=connection.user, community_id=community_id, now=now)
    if "needs" in handler.opt:
        staff.require(handler.opt["needs"])
    return staff


async def of_authority(connection: Call, _: Handler) -> None:
    """Of the path's member of staff, his own authority.

    Raises:
        StaffNotFound: it has none of that id.
    """
    staff: StaffMember = caller(connection, "staff")
    staff_id: UUID = connection.path_params["staff_id"]
    async with database_of(connection).transaction(_PLATFORM, read_only=True) as conn:
        await service.get(conn, staff_id=staff_id, authority_id=staff.authority_id)

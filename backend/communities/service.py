"""Rules of communities."""

from uuid import UUID
from zoneinfo import ZoneInfo

from backend.communities import repository
from backend.communities.errors import CommunityNotFound, TimeZoneUnknown
from backend.communities.repository import CommunityRow
from backend.communities.schemas import CommunityChange, NewCommunity
from backend.kit.db import Connection

__all__ = ["change", "create", "get"]


async def create(conn: Connection, *, community_id: UUID, authority_id: UUID, new: NewCommunity) -> CommunityRow:
    """A new community of that authority."""
    _check_zone(new.time_zone)
    return await repository.insert_community(
        conn,
        community_id=community_id,
        authority_id=authority_id,
        name=new.name,
        time_zone=new.time_zone,
        capture_policy=new.capture_policy,
        handler=new.handler,
    )


async def get(conn: Connection, *, community_id: UUID) -> CommunityRow:
    """The community.

    Raises:
        CommunityNotFound: there is none.
    """
    row = await repository.get_community(conn, community_id=community_id)
    if row is None:
        raise CommunityNotFound
    return row


async def change(conn: Connection, *, community_id: UUID, change: CommunityChange) -> CommunityRow:
    """The community after the change.

    Raises:
        CommunityNotFound: there is none.
        TimeZoneUnknown: the zone's name is not known.
    """
    if change.time_zone is not None:
        _check_zone(change.time_zone)
    row = await repository.update_community(
        conn,
        community_id=community_id,
        name=change.name,
        time_zone=change.time_zone,
        capture_policy=change.capture_policy,
        standing_lease_s=change.standing_lease_s,
        visiting_lease_s=change.visiting_lease_s,
        handler=change.handler,
    )
    if row is None:
        raise CommunityNotFound
    return row


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise TimeZoneUnknown from None

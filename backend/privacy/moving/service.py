"""Rules of households that move. Locks in the order home, tenancy, member, roster, as everywhere."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID, uuid5

import msgspec

from backend.access import service as access
from backend.access.moving.service import move_residents
from backend.access.service import NewGrant
from backend.access.windows import Window
from backend.communities.errors import CommunityNotFound
from backend.couriers.deliveries import service as couriers
from backend.households import repository as households
from backend.households.errors import (
    HomeFull,
    HomeNotFound,
    HomeOccupied,
    PeriodInvalid,
    TenancyEnded,
    TenancyNotFound,
)
from backend.households.homes import repository as homes
from backend.households.joining import SOURCE, is_over
from backend.households.repository import TenancyRow
from backend.kit.auth import Permission, StaffMember, StaffRole
from backend.kit.db import Connection
from backend.kit.problems import Forbidden
from backend.people import repository as people
from backend.privacy.moving import repository
from backend.privacy.moving.errors import SameHome
from backend.privacy.moving.repository import MovingRow
from backend.visitors import service as visitors
from gate_sdk.wire import GrantKind

__all__ = ["Arrival", "arrive", "leaving", "plan_end", "require_register", "transfer"]


class Arrival(msgspec.Struct, frozen=True):
    """A household in its new community: who lets his face be known there, as (subject, person)."""

    tenancy_id: UUID
    invited: int
    joined: tuple[tuple[UUID, UUID], ...]


async def plan_end(
    conn: Connection,
    *,
    community_id: UUID,
    tenancy_id: UUID,
    ends_at: datetime | None,
    unchanged: Callable[[TenancyRow], None],
    now: datetime,
) -> TenancyRow:
    """Set, change or withdraw the end of a tenancy; rights of members and guests move with it, also at offline gates.

    ``unchanged`` is shown the tenancy, locked, and raises where it is not what the caller has read.

    Raises:
        TenancyNotFound: the community has no such tenancy.
        TenancyEnded: it has ended.
        PeriodInvalid: the end does not lie after its beginning and the present.
        HomeOccupied: somebody else moves in before that end.
    """
    tenancy = await _held(conn, community_id=community_id, tenancy_id=tenancy_id, now=now)
    unchanged(tenancy)
    if ends_at is not None and ends_at <= max(tenancy.starts_at, now):
        raise PeriodInvalid
    if await repository.is_occupied(
        conn,
        community_id=community_id,
        home_id=tenancy.home_id,
        besides=tenancy_id,
        starts_at=tenancy.starts_at,
        ends_at=ends_at,
    ):
        raise HomeOccupied
    await repository.set_end(conn, community_id=community_id, tenancy_id=tenancy_id, ends_at=ends_at)
    members = await repository.list_moving(conn, community_id=community_id, tenancy_id=tenancy_id)
    windows = {one.member_id: Window(tenancy.starts_at, ends_at) for one in members if one.state == "active"}
    if windows:
        await move_residents(conn, community_id=community_id, source=SOURCE, windows=windows, now=now)
    await visitors.follow_households(conn, community_id=community_id, tenancy_ids=[tenancy_id], now=now)
    return msgspec.structs.replace(tenancy, ends_at=ends_at)


async def transfer(
    conn: Connection, *, community_id: UUID, tenancy_id: UUID, home_id: UUID, now: datetime
) -> TenancyRow:
    """Move a household to another home of its community: members, grants and faces stay.

    Its guests and expected deliveries end: they were let in to the home that it leaves.

    Raises:
        TenancyNotFound, TenancyEnded: as the names say.
        HomeNotFound: the community has no such home.
        SameHome: it lives there.
        HomeOccupied: the home has another tenancy in that time.
        HomeFull: the household has more members than the home may have.
    """
    seen = await households.get_tenancy(conn, community_id=community_id, tenancy_id=tenancy_id)
    if seen is None:
        raise TenancyNotFound
    await repository.lock_homes(conn, community_id=community_id, home_ids=[seen.home_id, home_id])
    tenancy = await _held(conn, community_id=community_id, tenancy_id=tenancy_id, now=now)
    if tenancy.home_id == home_id:
        raise SameHome
    members = await repository.list_moving(conn, community_id=community_id, tenancy_id=tenancy_id)
    await _require_room(conn, community_id=community_id, home_id=home_id, tenancy=tenancy, members=members)
    await repository.set_home(conn, community_id=community_id, tenancy_id=tenancy_id, home_id=home_id)
    await visitors.end_passes_of_home(conn, community_id=community_id, home_id=tenancy.home_id, now=now)
    await couriers.end_expected(conn, community_id=community_id, home_id=tenancy.home_id, now=now)
    return msgspec.structs.replace(tenancy, home_id=home_id)


async def leaving(
    conn: Connection, *, community_id: UUID, tenancy_id: UUID, now: datetime
) -> tuple[TenancyRow, list[MovingRow]]:
    """A household that is about to leave the community, as it stands.

    Raises:
        TenancyNotFound, TenancyEnded: as the names say.
    """
    tenancy = await households.get_tenancy(conn, community_id=community_id, tenancy_id=tenancy_id)
    if tenancy is None:
        raise TenancyNotFound
    if is_over(tenancy, now):
        raise TenancyEnded
    return tenancy, await repository.list_moving(conn, community_id=community_id, tenancy_id=tenancy_id)


async def arrive(
    conn: Connection, *, community_id: UUID, home_id: UUID, left: TenancyRow, members: list[MovingRow], now: datetime
) -> Arrival:
    """Let a household move in that leaves another community of the authority. Repeating it changes nothing.

    Adults who had joined live here at once. Everybody else joins with a code: minors because whoever acts for them
    has to say so here.

    Raises:
        HomeNotFound, HomeOccupied, HomeFull: as for :func:`transfer`.
    """
    # The same household moving to the same home is the same move, however often it is asked for.
    tenancy_id = uuid5(left.tenancy_id, str(home_id))
    await repository.lock_homes(conn, community_id=community_id, home_ids=[home_id])
    arriving = [_arriving(member, tenancy_id) for member in members]
    invited = sum(1 for member in arriving if member.state != "active")
    begin = max(left.starts_at, now)
    if await households.get_tenancy(conn, community_id=community_id, tenancy_id=tenancy_id) is None:
        tenancy = msgspec.structs.replace(
            left, community_id=community_id, tenancy_id=tenancy_id, home_id=home_id, starts_at=begin
        )
        await _require_room(conn, community_id=community_id, home_id=home_id, tenancy=tenancy, members=arriving)
        await repository.insert_tenancy(
            conn,
            community_id=community_id,
            tenancy_id=tenancy_id,
            home_id=home_id,
            starts_at=begin,
            ends_at=left.ends_at,
        )
        await repository.insert_members(
            conn, community_id=community_id, tenancy_id=tenancy_id, members=arriving, now=now
        )
        await _let_in(conn, community_id=community_id, members=arriving, begin=begin, until=left.ends_at, now=now)
    joined = []
    for member in arriving:
        if member.state == "active" and member.person_id is not None:
            subject = await people.get_subject(conn, community_id=community_id, person_id=member.person_id)
            if subject is not None:
                joined.append((subject.subject_id, member.person_id))
    return Arrival(tenancy_id, invited, tuple(joined))


async def require_register(conn: Connection, *, staff: StaffMember, community_id: UUID) -> None:
    """Go on only if the member of staff may write that community's register too. Platform scope.

    Raises:
        CommunityNotFound: it is not his authority's, or none of his roles there allows it.
    """
    roles = [role.value for role in StaffRole if _writes(staff, role)]
    if not await repository.writes_register(
        conn, authority_id=staff.authority_id, staff_id=staff.staff_id, community_id=community_id, roles=roles
    ):
        raise CommunityNotFound


async def _held(conn: Connection, *, community_id: UUID, tenancy_id: UUID, now: datetime) -> TenancyRow:
    seen = await households.get_tenancy(conn, community_id=community_id, tenancy_id=tenancy_id)
    if seen is None:
        raise TenancyNotFound
    await repository.lock_homes(conn, community_id=community_id, home_ids=[seen.home_id])
    tenancy = await households.get_tenancy_for_update(conn, community_id=community_id, tenancy_id=tenancy_id)
    if tenancy is None:
        raise TenancyNotFound
    if is_over(tenancy, now):
        raise TenancyEnded
    return tenancy


async def _require_room(
    conn: Connection, *, community_id: UUID, home_id: UUID, tenancy: TenancyRow, members: list[MovingRow]
) -> None:
    home = await homes.get_home(conn, community_id=community_id, home_id=home_id)
    if home is None:
        raise HomeNotFound
    if len(members) > home.member_limit:
        raise HomeFull
    if await repository.is_occupied(
        conn,
        community_id=community_id,
        home_id=home_id,
        besides=tenancy.tenancy_id,
        starts_at=tenancy.starts_at,
        ends_at=tenancy.ends_at,
    ):
        raise HomeOccupied


async def _let_in(
    conn: Connection, *, community_id: UUID, members: list[MovingRow], begin: datetime, until: datetime | None,
    now: datetime,
) -> None:  # fmt: skip
    grants = []
    for member in members:
        if member.state == "active" and member.person_id is not None:
            subject_id = await people.ensure_subject(conn, community_id=community_id, person_id=member.person_id)
            grants.append(NewGrant(subject_id, GrantKind.RESIDENT, SOURCE, member.member_id, begin, until))
    if grants:
        await access.grant_many(conn, community_id=community_id, grants=grants, now=now)


def _arriving(member: MovingRow, tenancy_id: UUID) -> MovingRow:
    joins = member.state == "active" and not member.minor
    return msgspec.structs.replace(
        member,
        member_id=uuid5(tenancy_id, str(member.member_id)),
        person_id=member.person_id if joins else None,
        state="active" if joins else ("proposed" if member.state == "proposed" else "invited"),
        # Numbers are a community's; its next file gives them.
        register_number=None,
    )


def _writes(staff: StaffMember, role: StaffRole) -> bool:
    try:
        msgspec.structs.replace(staff, roles=(role,)).require(Permission.REGISTER_WRITE)
    except Forbidden:
        return False
    return True

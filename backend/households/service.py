"""Rules of households: who may live where, and when that ends. Members are members', joining is joining.py's.

Locks are taken in the order home, tenancy, member or activation, roster; so two requests never wait for each other.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.access import service as access
from backend.accounts import phones
from backend.guardians import service as guardians
from backend.households import repository
from backend.households.activations import repository as activations
from backend.households.errors import (
    HomeNotFound,
    HomeOccupied,
    MemberNotFound,
    OutsideTenancy,
    PeriodInvalid,
    TenancyEnded,
    TenancyNotFound,
)
from backend.households.homes import repository as homes
from backend.households.homes.repository import HomeRow
from backend.households.joining import SOURCE, is_over, new_code_of
from backend.households.members import repository as members
from backend.households.members.repository import MemberRow, MembershipRow
from backend.households.repository import TenancyRow
from backend.households.schemas import Activation, NewTenancy
from backend.kit.db import Connection
from backend.links import service as links
from backend.people import repository as people

__all__ = [
    "SubjectEnded",
    "create_tenancy",
    "end_member",
    "end_tenancy",
    "hold_home",
    "open_tenancy",
    "require_home",
    "require_membership",
    "require_within",
    "schedule_end",
]


class SubjectEnded(msgspec.Struct, frozen=True):
    """Somebody whose membership, and what rested on it, has just ended."""

    subject_id: UUID
    person_id: UUID
    member_id: UUID


async def create_tenancy(
    conn: Connection, *, community_id: UUID, home_id: UUID, new: NewTenancy, pepper: bytes, now: datetime
) -> tuple[TenancyRow, Activation]:
    """A tenancy, and the code with which the tenant joins.

    Raises:
        PhoneInvalid: no mobile number.
        PeriodInvalid: it ends before it begins, or has ended already.
        HomeNotFound: the community has no such home.
        HomeOccupied: the home has another tenancy in that time.
    """
    phone = phones.parse(new.phone)
    if new.ends_at is not None and new.ends_at <= max(new.starts_at, now):
        raise PeriodInvalid
    if await homes.get_home_for_update(conn, community_id=community_id, home_id=home_id) is None:
        raise HomeNotFound
    other = await repository.find_tenancy_between(
        conn, community_id=community_id, home_id=home_id, starts_at=new.starts_at, ends_at=new.ends_at
    )
    if other is not None:
        raise HomeOccupied
    tenancy = await repository.insert_tenancy(
        conn, community_id=community_id, home_id=home_id, starts_at=new.starts_at, ends_at=new.ends_at
    )
    member = await members.insert_member(
        conn,
        community_id=community_id,
        tenancy_id=tenancy.tenancy_id,
        name=new.tenant_name,
        relation="tenant",
        phone=phone,
        state="invited",
    )
    return tenancy, await new_code_of(
        conn, community_id=community_id, member_id=member.member_id, pepper=pepper, now=now
    )


async def require_home(conn: Connection, *, community_id: UUID, home_id: UUID, person_id: UUID) -> HomeRow:
    """The home, for one who lives in it.

    Raises:
        HomeNotFound: he does not, or there is none.
    """
    await require_membership(conn, community_id=community_id, home_id=home_id, person_id=person_id)
    home = await homes.get_home(conn, community_id=community_id, home_id=home_id)
    if home is None:
        raise HomeNotFound
    return home


async def hold_home(conn: Connection, *, community_id: UUID, home_id: UUID, person_id: UUID) -> TenancyRow:
    """The tenancy by which the home is the person's, held as it is until the transaction ends.

    For all that a household lets in: whoever ends the tenancy or the membership ends what it let in with it, and must
    neither miss what is being added at this moment nor have it added behind his back. Before home and roster.

    Raises:
        HomeNotFound: it is not his home.
    """
    seen = await require_membership(conn, community_id=community_id, home_id=home_id, person_id=person_id)
    tenancy = await repository.share_tenancy(conn, community_id=community_id, tenancy_id=seen.tenancy_id)
    # Again: the lock may have been waited for while somebody took him off the register.
    mine = await require_membership(conn, community_id=community_id, home_id=home_id, person_id=person_id)
    if tenancy is None or mine.member_id != seen.member_id:
        raise HomeNotFound
    return tenancy


def require_within(tenancy: TenancyRow, *, begin: datetime, until: datetime) -> None:
    """Go on only if the household lives there for all of [begin, until): nobody comes before it moves in.

    Raises:
        OutsideTenancy: it does not.
    """
    if begin < tenancy.starts_at or (tenancy.ends_at is not None and until > tenancy.ends_at):
        raise OutsideTenancy(
            lives_from=tenancy.starts_at.isoformat(),
            lives_until=None if tenancy.ends_at is None else tenancy.ends_at.isoformat(),
        )


async def require_membership(conn: Connection, *, community_id: UUID, home_id: UUID, person_id: UUID) -> MembershipRow:
    """The person's membership in the home's present household.

    Raises:
        HomeNotFound: he has none.
    """
    found = await members.get_home_of_person(conn, community_id=community_id, home_id=home_id, person_id=person_id)
    if found is None:
        raise HomeNotFound
    return found


async def end_tenancy(conn: Connection, *, community_id: UUID, tenancy_id: UUID, now: datetime) -> list[SubjectEnded]:
    """End a tenancy at once, with every member's right to enter; those who had joined.

    Raises:
        TenancyNotFound: the community has no such tenancy.
        TenancyEnded: it has ended already.
    """
    tenancy = await repository.get_tenancy_for_update(conn, community_id=community_id, tenancy_id=tenancy_id)
    if tenancy is None:
        raise TenancyNotFound
    if tenancy.ended_at is not None:
        raise TenancyEnded
    await repository.set_tenancy_ended(conn, community_id=community_id, tenancy_id=tenancy_id, at=now)
    standing = await members.list_members(conn, community_id=community_id, tenancy_ids=[tenancy_id])
    return await _end(conn, community_id=community_id, ending=[m for m in standing if m.state != "ended"], now=now)


async def schedule_end(
    conn: Connection, *, community_id: UUID, tenancy_id: UUID, at: datetime, now: datetime
) -> TenancyRow:
    """Let a tenancy end at a later time, and every member's right to enter with it.

    Raises:
        TenancyNotFound: the community has no such tenancy.
        TenancyEnded: it has ended already.
        PeriodInvalid: ``at`` does not lie after its beginning and the present.
    """
    tenancy = await repository.get_tenancy_for_update(conn, community_id=community_id, tenancy_id=tenancy_id)
    if tenancy is None:
        raise TenancyNotFound
    if is_over(tenancy, now):
        raise TenancyEnded
    if at <= max(tenancy.starts_at, now):
        raise PeriodInvalid
    await repository.set_tenancy_end(conn, community_id=community_id, tenancy_id=tenancy_id, ends_at=at)
    for member in await members.list_members(conn, community_id=community_id, tenancy_ids=[tenancy_id]):
        if member.state == "active":
            await access.change_window(
                conn,
                community_id=community_id,
                source=SOURCE,
                source_id=member.member_id,
                valid_from=tenancy.starts_at,
                valid_until=at,
                now=now,
            )
    return msgspec.structs.replace(tenancy, ends_at=at)


async def end_member(conn: Connection, *, community_id: UUID, member_id: UUID, now: datetime) -> list[SubjectEnded]:
    """Take one member off the register; him, where he had joined. Repeating is harmless.

    Raises:
        MemberNotFound: the community has no such member.
    """
    found = await members.get_member(conn, community_id=community_id, member_id=member_id)
    if found is None:
        raise MemberNotFound
    await repository.get_tenancy_for_update(conn, community_id=community_id, tenancy_id=found.tenancy_id)
    member = await members.get_member(conn, community_id=community_id, member_id=member_id)
    if member is None or member.state == "ended":
        return []
    return await _end(conn, community_id=community_id, ending=[member], now=now)


async def _end(
    conn: Connection, *, community_id: UUID, ending: Sequence[MemberRow], now: datetime
) -> list[SubjectEnded]:
    ids = [member.member_id for member in ending]
    await activations.delete_activations(conn, community_id=community_id, member_ids=ids)
    await members.end_members(conn, community_id=community_id, member_ids=ids, at=now)
    await guardians.forget_members(conn, community_id=community_id, member_ids=ids, now=now)
    ended = []
    for member in ending:
        if member.person_id is None:
            continue
        await access.end_grants(conn, community_id=community_id, source=SOURCE, source_id=member.member_id, now=now)
        # The link by which a young person without a phone decides is his as a member.
        await links.close(conn, invitation_id=member.member_id, now=now)
        subject = await people.get_subject(conn, community_id=community_id, person_id=member.person_id)
        if subject is not None:
            ended.append(SubjectEnded(subject.subject_id, member.person_id, member.member_id))
    return ended


async def open_tenancy(conn: Connection, *, community_id: UUID, tenancy_id: UUID, now: datetime) -> TenancyRow:
    """A tenancy that goes on, locked.

    Raises:
        TenancyNotFound: the community has no such tenancy.
        TenancyEnded: it has ended, or should have.
    """
    tenancy = await repository.get_tenancy_for_update(conn, community_id=community_id, tenancy_id=tenancy_id)
    if tenancy is None:
        raise TenancyNotFound
    if is_over(tenancy, now):
        raise TenancyEnded
    return tenancy

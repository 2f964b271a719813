"""Rules of households: who may live where, how somebody shows that he is meant, and when that ends.

Locks are taken in the order home, tenancy, member or activation, roster; so two requests never wait for each other.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from backend.access import service as access
from backend.accounts import phones
from backend.accounts.repository import phone_of_person
from backend.households import repository
from backend.households.errors import (
    ActivationSpent,
    ActivationUnknown,
    AlreadyMember,
    HomeFull,
    HomeNotFound,
    HomeOccupied,
    MemberNotFound,
    MemberNotOpen,
    OutsideTenancy,
    PeriodInvalid,
    PhoneDiffers,
    TenancyEnded,
    TenancyNotFound,
    TenantOnly,
)
from backend.households.homes import repository as homes
from backend.households.homes.repository import HomeRow
from backend.households.repository import MemberRow, MemberState, Relation, TenancyRow
from backend.households.schemas import Activation, NewMember, NewTenancy
from backend.kit.crypto import keyed_hash, new_code
from backend.kit.db import Connection
from backend.people import repository as people
from gate_sdk.wire import GrantKind

__all__ = [
    "ACTIVATION_TTL",
    "SOURCE",
    "SubjectEnded",
    "add_member",
    "approve",
    "code_hash",
    "create_tenancy",
    "end_member",
    "end_tenancy",
    "find_code",
    "hold_home",
    "join",
    "propose_member",
    "require_home",
    "require_membership",
    "require_within",
    "schedule_end",
]

ACTIVATION_TTL = timedelta(days=14)
# What a household's grants rest on, in the words of access.
SOURCE = "member"


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
    member = await repository.insert_member(
        conn,
        community_id=community_id,
        tenancy_id=tenancy.tenancy_id,
        name=new.tenant_name,
        relation="tenant",
        phone=phone,
        state="invited",
    )
    return tenancy, await _new_code(conn, community_id=community_id, member_id=member.member_id, pepper=pepper, now=now)


async def add_member(
    conn: Connection, *, community_id: UUID, tenancy_id: UUID, new: NewMember, pepper: bytes, now: datetime
) -> Activation:
    """Put somebody on the register, on the office's word; the code with which he joins.

    Raises:
        PhoneInvalid: no mobile number.
        TenancyNotFound: the community has no such tenancy.
        TenancyEnded: it has ended.
        HomeFull: the household has as many members as it may.
    """
    tenancy = await _open_tenancy(conn, community_id=community_id, tenancy_id=tenancy_id, now=now)
    member = await _insert_family(conn, tenancy=tenancy, new=new, state="invited")
    return await _new_code(conn, community_id=community_id, member_id=member.member_id, pepper=pepper, now=now)


async def propose_member(
    conn: Connection, *, community_id: UUID, home_id: UUID, person_id: UUID, new: NewMember, now: datetime
) -> MemberRow:
    """Have the tenant name somebody of his household. Nobody lives there until the office has approved.

    Raises:
        PhoneInvalid: no mobile number.
        HomeNotFound: it is not the caller's home.
        TenantOnly: he is of the household, but not the tenant.
        TenancyEnded: the tenancy has ended.
        HomeFull: the household has as many members as it may.
    """
    mine = await require_membership(conn, community_id=community_id, home_id=home_id, person_id=person_id)
    if mine.relation != "tenant":
        raise TenantOnly
    tenancy = await _open_tenancy(conn, community_id=community_id, tenancy_id=mine.tenancy_id, now=now)
    return await _insert_family(conn, tenancy=tenancy, new=new, state="proposed")


async def approve(conn: Connection, *, community_id: UUID, member_id: UUID, pepper: bytes, now: datetime) -> Activation:
    """Approve a proposed member; for one who is invited already, a new code in place of the one he lost.

    Raises:
        MemberNotFound: the community has no such member.
        MemberNotOpen: he has joined or left.
        TenancyEnded: the household's tenancy has ended.
    """
    found = await repository.get_member(conn, community_id=community_id, member_id=member_id)
    if found is None:
        raise MemberNotFound
    await _open_tenancy(conn, community_id=community_id, tenancy_id=found.tenancy_id, now=now)
    member = await repository.get_member_for_update(conn, community_id=community_id, member_id=member_id)
    if member is None or member.state not in ("proposed", "invited"):
        raise MemberNotOpen
    await repository.set_member_state(conn, community_id=community_id, member_id=member_id, state="invited")
    return await _new_code(conn, community_id=community_id, member_id=member_id, pepper=pepper, now=now)


async def find_code(conn: Connection, *, hashed: bytes) -> UUID:
    """The community that gave out a code. Needs the platform scope.

    Raises:
        ActivationUnknown: nobody did.
    """
    found = await repository.find_activation(conn, code_hash=hashed)
    if found is None:
        raise ActivationUnknown
    return found.community_id


async def join(
    conn: Connection, *, community_id: UUID, person_id: UUID, hashed: bytes, now: datetime
) -> tuple[TenancyRow, MemberRow]:
    """Make the person the member whom a code was given out for, and let him in. Community's and person's scope.

    The code alone is not enough where the register has a number, for it may have been found; nor is the number, for
    numbers are given to others after some months.

    Raises:
        ActivationUnknown: there is no such code any more.
        ActivationSpent: it was used, has expired, or the tenancy has ended.
        PhoneDiffers: the person logged in with another number than the register's.
        AlreadyMember: he stands in that household already, under another name of the register.
    """
    known = await repository.find_activation(conn, code_hash=hashed)
    if known is None:
        raise ActivationUnknown
    invited = await repository.get_member(conn, community_id=community_id, member_id=known.member_id)
    if invited is None:
        raise ActivationUnknown
    # The tenancy first: whoever ends it holds it while he lists whose grants to end, and must not miss this one.
    tenancy = await repository.get_tenancy_for_update(conn, community_id=community_id, tenancy_id=invited.tenancy_id)
    found = await repository.get_activation_for_update(conn, community_id=community_id, code_hash=hashed)
    member = await repository.get_member(conn, community_id=community_id, member_id=known.member_id)
    if found is None or found.used_at is not None or found.expires_at <= now:
        raise ActivationSpent
    if member is None or member.state != "invited" or tenancy is None or _over(tenancy, now):
        raise ActivationSpent
    if member.phone is not None and member.phone != await phone_of_person(conn, person_id=person_id):
        raise PhoneDiffers
    standing = await repository.list_members(conn, community_id=community_id, tenancy_ids=[tenancy.tenancy_id])
    if any(other.person_id == person_id and other.state == "active" for other in standing):
        raise AlreadyMember
    await repository.spend_activation(conn, community_id=community_id, member_id=member.member_id, at=now)
    await repository.set_member_joined(
        conn, community_id=community_id, member_id=member.member_id, person_id=person_id, at=now
    )
    person = await people.get_person(conn, person_id=person_id)
    if person is not None and person.name is None:
        await people.update_person(conn, person_id=person_id, name=member.name, language=None)
    subject_id = await people.ensure_subject(conn, community_id=community_id, person_id=person_id)
    await access.grant(
        conn,
        community_id=community_id,
        subject_id=subject_id,
        kind=GrantKind.RESIDENT,
        source=SOURCE,
        source_id=member.member_id,
        valid_from=tenancy.starts_at,
        valid_until=tenancy.ends_at,
        now=now,
    )
    return tenancy, member


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


async def require_membership(
    conn: Connection, *, community_id: UUID, home_id: UUID, person_id: UUID
) -> repository.MembershipRow:
    """The person's membership in the home's present household.

    Raises:
        HomeNotFound: he has none.
    """
    found = await repository.get_home_of_person(conn, community_id=community_id, home_id=home_id, person_id=person_id)
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
    members = await repository.list_members(conn, community_id=community_id, tenancy_ids=[tenancy_id])
    return await _end(conn, community_id=community_id, members=[m for m in members if m.state != "ended"], now=now)


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
    if _over(tenancy, now):
        raise TenancyEnded
    if at <= max(tenancy.starts_at, now):
        raise PeriodInvalid
    await repository.set_tenancy_end(conn, community_id=community_id, tenancy_id=tenancy_id, ends_at=at)
    for member in await repository.list_members(conn, community_id=community_id, tenancy_ids=[tenancy_id]):
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
    found = await repository.get_member(conn, community_id=community_id, member_id=member_id)
    if found is None:
        raise MemberNotFound
    await repository.get_tenancy_for_update(conn, community_id=community_id, tenancy_id=found.tenancy_id)
    member = await repository.get_member(conn, community_id=community_id, member_id=member_id)
    if member is None or member.state == "ended":
        return []
    return await _end(conn, community_id=community_id, members=[member], now=now)


def code_hash(pepper: bytes, code: str) -> bytes:
    """The keyed hash under which a code is kept; typed with or without hyphens, in either case."""
    return keyed_hash(pepper, "activation", "".join(c for c in code.upper() if c.isalnum()))


async def _end(
    conn: Connection, *, community_id: UUID, members: Sequence[MemberRow], now: datetime
) -> list[SubjectEnded]:
    ids = [member.member_id for member in members]
    await repository.delete_activations(conn, community_id=community_id, member_ids=ids)
    await repository.end_members(conn, community_id=community_id, member_ids=ids, at=now)
    ended = []
    for member in members:
        if member.person_id is None:
            continue
        await access.end_grants(conn, community_id=community_id, source=SOURCE, source_id=member.member_id, now=now)
        subject = await people.get_subject(conn, community_id=community_id, person_id=member.person_id)
        if subject is not None:
            ended.append(SubjectEnded(subject.subject_id, member.person_id, member.member_id))
    return ended


async def _open_tenancy(conn: Connection, *, community_id: UUID, tenancy_id: UUID, now: datetime) -> TenancyRow:
    tenancy = await repository.get_tenancy_for_update(conn, community_id=community_id, tenancy_id=tenancy_id)
    if tenancy is None:
        raise TenancyNotFound
    if _over(tenancy, now):
        raise TenancyEnded
    return tenancy


async def _insert_family(conn: Connection, *, tenancy: TenancyRow, new: NewMember, state: MemberState) -> MemberRow:
    """Somebody beside the tenant; the tenancy is locked, so that two cannot both be the last."""
    home = await homes.get_home(conn, community_id=tenancy.community_id, home_id=tenancy.home_id)
    members = await repository.count_open_members(
        conn, community_id=tenancy.community_id, tenancy_id=tenancy.tenancy_id
    )
    if home is None or members >= home.member_limit:
        raise HomeFull
    relation: Relation = new.relation
    return await repository.insert_member(
        conn,
        community_id=tenancy.community_id,
        tenancy_id=tenancy.tenancy_id,
        name=new.name,
        relation=relation,
        phone=None if new.phone is None else phones.parse(new.phone),
        state=state,
    )


async def _new_code(
    conn: Connection, *, community_id: UUID, member_id: UUID, pepper: bytes, now: datetime
) -> Activation:
    code = new_code()
    expires_at = now + ACTIVATION_TTL
    await repository.put_activation(
        conn, community_id=community_id, member_id=member_id, code_hash=code_hash(pepper, code), expires_at=expires_at
    )
    return Activation(member_id=member_id, activation_code=code, expires_at=expires_at)


def _over(tenancy: TenancyRow, now: datetime) -> bool:
    return tenancy.ended_at is not None or (tenancy.ends_at is not None and tenancy.ends_at <= now)

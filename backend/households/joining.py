"""Joining a household: somebody shows by a code, and by his phone, that he is the member whom the register means."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from backend.access import service as access
from backend.accounts.repository import phone_of_person
from backend.guardians import repository as guardians
from backend.guardians import service as guarding
from backend.guardians.rules import Stage
from backend.households import repository
from backend.households.activations import repository as activations
from backend.households.errors import (
    ActivationSpent,
    ActivationUnknown,
    AgeUnknown,
    AlreadyMember,
    PhoneDiffers,
)
from backend.households.members import repository as members
from backend.households.members.repository import MemberRow
from backend.households.repository import TenancyRow
from backend.households.schemas import Activation
from backend.kit.crypto import keyed_hash, new_code
from backend.kit.db import Connection
from backend.people import repository as people
from gate_sdk.wire import GrantKind

__all__ = [
    "ACTIVATION_TTL",
    "SOURCE",
    "admit",
    "code_hash",
    "find_code",
    "guard_by_register",
    "is_over",
    "join",
    "new_code_of",
]

ACTIVATION_TTL = timedelta(days=14)
# What a household's grants rest on, in the words of access.
SOURCE = "member"


async def find_code(conn: Connection, *, hashed: bytes) -> UUID:
    """The community that gave out a code. Needs the platform scope.

    Raises:
        ActivationUnknown: nobody did.
    """
    found = await activations.find_activation(conn, code_hash=hashed)
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
        AgeUnknown: he is somebody's child, and the office has not said how old.
    """
    known = await activations.find_activation(conn, code_hash=hashed)
    if known is None:
        raise ActivationUnknown
    invited = await members.get_member(conn, community_id=community_id, member_id=known.member_id)
    if invited is None:
        raise ActivationUnknown
    # The tenancy first: whoever ends it holds it while he lists whose grants to end, and must not miss this one.
    tenancy = await repository.get_tenancy_for_update(conn, community_id=community_id, tenancy_id=invited.tenancy_id)
    found = await activations.get_activation_for_update(conn, community_id=community_id, code_hash=hashed)
    member = await members.get_member(conn, community_id=community_id, member_id=known.member_id)
    if found is None or found.used_at is not None or found.expires_at <= now:
        raise ActivationSpent
    if member is None or member.state != "invited" or tenancy is None or is_over(tenancy, now):
        raise ActivationSpent
    if member.phone is not None and member.phone != await phone_of_person(conn, person_id=person_id):
        raise PhoneDiffers
    standing = await members.list_members(conn, community_id=community_id, tenancy_ids=[tenancy.tenancy_id])
    if any(other.person_id == person_id and other.state == "active" for other in standing):
        raise AlreadyMember
    await _require_age(conn, member=member)
    await activations.spend_activation(conn, community_id=community_id, member_id=member.member_id, at=now)
    person = await people.get_person(conn, person_id=person_id)
    if person is not None and person.name is None:
        await people.update_person(conn, person_id=person_id, name=member.name, language=None)
    await admit(conn, tenancy=tenancy, member=member, person_id=person_id, now=now)
    await _guard_children(conn, member=member, household=standing, person_id=person_id, now=now)
    return tenancy, member


async def admit(conn: Connection, *, tenancy: TenancyRow, member: MemberRow, person_id: UUID, now: datetime) -> None:
    """Let the member, who is this person, live there: grant and register. The tenancy is locked."""
    community_id = tenancy.community_id
    await members.set_member_joined(
        conn, community_id=community_id, member_id=member.member_id, person_id=person_id, at=now
    )
    await guardians.set_person(conn, community_id=community_id, member_id=member.member_id, person_id=person_id)
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


async def guard_by_register(conn: Connection, *, child: MemberRow, tenant_id: UUID, now: datetime) -> None:
    """Have the tenant act for a minor whom the register calls his child. Of others, staff decide."""
    if child.relation != "child" or child.state == "ended":
        return
    minor = await guardians.get_minor(conn, community_id=child.community_id, member_id=child.member_id)
    if minor is None or guarding.stage(minor, now) is Stage.ADULT:
        return
    await guarding.record_guardian(
        conn,
        community_id=child.community_id,
        member_id=child.member_id,
        guardian_id=tenant_id,
        relation="parent",
        by_register=True,
        staff_id=minor.confirmed_by,
        now=now,
    )


async def _require_age(conn: Connection, *, member: MemberRow) -> None:
    if member.relation != "child" or member.of_age:
        return
    if await guardians.get_minor(conn, community_id=member.community_id, member_id=member.member_id) is None:
        raise AgeUnknown


async def _guard_children(
    conn: Connection, *, member: MemberRow, household: Sequence[MemberRow], person_id: UUID, now: datetime
) -> None:
    """A tenant who joins after his children were put on the register acts for them from now on."""
    if member.relation == "tenant":
        for child in household:
            await guard_by_register(conn, child=child, tenant_id=person_id, now=now)


def code_hash(pepper: bytes, code: str) -> bytes:
    """The keyed hash under which a code is kept; typed with or without hyphens, in either case."""
    return keyed_hash(pepper, "activation", "".join(c for c in code.upper() if c.isalnum()))


async def new_code_of(
    conn: Connection, *, community_id: UUID, member_id: UUID, pepper: bytes, now: datetime
) -> Activation:
    """A code for the member, in place of the one that he may have; shown once."""
    code = new_code()
    expires_at = now + ACTIVATION_TTL
    await activations.put_activation(
        conn, community_id=community_id, member_id=member_id, code_hash=code_hash(pepper, code), expires_at=expires_at
    )
    return Activation(member_id=member_id, activation_code=code, expires_at=expires_at)


def is_over(tenancy: TenancyRow, now: datetime) -> bool:
    """Whether the tenancy has ended, or should have."""
    return tenancy.ended_at is not None or (tenancy.ends_at is not None and tenancy.ends_at <= now)

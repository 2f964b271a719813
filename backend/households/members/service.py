"""Rules of members: whom the tenant names, whom the office approves, and who needs no code to join."""

from datetime import datetime
from uuid import UUID

from backend.accounts import phones
from backend.guardians import repository as guardians
from backend.guardians import service as guarding
from backend.guardians.rules import Stage
from backend.households.errors import (
    AgeNeeded,
    HomeFull,
    MemberNotFound,
    MemberNotOpen,
    PhoneContradicted,
    TenantOnly,
)
from backend.households.homes import repository as homes
from backend.households.joining import admit, guard_by_register, new_code_of
from backend.households.members import repository
from backend.households.members.repository import MemberRow, MemberState
from backend.households.notices.service import tell_household
from backend.households.repository import TenancyRow
from backend.households.schemas import Approval, Approved, NewMember, NewRegisteredMember
from backend.households.service import open_tenancy, require_membership
from backend.kit.db import Connection
from backend.notifications.kinds import Kind
from backend.people import repository as people

__all__ = ["add_member", "approve", "propose_member"]


async def add_member(
    conn: Connection,
    *,
    community_id: UUID,
    tenancy_id: UUID,
    new: NewRegisteredMember,
    staff_id: UUID,
    pepper: bytes,
    now: datetime,
) -> Approved:
    """Put somebody on the register, on the office's word; with the code to join by, unless he has no phone.

    Raises:
        PhoneInvalid: no mobile number.
        PhoneContradicted: a number of somebody who has no phone.
        TenancyNotFound: the community has no such tenancy.
        TenancyEnded: it has ended.
        HomeFull: the household has as many members as it may.
        AgeNeeded: of a child, neither birth date nor that he is of age was said.
        BirthDateInvalid: nobody alive was born then.
    """
    tenancy = await open_tenancy(conn, community_id=community_id, tenancy_id=tenancy_id, now=now)
    member = await _insert_family(conn, tenancy=tenancy, new=new, state="invited")
    approval = Approval(birth_date=new.birth_date, basis=new.basis, of_age=new.of_age)
    return await _approved(
        conn, tenancy=tenancy, member=member, approval=approval, staff_id=staff_id, pepper=pepper, now=now
    )


async def propose_member(
    conn: Connection, *, community_id: UUID, home_id: UUID, person_id: UUID, new: NewMember, now: datetime
) -> MemberRow:
    """Have the tenant name somebody of his household. Nobody lives there until the office has approved.

    Raises:
        PhoneInvalid: no mobile number.
        PhoneContradicted: a number of somebody who has no phone.
        HomeNotFound: it is not the caller's home.
        TenantOnly: he is of the household, but not the tenant.
        TenancyEnded: the tenancy has ended.
        HomeFull: the household has as many members as it may.
    """
    mine = await require_membership(conn, community_id=community_id, home_id=home_id, person_id=person_id)
    if mine.relation != "tenant":
        raise TenantOnly
    tenancy = await open_tenancy(conn, community_id=community_id, tenancy_id=mine.tenancy_id, now=now)
    member = await _insert_family(conn, tenancy=tenancy, new=new, state="proposed")
    await tell_household(
        conn,
        community_id=community_id,
        tenancy_id=tenancy.tenancy_id,
        kind=Kind.MEMBER_PROPOSED,
        member_id=member.member_id,
        besides=person_id,
        now=now,
    )
    return member


async def approve(
    conn: Connection,
    *,
    community_id: UUID,
    member_id: UUID,
    approval: Approval,
    staff_id: UUID,
    pepper: bytes,
    now: datetime,
) -> Approved:
    """Approve a proposed member; for one who is invited already, a new code in place of the one he lost.

    Whoever has no phone is somebody from here on, and lives there.

    Raises:
        MemberNotFound: the community has no such member.
        MemberNotOpen: he has joined or left.
        TenancyEnded: the household's tenancy has ended.
        AgeNeeded: of a child, neither birth date nor that he is of age was said.
        BirthDateInvalid: nobody alive was born then.
    """
    found = await repository.get_member(conn, community_id=community_id, member_id=member_id)
    if found is None:
        raise MemberNotFound
    tenancy = await open_tenancy(conn, community_id=community_id, tenancy_id=found.tenancy_id, now=now)
    member = await repository.get_member_for_update(conn, community_id=community_id, member_id=member_id)
    if member is None or member.state not in ("proposed", "invited"):
        raise MemberNotOpen
    await repository.set_member_state(conn, community_id=community_id, member_id=member_id, state="invited")
    return await _approved(
        conn, tenancy=tenancy, member=member, approval=approval, staff_id=staff_id, pepper=pepper, now=now
    )


async def _approved(
    conn: Connection,
    *,
    tenancy: TenancyRow,
    member: MemberRow,
    approval: Approval,
    staff_id: UUID,
    pepper: bytes,
    now: datetime,
) -> Approved:
    community_id, member_id = member.community_id, member.member_id
    age = await _settle_age(conn, member=member, approval=approval, staff_id=staff_id, now=now)
    standing = await repository.list_members(conn, community_id=community_id, tenancy_ids=[tenancy.tenancy_id])
    for other in standing:
        if other.relation == "tenant" and other.state == "active" and other.person_id is not None:
            await guard_by_register(conn, child=member, tenant_id=other.person_id, now=now)
    await tell_household(
        conn,
        community_id=community_id,
        tenancy_id=tenancy.tenancy_id,
        kind=Kind.MEMBER_APPROVED,
        member_id=member_id,
        besides=None,
        now=now,
    )
    if member.without_phone:
        person_id = await people.insert_person_for(conn, name=member.name)
        await admit(conn, tenancy=tenancy, member=member, person_id=person_id, now=now)
        return Approved(member_id, "active", age, None, None)
    code = await new_code_of(conn, community_id=community_id, member_id=member_id, pepper=pepper, now=now)
    return Approved(member_id, "invited", age, code.activation_code, code.expires_at)


async def _settle_age(
    conn: Connection, *, member: MemberRow, approval: Approval, staff_id: UUID, now: datetime
) -> Stage:
    community_id, member_id = member.community_id, member.member_id
    if approval.birth_date is None:
        known = await guardians.get_minor(conn, community_id=community_id, member_id=member_id)
        if known is not None:
            return guarding.stage(known, now)
        if member.relation == "child":
            if not (approval.of_age or member.of_age):
                raise AgeNeeded
            await repository.set_member_of_age(conn, community_id=community_id, member_id=member_id, of_age=True)
        return Stage.ADULT
    age = await guarding.confirm_birth_date(
        conn,
        community_id=community_id,
        member_id=member_id,
        person_id=None,
        birth_date=approval.birth_date,
        basis=approval.basis,
        staff_id=staff_id,
        now=now,
    )
    await repository.set_member_of_age(conn, community_id=community_id, member_id=member_id, of_age=age is Stage.ADULT)
    return age


async def _insert_family(conn: Connection, *, tenancy: TenancyRow, new: NewMember, state: MemberState) -> MemberRow:
    """Somebody beside the tenant; the tenancy is locked, so that two cannot both be the last."""
    if new.without_phone and new.phone is not None:
        raise PhoneContradicted
    home = await homes.get_home(conn, community_id=tenancy.community_id, home_id=tenancy.home_id)
    standing = await repository.count_open_members(
        conn, community_id=tenancy.community_id, tenancy_id=tenancy.tenancy_id
    )
    if home is None or standing >= home.member_limit:
        raise HomeFull
    return await repository.insert_member(
        conn,
        community_id=tenancy.community_id,
        tenancy_id=tenancy.tenancy_id,
        name=new.name,
        relation=new.relation,
        phone=None if new.phone is None else phones.parse(new.phone),
        state=state,
        without_phone=new.without_phone,
    )

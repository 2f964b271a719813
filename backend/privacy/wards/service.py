"""Rules of acting for a child, and of what ends when its age, or its guardians, turn out otherwise."""

from datetime import date, datetime, timedelta
from uuid import UUID

from backend.audit import service as audit
from backend.consent.service import Purpose
from backend.guardians import repository as guardians
from backend.guardians import service as guarding
from backend.guardians.errors import MemberOfAge, WardNotFound
from backend.guardians.repository import Basis, GuardianRelation, GuardianshipRow
from backend.guardians.rules import Power, Stage
from backend.households.errors import MemberNotFound, MemberNotOpen
from backend.households.joining import guard_by_register
from backend.households.members import repository as members
from backend.households.members.repository import MemberRow
from backend.kit.db import Connection, Database, Scope, enter_community
from backend.links import service as links
from backend.privacy import repository, service
from backend.privacy.repository import ErasureRow
from backend.privacy.wards.errors import GuardianUnfit

__all__ = [
    "LINK_VALID",
    "act_for",
    "confirm_birth_date",
    "end_guardian",
    "link_of_young",
    "record_guardian",
    "refuse_all",
    "resign",
    "withdraw",
]

#: As long as a young person has to answer.
LINK_VALID = timedelta(days=30)


async def act_for(
    conn: Connection, *, guardian_id: UUID, person_id: UUID, power: Power, now: datetime
) -> GuardianshipRow:
    """Go on as the child, whose guardian has this power. From the guardian's scope into the child's.

    Raises:
        WardNotFound: he is not his guardian.
        DecidesHimself: the young person decides that alone.
    """
    tie = await guarding.require_guardian(conn, guardian_id=guardian_id, person_id=person_id, power=power, now=now)
    await repository.enter_person(conn, person_id=person_id)
    return tie


async def withdraw(
    conn: Connection, *, guardianship: GuardianshipRow, person_id: UUID, purpose: Purpose, now: datetime
) -> ErasureRow | None:
    """Say no for the child: what stood ends and is erased, and no other guardian's yes counts. In the child's scope."""
    await guarding.refuse(conn, guardianship=guardianship, person_id=person_id, purpose=purpose, now=now)
    return await service.withdraw_consent(conn, person_id=person_id, purpose=purpose, now=now, own=False)


async def refuse_all(conn: Connection, *, guardianship: GuardianshipRow, person_id: UUID, now: datetime) -> None:
    """Say no for the child to every purpose. In the child's scope."""
    for purpose in Purpose:
        await guarding.refuse(conn, guardianship=guardianship, person_id=person_id, purpose=purpose, now=now)


async def confirm_birth_date(
    conn: Connection,
    *,
    community_id: UUID,
    member_id: UUID,
    birth_date: date,
    basis: Basis,
    staff_id: UUID,
    now: datetime,
) -> tuple[Stage, list[ErasureRow]]:
    """Put right when a member was born, and end what stood because of another date. The community's scope.

    A child's own word, and a guardian's about somebody of age, were never theirs to give: what rests on it is erased.

    Raises:
        MemberNotFound: the community has no such member.
        MemberNotOpen: he has left.
        BirthDateInvalid: nobody alive was born then.
    """
    member = await _member(conn, community_id=community_id, member_id=member_id)
    if member.state == "ended":
        raise MemberNotOpen
    if member.relation == "tenant":
        raise MemberOfAge
    reached = await guarding.confirm_birth_date(
        conn,
        community_id=community_id,
        member_id=member_id,
        person_id=member.person_id,
        birth_date=birth_date,
        basis=basis,
        staff_id=staff_id,
        now=now,
    )
    await members.set_member_of_age(conn, community_id=community_id, member_id=member_id, of_age=reached is Stage.ADULT)
    for other in await members.list_members(conn, community_id=community_id, tenancy_ids=[member.tenancy_id]):
        if other.relation == "tenant" and other.state == "active" and other.person_id is not None:
            await guard_by_register(conn, child=member, tenant_id=other.person_id, now=now)
    if member.person_id is None or reached not in {Stage.CHILD, Stage.ADULT}:
        return reached, []
    await repository.enter_person(conn, person_id=member.person_id)
    begun = await service.lapse(conn, person_id=member.person_id, by_guardian=reached is Stage.ADULT, now=now)
    return reached, [] if begun is None else [begun]


async def record_guardian(
    conn: Connection,
    *,
    community_id: UUID,
    member_id: UUID,
    guardian_member_id: UUID,
    relation: GuardianRelation,
    staff_id: UUID,
    now: datetime,
) -> UUID:
    """Let another member of the community act for a child, by papers that staff have seen. The community's scope.

    Raises:
        MemberNotFound: the community has no such member, or has had him.
        MemberOfAge: no confirmed birth date makes the child a minor.
        GuardianUnfit: the other has not joined, or is under age himself.
    """
    child = await _member(conn, community_id=community_id, member_id=member_id)
    other = await _member(conn, community_id=community_id, member_id=guardian_member_id)
    if child.state == "ended" or other.state == "ended":
        raise MemberNotFound
    minor = await guardians.get_minor(conn, community_id=community_id, member_id=guardian_member_id)
    if other.person_id is None or other.person_id == child.person_id or minor is not None:
        raise GuardianUnfit
    return await guarding.record_guardian(
        conn,
        community_id=community_id,
        member_id=member_id,
        guardian_id=other.person_id,
        relation=relation,
        by_register=False,
        staff_id=staff_id,
        now=now,
    )


async def end_guardian(
    conn: Connection, *, community_id: UUID, member_id: UUID | None, guardianship_id: UUID, now: datetime
) -> list[ErasureRow]:
    """Let somebody act for a child no more. The community's scope.

    What he agreed to stands while another guardian is there to take it back. When the last one of a child goes, nobody
    could: it lapses, and what rested on it is erased.

    Raises:
        WardNotFound: there is no such guardianship of the member, or it has ended.
    """
    tie = await guardians.get_guardianship(conn, community_id=community_id, guardianship_id=guardianship_id)
    if tie is None or tie.ended_at is not None or member_id not in (None, tie.member_id):
        raise WardNotFound
    await guardians.end_guardianship(conn, community_id=community_id, guardianship_id=guardianship_id, now=now)
    left = await guardians.list_guardians(conn, community_id=community_id, member_id=tie.member_id)
    if left or tie.person_id is None:
        return []
    minor = await guardians.get_minor(conn, community_id=community_id, member_id=tie.member_id)
    if minor is None or guarding.stage(minor, now) is not Stage.CHILD:
        return []
    await repository.enter_person(conn, person_id=tie.person_id)
    begun = await service.lapse(conn, person_id=tie.person_id, by_guardian=True, now=now)
    return [] if begun is None else [begun]


async def resign(db: Database, *, guardian_id: UUID, now: datetime) -> None:
    """End everything that somebody does for children: he deletes his account. In the worker's role."""
    async with db.transaction(Scope(person_id=guardian_id), read_only=True) as conn:
        ties = await guardians.list_guarded(conn, guardian_id=guardian_id)
    for tie in ties:
        async with db.transaction(Scope(community_id=tie.community_id)) as conn:
            await end_guardian(
                conn,
                community_id=tie.community_id,
                member_id=tie.member_id,
                guardianship_id=tie.guardianship_id,
                now=now,
            )
            await audit.record(
                conn,
                community_id=tie.community_id,
                actor="system",
                action="guardian.end",
                target=f"member:{tie.member_id}",
            )


async def link_of_young(conn: Connection, *, community_id: UUID, member_id: UUID, pepper: bytes, now: datetime) -> str:
    """The token of a new link with which a young person decides for himself, in place of older ones.

    In the community's scope.

    Raises:
        MemberNotFound: the community has no such member.
        MemberOfAge: he is no minor of fourteen or more who has joined.
    """
    await _member(conn, community_id=community_id, member_id=member_id)
    minor = await guardians.get_minor(conn, community_id=community_id, member_id=member_id)
    if minor is None or minor.person_id is None or guarding.stage(minor, now) not in {Stage.ASKED, Stage.YOUNG}:
        raise MemberOfAge
    await enter_community(conn, community_id)
    await links.close(conn, invitation_id=member_id, now=now)
    return await links.create(
        conn,
        kind="young",
        invitation_id=member_id,
        community_id=community_id,
        person_id=minor.person_id,
        expires_at=now + LINK_VALID,
        pepper=pepper,
    )


async def _member(conn: Connection, *, community_id: UUID, member_id: UUID) -> MemberRow:
    found = await members.get_member(conn, community_id=community_id, member_id=member_id)
    if found is None:
        raise MemberNotFound
    return found

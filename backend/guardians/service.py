"""Rules of acting for a child: who may, and what, at which age."""

from datetime import date, datetime
from uuid import UUID

from backend.communities import repository as communities
from backend.communities.errors import CommunityNotFound
from backend.guardians import repository
from backend.guardians.errors import (
    BirthDateInvalid,
    DecidesHimself,
    GuardianNeeded,
    GuardianRefused,
    MemberOfAge,
    WardNotFound,
)
from backend.guardians.repository import Basis, GuardianRelation, GuardianshipRow, MinorRow
from backend.guardians.rules import Power, Stage, is_birth_date, may, stage_of
from backend.kit.db import Connection

__all__ = [
    "confirm_birth_date",
    "forget_members",
    "note_answer",
    "record_guardian",
    "refuse",
    "require_guardian",
    "require_own_age",
    "require_unanimous",
    "stage",
    "stage_of_person",
]


def stage(minor: MinorRow, now: datetime) -> Stage:
    """How far the member decides for himself."""
    decided = minor.answered_at is not None or minor.settled_at is not None
    return stage_of(minor.birth_date, minor.time_zone, decided=decided, now=now)


async def stage_of_person(conn: Connection, *, person_id: UUID, now: datetime) -> Stage:
    """The same of a person: where registers differ, the youngest; an adult where none knows him as a minor.

    In his own scope, or in that of a guardian of his.
    """
    minors = await repository.list_minors_of_person(conn, person_id=person_id)
    stages = {stage(minor, now) for minor in minors}
    return next((one for one in Stage if one in stages), Stage.ADULT)


async def require_guardian(
    conn: Connection, *, guardian_id: UUID, person_id: UUID, power: Power, now: datetime
) -> GuardianshipRow:
    """The tie by which somebody may do that for the child. In the guardian's own scope.

    Raises:
        WardNotFound: he is not his guardian, or there is no such child.
        DecidesHimself: he is, and the young person decides that alone.
    """
    ties = await repository.list_guarded(conn, guardian_id=guardian_id, person_id=person_id)
    reached = await stage_of_person(conn, person_id=person_id, now=now)
    if not ties or reached is Stage.ADULT:
        raise WardNotFound
    if not may(reached, power):
        raise DecidesHimself
    return ties[0]


async def require_own_age(conn: Connection, *, person_id: UUID, now: datetime) -> None:
    """Go on only if the person may agree for himself. In his own scope.

    Raises:
        GuardianNeeded: he is under fourteen.
    """
    if await stage_of_person(conn, person_id=person_id, now=now) is Stage.CHILD:
        raise GuardianNeeded


async def require_unanimous(conn: Connection, *, guardianship: GuardianshipRow, person_id: UUID, purpose: str) -> None:
    """Go on only if no other guardian has said no; one's own no is taken back by it. In the child's scope.

    Raises:
        GuardianRefused: another has.
    """
    await repository.delete_refusals(
        conn,
        community_id=guardianship.community_id,
        guardianship_id=guardianship.guardianship_id,
        purpose=purpose,
    )
    if await repository.has_refusal(conn, person_id=person_id, purpose=purpose):
        raise GuardianRefused


async def refuse(
    conn: Connection, *, guardianship: GuardianshipRow, person_id: UUID, purpose: str, now: datetime
) -> None:
    """Keep a guardian's no, which stands until he himself says yes. In the child's scope."""
    await repository.put_refusal(conn, guardianship=guardianship, person_id=person_id, purpose=purpose, now=now)


async def note_answer(conn: Connection, *, person_id: UUID, now: datetime) -> None:
    """Whoever was asked at fourteen has decided for himself. In his own scope; for others nothing happens."""
    if await stage_of_person(conn, person_id=person_id, now=now) is Stage.ASKED:
        await repository.set_answered(conn, person_id=person_id, now=now)


async def confirm_birth_date(
    conn: Connection,
    *,
    community_id: UUID,
    member_id: UUID,
    person_id: UUID | None,
    birth_date: date,
    basis: Basis,
    staff_id: UUID,
    now: datetime,
) -> Stage:
    """Record when a member was born, on the word of staff; of an adult nothing is kept. The community's scope.

    What stood because of another date is the caller's to end.

    Raises:
        CommunityNotFound: there is no such community.
        BirthDateInvalid: nobody alive can have been born then.
    """
    community = await communities.get_community(conn, community_id=community_id)
    if community is None:
        raise CommunityNotFound
    if not is_birth_date(birth_date, now=now, zone=community.time_zone):
        raise BirthDateInvalid
    reached = stage_of(birth_date, community.time_zone, decided=False, now=now)
    if reached is Stage.ADULT:
        await forget_members(conn, community_id=community_id, member_ids=[member_id], now=now)
    else:
        await repository.put_minor(
            conn,
            community_id=community_id,
            member_id=member_id,
            person_id=person_id,
            birth_date=birth_date,
            basis=basis,
            staff_id=staff_id,
            now=now,
        )
    return reached


async def record_guardian(
    conn: Connection,
    *,
    community_id: UUID,
    member_id: UUID,
    guardian_id: UUID,
    relation: GuardianRelation,
    by_register: bool,
    staff_id: UUID,
    now: datetime,
) -> UUID:
    """Let somebody act for a member under age; the guardianship's id. The community's scope.

    Raises:
        MemberOfAge: no confirmed birth date makes him a minor.
    """
    minor = await repository.get_minor(conn, community_id=community_id, member_id=member_id)
    if minor is None or stage(minor, now) is Stage.ADULT or minor.person_id == guardian_id:
        raise MemberOfAge
    return await repository.insert_guardianship(
        conn,
        community_id=community_id,
        member_id=member_id,
        person_id=minor.person_id,
        guardian_id=guardian_id,
        relation=relation,
        basis="register" if by_register else "staff",
        staff_id=staff_id,
        now=now,
    )


async def forget_members(conn: Connection, *, community_id: UUID, member_ids: list[UUID], now: datetime) -> None:
    """Members who left, or are of age: nobody acts for them, and their birth dates go. The community's scope."""
    await repository.end_guardianships(conn, community_id=community_id, member_ids=member_ids, now=now)
    await repository.delete_minors(conn, community_id=community_id, member_ids=member_ids)

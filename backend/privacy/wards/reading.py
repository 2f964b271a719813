"""What guardians, and young people about themselves, get to see."""

from datetime import datetime
from uuid import UUID

from backend.communities import repository as communities
from backend.consent.service import Purpose
from backend.guardians import repository as guardians
from backend.guardians import service as guarding
from backend.guardians.repository import GuardianshipRow, MinorRow
from backend.guardians.rules import (
    ANSWER_WITHIN,
    CONSENT_AGE,
    MAJORITY,
    Power,
    Recapture,
    Stage,
    may,
    recapture_due,
    turns,
)
from backend.households.members import repository as members
from backend.kit.db import Connection, enter_community
from backend.privacy.repository import enter_person
from backend.privacy.wards import repository
from backend.privacy.wards.schemas import OwnAge, Ward, WardList

__all__ = ["list_wards", "own_age"]


async def list_wards(conn: Connection, *, guardian_id: UUID, recapture: Recapture, now: datetime) -> WardList:
    """The children for whom somebody acts. From his own scope, which is left for each child's."""
    found = []
    for tie in await guardians.list_guarded(conn, guardian_id=guardian_id):
        ward = await _ward(conn, tie, recapture, now)
        if ward is not None:
            found.append(ward)
    return WardList(tuple(found))


async def own_age(conn: Connection, *, person_id: UUID, recapture: Recapture, now: datetime) -> OwnAge:
    """How far somebody decides for himself. In his own scope."""
    minors = await guardians.list_minors_of_person(conn, person_id=person_id)
    youngest = next((minor for minor in minors if guarding.stage(minor, now) is not Stage.ADULT), None)
    if youngest is None:
        return OwnAge(stage=Stage.ADULT)
    return OwnAge(
        stage=guarding.stage(youngest, now),
        time_zone=youngest.time_zone,
        decides_from=turns(youngest.birth_date, CONSENT_AGE, youngest.time_zone),
        decides_until=_decides_until(youngest),
        of_age_from=turns(youngest.birth_date, MAJORITY, youngest.time_zone),
        recapture_due_at=await _recapture_due(conn, youngest, person_id, recapture),
    )


async def _ward(conn: Connection, tie: GuardianshipRow, recapture: Recapture, now: datetime) -> Ward | None:
    if tie.person_id is None:
        return None
    await enter_community(conn, tie.community_id)
    await enter_person(conn, person_id=tie.person_id)
    member = await members.get_member(conn, community_id=tie.community_id, member_id=tie.member_id)
    minor = await guardians.get_minor(conn, community_id=tie.community_id, member_id=tie.member_id)
    community = await communities.get_community(conn, community_id=tie.community_id)
    if member is None or minor is None or community is None:
        return None
    stage = await guarding.stage_of_person(conn, person_id=tie.person_id, now=now)
    if stage is Stage.ADULT:
        return None
    refused = [
        purpose for purpose in Purpose if await guardians.has_refusal(conn, person_id=tie.person_id, purpose=purpose)
    ]
    return Ward(
        person_id=tie.person_id,
        community_id=tie.community_id,
        community=community.name,
        member_id=tie.member_id,
        name=member.name,
        relation=tie.relation,
        time_zone=minor.time_zone,
        stage=stage,
        may=tuple(power for power in Power if may(stage, power)),
        refused=tuple(refused),
        decides_from=turns(minor.birth_date, CONSENT_AGE, minor.time_zone),
        decides_until=_decides_until(minor),
        of_age_from=turns(minor.birth_date, MAJORITY, minor.time_zone),
        recapture_due_at=await _recapture_due(conn, minor, tie.person_id, recapture),
    )


def _decides_until(minor: MinorRow) -> datetime | None:
    if minor.asked_at is None or minor.answered_at is not None or minor.settled_at is not None:
        return None
    return minor.asked_at + ANSWER_WITHIN


async def _recapture_due(conn: Connection, minor: MinorRow, person_id: UUID, recapture: Recapture) -> datetime | None:
    made_at = await repository.face_of(conn, person_id=person_id)
    return None if made_at is None else recapture_due(minor.birth_date, minor.time_zone, made_at, recapture)

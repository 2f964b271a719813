"""Rules of enrolling at a desk: for a member without a smartphone, who need not have an account either."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from backend.audit import service as audit
from backend.consent import service as consent
from backend.consent.repository import Language, Paper
from backend.consent.service import Purpose
from backend.enrolment import repository
from backend.enrolment.desk.schemas import SignedText
from backend.enrolment.errors import EnrolmentNotFound
from backend.enrolment.faces import FaceService
from backend.enrolment.repository import EnrolmentRow
from backend.enrolment.retention import discard
from backend.enrolment.service import TTL
from backend.guardians import repository as guardians
from backend.guardians import service as guarding
from backend.guardians.errors import DecidesHimself, WardNotFound
from backend.guardians.repository import GuardianshipRow
from backend.guardians.rules import Stage
from backend.households import joining
from backend.households import repository as households
from backend.households.activations import repository as activations
from backend.households.errors import AgeUnknown, MemberNotFound, MemberNotOpen, TenancyEnded
from backend.households.members import repository as members
from backend.households.members.repository import MemberRow
from backend.keys.service import Keys
from backend.kit.db import Connection, Database, Scope
from backend.kit.storage import ObjectStore
from backend.people import repository as people

__all__ = ["begin", "person_of"]


async def begin(
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    faces: FaceService,
    *,
    community_id: UUID,
    member_id: UUID,
    texts: Sequence[SignedText],
    paper_reference: str,
    language: Language,
    guardianship_id: UUID | None,
    staff_id: UUID,
    now: datetime,
) -> EnrolmentRow:
    """Begin an enrolment of a member who stands at the desk; an open one of his ends, and its photographs are erased.

    Whom the register expects and who has not joined joins by that: staff have seen him, which is more than a code.

    Raises:
        MemberNotFound, MemberNotOpen, TenancyEnded: as the names say.
        AgeUnknown: he is somebody's child, and the office has not said how old.
        GuardianNeeded: he is under fourteen, and no guardian has signed.
        GuardianRefused: another guardian has said no.
        WardNotFound: that guardian does not act for him.
        DecidesHimself: he is fourteen or older, and signs himself.
        ConsentMissing: none of the texts is the one to entry by face, nor has he agreed to that before.
        ConsentDocumentNotFound, ConsentVersionOutdated, ErasureRunning: see :func:`consent.service.give`.
    """
    scope = Scope(community_id=community_id)
    async with db.transaction(scope, read_only=True) as conn:
        known = await members.get_member(conn, community_id=community_id, member_id=member_id)
    if known is not None and known.person_id is not None:
        async with db.transaction(Scope(person_id=known.person_id), read_only=True) as conn:
            await consent.check_may_give(conn, person_id=known.person_id)
        # Whoever was erased and agrees anew gets a new key, before the consent is kept.
        await keys.readmit(known.person_id)
    async with db.transaction(scope) as conn:
        person_id = await _present(conn, community_id=community_id, member_id=member_id, now=now)
        await conn.execute(Scope(person_id=person_id).settings())
        await repository.lock_person(conn, person_id=person_id)
        guardian = await _guardian(
            conn,
            community_id=community_id,
            member_id=member_id,
            person_id=person_id,
            guardianship_id=guardianship_id,
            now=now,
        )
        for text in texts:
            await consent.give(
                conn,
                person_id=person_id,
                purpose=text.purpose,
                version=text.version,
                language=language,
                surface="desk",
                actor=f"staff:{staff_id}",
                now=now,
                guardian=guardian,
                paper=Paper(paper_reference, staff_id),
            )
        await consent.require(conn, person_id=person_id, purpose=Purpose.FACE_ACCESS)
        before = await repository.list_object_keys(conn, person_id=person_id)
        await repository.delete_open_enrolments(conn, person_id=person_id)
        gone = before - await repository.list_object_keys(conn, person_id=person_id)
        enrolment = await repository.insert_enrolment(
            conn,
            person_id=person_id,
            pack=faces.pack.id,
            # Whoever takes the photographs sees that a head turns, and is no print.
            capture_policy="photos",
            started_at=now,
            expires_at=now + TTL,
            desk_community=community_id,
            desk_staff=staff_id,
        )
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff_id}",
            action="enrolment.begin_at_desk",
            target=f"member:{member_id}",
        )
    await discard(objects, gone)
    return enrolment


async def person_of(conn: Connection, *, community_id: UUID, member_id: UUID) -> UUID:
    """Who a member is. The community's scope.

    Raises:
        MemberNotFound: there is no such member.
        EnrolmentNotFound: he has not joined, so he has none.
    """
    member = await members.get_member(conn, community_id=community_id, member_id=member_id)
    if member is None:
        raise MemberNotFound
    if member.person_id is None or member.state != "active":
        raise EnrolmentNotFound
    return member.person_id


async def _present(conn: Connection, *, community_id: UUID, member_id: UUID, now: datetime) -> UUID:
    """The member's person; one who has not joined does so now."""
    seen = await members.get_member(conn, community_id=community_id, member_id=member_id)
    if seen is None:
        raise MemberNotFound
    # The tenancy first: whoever ends it holds it while he lists whose grants to end, and must not miss this one.
    tenancy = await households.get_tenancy_for_update(conn, community_id=community_id, tenancy_id=seen.tenancy_id)
    member = await members.get_member_for_update(conn, community_id=community_id, member_id=member_id)
    if member is None or member.state not in ("invited", "active"):
        raise MemberNotOpen
    if tenancy is None or joining.is_over(tenancy, now):
        raise TenancyEnded
    await _require_age(conn, member)
    if member.person_id is not None:
        return member.person_id
    person_id = await people.insert_person_for(conn, name=member.name)
    await joining.admit(conn, tenancy=tenancy, member=member, person_id=person_id, now=now)
    await activations.delete_activations(conn, community_id=community_id, member_ids=[member_id])
    return person_id


async def _guardian(
    conn: Connection,
    *,
    community_id: UUID,
    member_id: UUID,
    person_id: UUID,
    guardianship_id: UUID | None,
    now: datetime,
) -> GuardianshipRow | None:
    """Who has signed for the child; None where the person has signed himself."""
    if guardianship_id is None:
        return None
    tie = await guardians.get_guardianship(conn, community_id=community_id, guardianship_id=guardianship_id)
    if tie is None or tie.member_id != member_id or tie.ended_at is not None:
        raise WardNotFound
    if await guarding.stage_of_person(conn, person_id=person_id, now=now) is not Stage.CHILD:
        raise DecidesHimself
    return tie


async def _require_age(conn: Connection, member: MemberRow) -> None:
    if member.relation != "child" or member.of_age:
        return
    if await guardians.get_minor(conn, community_id=member.community_id, member_id=member.member_id) is None:
        raise AgeUnknown

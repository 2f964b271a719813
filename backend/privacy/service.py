"""Rules of ending rights and of beginning erasures. The worker carries them out, see saga."""

from datetime import datetime
from uuid import UUID

from backend.access import service as access
from backend.accounts import service as log_ins
from backend.consent import repository as consents
from backend.consent import service as consent
from backend.consent.service import Purpose
from backend.couriers.deliveries import service as couriers
from backend.guardians import service as guardians
from backend.households import repository as households
from backend.households import service as register
from backend.households.errors import MemberNotFound, TenantOnly
from backend.households.members import repository as members
from backend.households.repository import TenancyRow
from backend.households.service import SubjectEnded
from backend.kit.db import Connection, enter_community
from backend.people import repository as people
from backend.people.repository import SubjectRow
from backend.privacy import repository
from backend.privacy.certificates import service as certificates
from backend.privacy.errors import TenantCannotLeave
from backend.privacy.forgetting import repository as traces
from backend.privacy.forgetting import service as forgetting
from backend.privacy.repository import ErasureRow, Extent, Reason
from backend.privacy.requests.errors import FreshLogInNeeded
from backend.privacy.requests.rules import is_fresh
from backend.privacy.rules import COURIER_GRACE, GRACE, steps_of
from backend.visitors import service as visitors
from gate_sdk.wire import GrantKind

__all__ = [
    "JOB",
    "begin",
    "begin_forgotten",
    "begin_unused",
    "delete_account",
    "end_member",
    "end_membership",
    "end_tenancy",
    "lapse",
    "needed_elsewhere",
    "remove_from_household",
    "schedule_tenancy_end",
    "withdraw_consent",
]

#: The job that carries an erasure out; its payload is the erasure's id.
JOB = "privacy.erase"


async def end_tenancy(conn: Connection, *, community_id: UUID, tenancy_id: UUID, now: datetime) -> list[ErasureRow]:
    """End a tenancy at once: the household's rights, its guests' and couriers', and what only they needed.

    In the community's scope. Grants fall in this transaction; one erasure per person who had joined begins with it.

    Raises:
        TenancyNotFound: the community has no such tenancy.
        TenancyEnded: it has ended already.
    """
    ended = await register.end_tenancy(conn, community_id=community_id, tenancy_id=tenancy_id, now=now)
    tenancy = await households.get_tenancy(conn, community_id=community_id, tenancy_id=tenancy_id)
    if tenancy is not None:
        home_id = tenancy.home_id
        await visitors.end_passes_of_home(conn, community_id=community_id, home_id=home_id, now=now)
        await couriers.end_expected(conn, community_id=community_id, home_id=home_id, now=now)
    return await _begin_ended(conn, community_id=community_id, ended=ended, reason="tenancy_ended", now=now)


async def schedule_tenancy_end(
    conn: Connection, *, community_id: UUID, tenancy_id: UUID, at: datetime, now: datetime
) -> TenancyRow:
    """Let a tenancy end at a later time; the worker ends it then, and its erasures begin then.

    Raises:
        TenancyNotFound, TenancyEnded, PeriodInvalid: as the names say.
    """
    return await register.schedule_end(conn, community_id=community_id, tenancy_id=tenancy_id, at=at, now=now)


async def end_member(conn: Connection, *, community_id: UUID, member_id: UUID, now: datetime) -> list[ErasureRow]:
    """Take one member off the register, with his rights, his guests' and couriers', and what only they needed.

    Repeating is harmless.

    Raises:
        MemberNotFound: the community has no such member.
    """
    ended = await end_membership(conn, community_id=community_id, member_id=member_id, now=now)
    return await _begin_ended(conn, community_id=community_id, ended=ended, reason="member_left", now=now)


async def end_membership(conn: Connection, *, community_id: UUID, member_id: UUID, now: datetime) -> list[SubjectEnded]:
    """The same without an erasure, for where one is under way.

    Raises:
        MemberNotFound: the community has no such member.
    """
    ended = await register.end_member(conn, community_id=community_id, member_id=member_id, now=now)
    for one in ended:
        await _end_invited(conn, community_id=community_id, ended=one, now=now)
    return ended


async def remove_from_household(
    conn: Connection, *, community_id: UUID, home_id: UUID, member_id: UUID, person_id: UUID, now: datetime
) -> list[ErasureRow]:
    """Have the tenant remove a member of his household, or a member leave it.

    Raises:
        HomeNotFound: it is not the caller's home.
        MemberNotFound: there is no such member in his household.
        TenantOnly: he is not the tenant and the member is somebody else.
        TenantCannotLeave: the tenant himself leaves by ending the tenancy.
    """
    mine = await register.require_membership(conn, community_id=community_id, home_id=home_id, person_id=person_id)
    member = await members.get_member(conn, community_id=community_id, member_id=member_id)
    if member is None or member.tenancy_id != mine.tenancy_id:
        raise MemberNotFound
    if member.relation == "tenant":
        raise TenantCannotLeave if mine.relation == "tenant" else TenantOnly
    if mine.relation != "tenant" and member.member_id != mine.member_id:
        raise TenantOnly
    return await end_member(conn, community_id=community_id, member_id=member_id, now=now)


async def withdraw_consent(
    conn: Connection, *, person_id: UUID, purpose: Purpose, now: datetime, own: bool = True
) -> ErasureRow | None:
    """Take back a consent, and begin to erase what rested on it; None where none stood. The person's scope.

    Without consent to faces, template, photographs and key go, in every community; the right to enter stays, by QR
    code. Without consent to keeping photographs, those that are kept go. ``own``: he says so himself, which is also an
    answer where he was asked to decide at fourteen.
    """
    await repository.lock_person(conn, person_id=person_id)
    if own and purpose is Purpose.FACE_ACCESS:
        await guardians.note_answer(conn, person_id=person_id, now=now)
    if not await consent.withdraw(conn, person_id=person_id, purpose=purpose, now=now):
        return None
    if purpose is Purpose.PHOTO_RETENTION:
        return await begin(conn, person_id=person_id, reason="photos_withdrawn", extent="photos", places=[], now=now)
    places = await people.list_subjects_of_person(conn, person_id=person_id)
    return await begin(
        conn, person_id=person_id, reason="consent_withdrawn", extent="everything", places=places, now=now
    )


async def lapse(conn: Connection, *, person_id: UUID, by_guardian: bool, now: datetime) -> ErasureRow | None:
    """End what guardians agreed to for somebody (or what he did himself and could not), and erase what rested on it.

    None where nothing of it stood. His scope. The right to enter stays, by QR code.
    """
    await repository.lock_person(conn, person_id=person_id)
    ended = [
        purpose
        for purpose in Purpose
        if await consents.withdraw_as(conn, person_id=person_id, purpose=purpose, by_guardian=by_guardian, now=now)
    ]
    if not ended:
        return None
    extent: Extent = "everything" if Purpose.FACE_ACCESS in ended else "photos"
    places = await people.list_subjects_of_person(conn, person_id=person_id) if extent == "everything" else []
    return await begin(conn, person_id=person_id, reason="consent_lapsed", extent=extent, places=places, now=now)


async def delete_account(conn: Connection, *, person_id: UUID, session_id: UUID, now: datetime) -> ErasureRow:
    """Begin to erase all that nothing but the account needs. The person's scope; enters the platform's.

    Every session ends at once; the worker ends his memberships but for those as a tenant. Who works as a courier keeps
    the face that he works with, until he leaves that too; nobody else keeps one.

    Raises:
        FreshLogInNeeded: he did not log in just now.
    """
    await repository.enter_platform(conn)
    begun_at = await traces.session_begun_at(conn, session_id=session_id, person_id=person_id)
    if not is_fresh(begun_at, now=now):
        raise FreshLogInNeeded
    await repository.lock_person(conn, person_id=person_id)
    places = await people.list_subjects_of_person(conn, person_id=person_id)
    extent: Extent = "everything"
    if await repository.has_employment(conn, person_id=person_id):
        extent = "community"
        places = await _without_work(conn, places)
    row = await begin(conn, person_id=person_id, reason="account_deleted", extent=extent, places=places, now=now)
    await log_ins.end_all_sessions(conn, person_id=person_id, now=now)
    return row


async def begin_forgotten(conn: Connection, *, person_id: UUID, now: datetime) -> ErasureRow | None:
    """Erase a person who has had no right for the grace that people were told; None where he is something now.

    In the worker's role, in the scope of the person and the platform.
    """
    await repository.lock_person(conn, person_id=person_id)
    if await forgetting.roles(conn, person_id=person_id, now=now):
        return None
    places = await people.list_subjects_of_person(conn, person_id=person_id)
    return await begin(conn, person_id=person_id, reason="unused", extent="everything", places=places, now=now)


async def begin_unused(conn: Connection, *, person_id: UUID, now: datetime) -> ErasureRow | None:
    """Erase a face that no right to enter has needed for the grace that people were told; None where one does now.

    In the worker's role, in the scope of the person and the platform.
    """
    await repository.lock_person(conn, person_id=person_id)
    unused = await repository.list_unused_faces(
        conn, at=now, grace=GRACE, courier_grace=COURIER_GRACE, person_id=person_id, limit=1
    )
    if not unused:
        return None
    places = await people.list_subjects_of_person(conn, person_id=person_id)
    return await begin(conn, person_id=person_id, reason="unused", extent="everything", places=places, now=now)


async def _end_invited(conn: Connection, *, community_id: UUID, ended: SubjectEnded, now: datetime) -> None:
    """End whom a member who left has let in: else he could come back for a month as his own guest."""
    member = await members.get_member(conn, community_id=community_id, member_id=ended.member_id)
    if member is None:
        return
    tenancy = await households.get_tenancy(conn, community_id=community_id, tenancy_id=member.tenancy_id)
    if tenancy is None:
        return
    home_id, host = tenancy.home_id, ended.person_id
    await visitors.end_passes_of_home(conn, community_id=community_id, home_id=home_id, host_person_id=host, now=now)
    await couriers.end_expected(conn, community_id=community_id, home_id=home_id, host_person_id=host, now=now)


async def _begin_ended(
    conn: Connection, *, community_id: UUID, ended: list[SubjectEnded], reason: Reason, now: datetime
) -> list[ErasureRow]:
    """One erasure for each of them who has no other right in this community."""
    begun = []
    # In one order for everybody, so that two households with the same two people cannot wait for each other.
    for person in sorted(ended, key=lambda one: one.person_id):
        await repository.lock_person(conn, person_id=person.person_id)
        if await access.kinds(conn, community_id=community_id, subject_id=person.subject_id):
            continue
        await repository.enter_person(conn, person_id=person.person_id)
        subjects = await people.list_subjects_of_person(conn, person_id=person.person_id)
        elsewhere = await needed_elsewhere(conn, person_id=person.person_id, subjects=subjects)
        # Looking elsewhere has left the scope in another community.
        await enter_community(conn, community_id)
        extent: Extent = "community" if elsewhere else "everything"
        places = [s for s in subjects if extent == "everything" or s.community_id == community_id]
        begun.append(
            await begin(conn, person_id=person.person_id, reason=reason, extent=extent, places=places, now=now)
        )
    return begun


async def needed_elsewhere(conn: Connection, *, person_id: UUID, subjects: list[SubjectRow]) -> bool:
    """Whether another right of the person needs his face: in any community, or as a courier between two shifts.

    Reads other communities' grants about this one person and tells nobody which.
    """
    for subject in subjects:
        await enter_community(conn, subject.community_id)
        if await access.kinds(conn, community_id=subject.community_id, subject_id=subject.subject_id):
            return True
    return await repository.has_employment(conn, person_id=person_id)


async def _without_work(conn: Connection, subjects: list[SubjectRow]) -> list[SubjectRow]:
    """The communities where the person is no courier at present: his face stays on the gates where he is."""
    found = []
    for subject in subjects:
        await enter_community(conn, subject.community_id)
        standing = await access.kinds(conn, community_id=subject.community_id, subject_id=subject.subject_id)
        if GrantKind.COURIER not in standing:
            found.append(subject)
    return found


async def begin(
    conn: Connection,
    *,
    person_id: UUID,
    reason: Reason,
    extent: Extent,
    places: list[SubjectRow],
    now: datetime,
) -> ErasureRow:
    """Write down what is to be done, and have the worker do it once the transaction commits. The person's scope."""
    existed = await forgetting.inventory(conn, person_id=person_id)
    row = await repository.insert_erasure(
        conn, person_id=person_id, reason=reason, extent=extent, existed=existed, now=now
    )
    # Grants have fallen in this very transaction; in several communities at once they cannot.
    at_once = reason not in ("account_deleted", "courier_joined")
    steps = [(name, now if name == "grants" and at_once else None) for name in steps_of(reason, extent)]
    await repository.insert_steps(conn, erasure_id=row.erasure_id, steps=steps)
    for place in places:
        await repository.insert_place(
            conn,
            community_id=place.community_id,
            erasure_id=row.erasure_id,
            person_id=person_id,
            subject_id=place.subject_id,
        )
    await certificates.begin(conn, erasure=row, places=[place.community_id for place in places])
    if extent == "everything":
        # The consents end with what they were for, and nothing new is given until the old key is gone.
        for purpose in Purpose:
            await consent.withdraw(conn, person_id=person_id, purpose=purpose, now=now)
        await consents.insert_hold(conn, person_id=person_id, erasure_id=row.erasure_id)
    await repository.enqueue(conn, entrypoint=JOB, erasure_id=row.erasure_id)
    return row

"""Rules of forgetting a person.

Each community lets him go in a transaction of its own, the accounts and the person himself in a last one. Whoever joins
again meanwhile is safe: a row that refers to the person keeps him from being deleted, the attempt fails, and the next
one finds the role that he has now.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import get_args
from uuid import UUID

from backend.access import service as access
from backend.accounts import repository as accounts
from backend.accounts import service as log_ins
from backend.consent import repository as holds
from backend.guardians import repository as guardians
from backend.kit.db import Connection, Database, Scope
from backend.notifications import service as notifications
from backend.notifications.kinds import Kind
from backend.people import repository as people
from backend.people.repository import SubjectRow
from backend.privacy import repository as erasures_repository
from backend.privacy.forgetting import repository
from backend.privacy.progress import repository as progress
from backend.privacy.repository import ErasureRow, Existed, Role
from backend.privacy.rules import COURIER_GRACE, GRACE

__all__ = [
    "account_goes",
    "forget",
    "forget_pass_names",
    "inventory",
    "note_roles",
    "phone_to_tell",
    "phone_to_tell_of",
    "phones_of_guardians",
    "phones_to_tell",
    "roles",
    "roles_of",
]

_BATCH = 500
_ROLES: tuple[Role, ...] = get_args(Role)


async def inventory(conn: Connection, *, person_id: UUID) -> list[Existed]:
    """What there is of the person: kinds and counts. Needs his scope."""
    row = await repository.take_inventory(conn, person_id=person_id)
    found = [
        Existed("template", row.templates, tuple(row.packs)),
        Existed("photograph", row.photographs),
        # There is one as soon as something was sealed, and none before.
        Existed("key", int(row.templates > 0 or row.photographs > 0)),
        Existed("pseudonym", row.pseudonyms),
        Existed("membership", row.memberships),
        Existed("account", row.accounts),
        Existed("employment", row.employments),
        Existed("consent", row.consents, tuple(row.texts)),
    ]
    return [kind for kind in found if kind.count]


async def roles(conn: Connection, *, person_id: UUID, now: datetime) -> list[Role]:
    """What the person still is. The worker's, in the platform scope."""
    return (await roles_of(conn, person_ids=[person_id], now=now))[person_id]


async def roles_of(conn: Connection, *, person_ids: Sequence[UUID], now: datetime) -> dict[UUID, list[Role]]:
    """What the people still are. The worker's, in the platform scope."""
    rows = await repository.find_roles(conn, person_ids=person_ids, at=now, invited_for=COURIER_GRACE)
    return {row.person_id: [role for role in _ROLES if getattr(row, role)] for row in rows}


async def note_roles(conn: Connection, *, erasures: Sequence[ErasureRow], kept: Mapping[UUID, list[Role]]) -> None:
    """Write down what the people still are, for their certificates. The worker's, in the platform scope.

    Whoever is staff too keeps the account that he works with, which needs no person: his number stays, and the
    certificate has to say so.
    """
    staff = await repository.list_staff(conn, person_ids=[erasure.person_id for erasure in erasures])
    alike: dict[tuple[Role, ...], list[UUID]] = defaultdict(list)
    for erasure in erasures:
        still = {*kept[erasure.person_id], *(("staff",) if erasure.person_id in staff else ())}
        alike[tuple(role for role in _ROLES if role in still)].append(erasure.erasure_id)
    for named, erasure_ids in alike.items():
        await progress.set_kept_roles(conn, erasure_ids=erasure_ids, roles=named)


def account_goes(erasure: ErasureRow, kept: Sequence[Role]) -> bool:
    """Whether his account and number go: they serve residents and guardians, and end when he says so."""
    return erasure.reason == "account_deleted" or not {"resident", "staff", "guardian"} & set(kept)


async def forget(db: Database, *, erasures: Sequence[ErasureRow], now: datetime) -> None:
    """Forget people as far as nothing that they still are needs it. Repeating is harmless.

    Every community where one has no right any more forgets his name and his pseudonym. Without any role his account,
    his consents (but for the proof of them) and he himself go too.

    Raises:
        Exception: one joined somewhere at this moment, and the database refuses to delete him; nobody is deleted.
    """
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        subjects = await repository.list_subjects_of_people(conn, person_ids=[row.person_id for row in erasures])
    by_community: dict[UUID, list[SubjectRow]] = defaultdict(list)
    for subject in subjects:
        by_community[subject.community_id].append(subject)
    for community_id, here in by_community.items():
        await _leave(db, community_id=community_id, subjects=here)
    async with db.transaction(Scope(platform=True)) as conn:
        kept = await roles_of(conn, person_ids=[row.person_id for row in erasures], now=now)
        await note_roles(conn, erasures=erasures, kept=kept)
        # In one order for everybody who deletes several.
        for erasure in sorted(erasures, key=lambda row: row.person_id):
            await erasures_repository.enter_person(conn, person_id=erasure.person_id)
            await _forget_one(conn, erasure, kept[erasure.person_id], now)


async def _forget_one(conn: Connection, erasure: ErasureRow, kept: Sequence[Role], now: datetime) -> None:
    """In the scope of the person and the platform."""
    person_id = erasure.person_id
    if account_goes(erasure, kept):
        await log_ins.forget_person(conn, person_id=person_id, now=now)
    if kept:
        await holds.delete_hold(conn, person_id=person_id, erasure_id=erasure.erasure_id)
        await notifications.tell(
            conn,
            person_id=person_id,
            kind=Kind.ERASURE_DONE,
            occasion=str(erasure.erasure_id),
            about_id=erasure.erasure_id,
            now=now,
        )
    else:
        await repository.keep_consent_proof(conn, person_id=person_id, erasure_id=erasure.erasure_id)
        await repository.leave_links(conn, person_id=person_id, now=now)
        await people.delete_person(conn, person_id=person_id)


async def forget_pass_names(db: Database, *, now: datetime) -> int:
    """Take guests' names off passes that have been over for longer than guests were told; how many."""
    before = now - GRACE
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        due = await repository.list_communities_with_old_names(conn, before=before)
    forgotten = 0
    for community_id in due:
        count = _BATCH
        while count == _BATCH:
            async with db.transaction(Scope(community_id=community_id)) as conn:
                count = await repository.blank_pass_names(conn, community_id=community_id, before=before, limit=_BATCH)
            forgotten += count
    return forgotten


async def phone_to_tell(db: Database, *, person_id: UUID) -> tuple[str, str] | None:
    """The person's number and language, while he has an account; of a child without one, a guardian's."""
    own = await phone_to_tell_of(db, person_id=person_id)
    if own is not None:
        return own
    async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        ties = await guardians.list_guardians(conn, person_id=person_id, standing=False)
    # A child that has left has no guardian any more: whoever was one to the last.
    last = max((tie.ended_at for tie in ties if tie.ended_at is not None), default=None)
    standing = [tie for tie in ties if tie.ended_at is None] or [tie for tie in ties if tie.ended_at == last]
    for tie in standing:
        found = await phone_to_tell_of(db, person_id=tie.guardian_id)
        if found is not None:
            return found
    return None


async def phones_to_tell(db: Database, *, person_ids: Sequence[UUID]) -> dict[UUID, tuple[str, str]]:
    """The same of many people, of those who can be told."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        rows = await repository.list_accounts(conn, person_ids=person_ids)
        wards = await repository.list_wards(conn, person_ids=person_ids)
    found = {row.person_id: (row.phone, row.language) for row in rows}
    for person_id in wards - found.keys():
        told = await phone_to_tell(db, person_id=person_id)
        if told is not None:
            found[person_id] = told
    return found


async def phones_of_guardians(db: Database, *, person_id: UUID) -> list[tuple[str, str]]:
    """The numbers and languages of everybody who acts for a child."""
    async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        ties = await guardians.list_guardians(conn, person_id=person_id)
    found = [await phone_to_tell_of(db, person_id=tie.guardian_id) for tie in ties]
    return [one for one in found if one is not None]


async def phone_to_tell_of(db: Database, *, person_id: UUID) -> tuple[str, str] | None:
    """The person's own number and language, while he has an account."""
    async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        phone = await accounts.phone_of_person(conn, person_id=person_id)
        person = await people.get_person(conn, person_id=person_id)
    return None if phone is None or person is None else (phone, person.language)


async def _leave(db: Database, *, community_id: UUID, subjects: Sequence[SubjectRow]) -> None:
    async with db.transaction(Scope(community_id=community_id)) as conn:
        # First, because it takes the roster: whoever has that may come for the register next.
        await access.erase_idle_subjects(
            conn, community_id=community_id, subject_ids=[subject.subject_id for subject in subjects]
        )
        await repository.blank_member_names(
            conn, community_id=community_id, person_ids=[subject.person_id for subject in subjects]
        )

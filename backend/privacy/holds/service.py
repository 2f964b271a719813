"""Rules of legal holds: setting them, reading what they keep. Copying that is copying's, destroying it release's.

A hold copies the photographs that there are under a key of its own. So everything else goes on as without it: the
person's erasure takes his template, his key and the photographs themselves, and what remains is opened by the hold's
key alone, which opens nothing else.
"""

from datetime import datetime
from uuid import UUID, uuid4

import msgspec

from backend.audit import service as audit
from backend.enrolment.sealing import open_photo
from backend.households.members import repository as members
from backend.keys.errors import KeyDestroyed, KeyMissing
from backend.keys.service import Keys
from backend.kit.crypto import SealBroken
from backend.kit.db import Connection, Database, Scope
from backend.kit.storage import ObjectMissing, ObjectStore
from backend.people import repository as people
from backend.privacy import repository as erasures
from backend.privacy.holds import meeting, photographs, repository
from backend.privacy.holds.copying import Photographs, copy
from backend.privacy.holds.errors import (
    ErasureBegun,
    HeldPersonNotFound,
    HeldPhotographNotFound,
    HoldEnded,
    HoldNotFound,
    HoldPeriodInvalid,
    NothingToHold,
    PhotographsChanged,
    SecrecyUnfounded,
)
from backend.privacy.holds.photographs import HeldPhotoRow, PhotoRow
from backend.privacy.holds.repository import HoldRow
from backend.privacy.holds.rules import Basis, is_period
from backend.privacy.holds.schemas import HoldRenewal, NewHold

__all__ = ["lift", "photograph", "read", "renew", "set_hold"]


class Whose(msgspec.Struct, frozen=True):
    """Whom an order names: a member of the register, who may not have joined, or a subject of the entries."""

    community_id: UUID
    member_id: UUID | None
    subject_id: UUID | None
    person_id: UUID | None


async def set_hold(
    db: Database, keys: Keys, objects: ObjectStore, *, community_id: UUID, staff_id: UUID, new: NewHold, now: datetime
) -> tuple[HoldRow, list[HeldPhotoRow]]:
    """Keep the photographs that there are of a person from being erased. It stands as soon as this returns.

    Those of his enrolments, and those that this community's office holds of him. The copies are made before the row
    that says so: a crash in between leaves sealed objects that the sweep takes, and no hold that keeps nothing.

    Raises:
        HoldPeriodInvalid, SecrecyUnfounded, HeldPersonNotFound, NothingToHold: as the names say.
        ErasureBegun: an erasure of his photographs has begun.
        PhotographsChanged: some went while they were being copied.
        StorageUnavailable, KeyServiceUnavailable: a store does not answer.
    """
    if not is_period(new.ends_at, now=now):
        raise HoldPeriodInvalid
    if new.forbidden_to_tell and new.basis is Basis.LEGAL_CLAIM:
        raise SecrecyUnfounded
    async with db.transaction(Scope(community_id=community_id)) as conn:
        whose = await _whose(conn, community_id=community_id, new=new)
        found = await _still_there(conn, whose)
    hold_id = uuid4()
    kept = await copy(keys, objects, found, hold_id=hold_id, owner_id=community_id, now=now)
    row = HoldRow(
        community_id=community_id,
        hold_id=hold_id,
        person_id=whose.person_id,
        subject_id=whose.subject_id,
        member_id=whose.member_id,
        basis=new.basis,
        reference=new.reference,
        told=not new.forbidden_to_tell,
        photographs=len(kept),
        on_register=len(found.on_register),
        set_by=staff_id,
        set_at=now,
        ends_at=new.ends_at,
        ended_at=None,
        released_at=None,
    )
    async with db.transaction(Scope(community_id=community_id)) as conn:
        if whose.person_id is not None:
            # Erasures begin under the same lock: each sees whether the other was first.
            await erasures.lock_person(conn, person_id=whose.person_id)
        if not found.ids <= (await _still_there(conn, whose)).ids:
            raise PhotographsChanged
        await repository.insert(conn, row, kept)
        await _record(conn, row, staff_id, "hold.set")
    return row, kept


async def read(conn: Connection, *, community_id: UUID, hold_id: UUID) -> tuple[HoldRow, list[HeldPhotoRow]]:
    """A hold and what it keeps.

    Raises:
        HoldNotFound: there is none.
    """
    row = await repository.get(conn, community_id=community_id, hold_id=hold_id)
    if row is None:
        raise HoldNotFound
    return row, await photographs.list_photos(conn, community_id=community_id, hold_id=hold_id)


async def renew(
    conn: Connection, *, community_id: UUID, hold_id: UUID, staff_id: UUID, renewal: HoldRenewal, now: datetime
) -> HoldRow:
    """The hold with another end.

    Raises:
        HoldPeriodInvalid, HoldNotFound, HoldEnded: as the names say.
    """
    if not is_period(renewal.ends_at, now=now):
        raise HoldPeriodInvalid
    await read(conn, community_id=community_id, hold_id=hold_id)
    row = await repository.renew(
        conn,
        community_id=community_id,
        hold_id=hold_id,
        ends_at=renewal.ends_at,
        reference=renewal.reference,
        now=now,
    )
    if row is None:
        raise HoldEnded
    await _record(conn, row, staff_id, "hold.renew")
    return row


async def lift(conn: Connection, *, community_id: UUID, hold_id: UUID, staff_id: UUID, now: datetime) -> HoldRow:
    """End the hold at once; the worker destroys what it kept.

    Raises:
        HoldNotFound, HoldEnded: as the names say.
    """
    await read(conn, community_id=community_id, hold_id=hold_id)
    row = await repository.end(conn, community_id=community_id, hold_id=hold_id, by=staff_id, now=now)
    if row is None:
        raise HoldEnded
    await _record(conn, row, staff_id, "hold.end")
    return row


async def photograph(
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    *,
    community_id: UUID,
    hold_id: UUID,
    photo_id: UUID,
    staff_id: UUID,
    now: datetime,
) -> bytes:
    """A photograph that a standing hold keeps, as JPEG. That it is looked at is recorded before it is opened.

    Raises:
        HoldNotFound, HeldPhotographNotFound: as the names say.
        StorageUnavailable, KeyServiceUnavailable: a store does not answer.
    """
    async with db.transaction(Scope(community_id=community_id)) as conn:
        row, _ = await read(conn, community_id=community_id, hold_id=hold_id)
        found = await photographs.get_photo(conn, community_id=community_id, hold_id=hold_id, photo_id=photo_id)
        if found is None or row.ends_at <= now:
            raise HeldPhotographNotFound
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff_id}",
            action="hold.photo.read",
            target=f"hold:{hold_id}/{photo_id}",
            reason=row.basis,
        )
    try:
        key = await keys.person_key(hold_id)
        return open_photo(key, await objects.get(found.object_key), person_id=hold_id, object_id=photo_id)
    except (KeyMissing, KeyDestroyed, ObjectMissing, SealBroken):
        # It ended at this moment, or a backup brought the row back without the key.
        raise HeldPhotographNotFound from None


async def _whose(conn: Connection, *, community_id: UUID, new: NewHold) -> Whose:
    """Whom the order names."""
    if (new.member_id is None) == (new.subject_id is None):
        raise HeldPersonNotFound
    if new.subject_id is not None:
        found = await repository.subject_of_id(conn, community_id=community_id, subject_id=new.subject_id)
        if found is None:
            raise HeldPersonNotFound
        subject_id, person_id = found
        return Whose(community_id, member_id=None, subject_id=subject_id, person_id=person_id)
    member = None
    if new.member_id is not None:
        member = await members.get_member(conn, community_id=community_id, member_id=new.member_id)
    if member is None:
        raise HeldPersonNotFound
    subject = None
    if member.person_id is not None:
        subject = await people.get_subject(conn, community_id=community_id, person_id=member.person_id)
    return Whose(
        community_id,
        member_id=member.member_id,
        subject_id=None if subject is None else subject.subject_id,
        person_id=member.person_id,
    )


async def _still_there(conn: Connection, whose: Whose) -> Photographs:
    of_enrolments: list[PhotoRow] = []
    if whose.person_id is not None:
        await erasures.enter_person(conn, person_id=whose.person_id)
        if await meeting.has_begun_erasure(conn, person_id=whose.person_id):
            raise ErasureBegun
        of_enrolments = await photographs.list_photos_of_person(conn, person_id=whose.person_id)
    on_register = await photographs.list_photos_on_register(
        conn, community_id=whose.community_id, member_id=whose.member_id, person_id=whose.person_id
    )
    if not of_enrolments and not on_register:
        raise NothingToHold
    return Photographs(whose.person_id, tuple(of_enrolments), tuple(on_register))


async def _record(conn: Connection, row: HoldRow, staff_id: UUID, action: str) -> None:
    await audit.record(
        conn,
        community_id=row.community_id,
        actor=f"staff:{staff_id}",
        action=action,
        target=f"hold:{row.hold_id}",
        reason=row.basis,
    )

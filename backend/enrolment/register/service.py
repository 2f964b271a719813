"""Rules of register photographs: kept sealed, compared with a first face, destroyed.

Each has a key of its own in the key store, under the photograph's id: destroying that makes every copy unreadable.
Nobody is recognised by one: they are in no gallery, and no gate gets them.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

import numpy as np

from backend.enrolment.faces import Checked
from backend.enrolment.findings import cosine
from backend.enrolment.register import repository
from backend.enrolment.register.errors import FaceActive, RegisterPhotoNotFound
from backend.enrolment.register.repository import RegisterPhotoRow
from backend.enrolment.sealing import open_features, open_photo, seal_features, seal_photo
from backend.households.errors import MemberNotFound
from backend.keys.errors import KeyStoreError
from backend.keys.service import Keys
from backend.kit.crypto import SealBroken
from backend.kit.db import Connection, Database, Scope
from backend.kit.problems import Conflict, NotFound
from backend.kit.storage import ObjectMissing, ObjectStore

__all__ = [
    "ORPHANED_PREFIX",
    "Likeness",
    "destroy",
    "destroy_gone",
    "destroy_of_people",
    "keep",
    "likeness",
    "opened",
    "require",
]

#: Where the objects of register photographs lie.
ORPHANED_PREFIX = "register/"
_PAGE = 500


class Likeness(StrEnum):
    """What a comparison of a face with the register's photograph says."""

    LIKE = "like"
    UNLIKE = "unlike"
    NOTHING_TO_COMPARE = "nothing_to_compare"


async def keep(
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    *,
    community_id: UUID,
    member_id: UUID,
    checked: Checked,
    pack: str,
    match_from: float,
    kept_by: UUID,
    also: Callable[[Connection], Awaitable[None]],
    now: datetime,
) -> RegisterPhotoRow:
    """Keep a photograph of a member, in place of one that was there.

    Args:
        db: data.
        keys: the key store.
        objects: where the sealed photograph goes.
        community_id: the community.
        member_id: one of its members.
        checked: the photograph, looked at.
        pack: the model pack that it was embedded with.
        match_from: see :func:`findings.register_threshold`.
        kept_by: the member of staff.
        also: what else is written in the same transaction; nothing is kept where it raises.
        now: the time.

    Raises:
        MemberNotFound: there is no such member, or he has left.
        FaceActive: his face is known; the photograph has no purpose.
    """
    photo_id = uuid4()
    key = await keys.ensure_person_key(photo_id, owner_id=community_id)
    row = RegisterPhotoRow(
        community_id=community_id,
        photo_id=photo_id,
        member_id=member_id,
        # The time lets a sweep tell what a crash left behind from what is being written now.
        object_key=f"{ORPHANED_PREFIX}{community_id}/{int(now.timestamp())}-{photo_id}",
        pack=pack,
        features=seal_features(key, checked.features, person_id=member_id, object_id=photo_id),
        match_from=match_from,
        kept_at=now,
    )
    try:
        await objects.put(row.object_key, seal_photo(key, checked.jpeg, person_id=member_id, object_id=photo_id))
        async with db.transaction(Scope(community_id=community_id)) as conn:
            known = await repository.lock_member(conn, community_id=community_id, member_id=member_id)
            if known is None:
                raise MemberNotFound
            if known:
                raise FaceActive
            await also(conn)
            await repository.retire(conn, community_id=community_id, member_id=member_id, now=now)
            await repository.insert_photo(conn, row=row, kept_by=kept_by)
    except (Conflict, NotFound):
        await destroy(keys, objects, photo_id=photo_id, object_key=row.object_key)
        raise
    return row


async def require(conn: Connection, *, community_id: UUID, member_id: UUID) -> RegisterPhotoRow:
    """The member's photograph.

    Raises:
        RegisterPhotoNotFound: there is none.
    """
    row = await repository.get_photo(conn, community_id=community_id, member_id=member_id)
    if row is None:
        raise RegisterPhotoNotFound
    return row


async def opened(keys: Keys, objects: ObjectStore, row: RegisterPhotoRow) -> bytes:
    """The photograph as JPEG, in memory; the caller has recorded the access.

    Raises:
        RegisterPhotoNotFound: it is being destroyed.
    """
    try:
        sealed = await objects.get(row.object_key)
        key = await keys.person_key(row.photo_id)
        return open_photo(key, sealed, person_id=row.member_id, object_id=row.photo_id)
    except (ObjectMissing, KeyStoreError, SealBroken):
        raise RegisterPhotoNotFound from None


async def likeness(keys: Keys, rows: Sequence[RegisterPhotoRow], *, template: bytes, pack: str) -> Likeness:
    """Compare a template (float16, little-endian) with what the register holds of its person.

    Like where any of the photographs is: somebody with two homes may have an old one and a new one.
    """
    compared = False
    vector = np.frombuffer(template, "<f2").astype(np.float32)
    for row in rows:
        if row.pack != pack:
            continue
        try:
            key = await keys.person_key(row.photo_id)
            features = open_features(key, row.features, person_id=row.member_id, object_id=row.photo_id)
        except (KeyStoreError, SealBroken):
            continue
        compared = True
        if cosine(features.embedding.vector, vector) >= row.match_from:
            return Likeness.LIKE
    return Likeness.UNLIKE if compared else Likeness.NOTHING_TO_COMPARE


async def destroy(keys: Keys, objects: ObjectStore, *, photo_id: UUID, object_key: str) -> None:
    """Destroy a photograph's key and object. Repeating is harmless."""
    await keys.destroy_person_key(photo_id)
    await objects.delete(object_key)


async def destroy_gone(db: Database, keys: Keys, objects: ObjectStore) -> int:
    """Destroy every photograph that is not used any more; how many. A job for every minute; platform scope.

    The row goes last: a crash in between leaves it to be found again.
    """
    destroyed, found = 0, True
    while found:
        async with db.transaction(Scope(platform=True), read_only=True) as conn:
            rows = await repository.list_gone(conn, limit=_PAGE)
        for row in rows:
            await destroy_row(db, keys, objects, row)
        destroyed += len(rows)
        found = len(rows) == _PAGE
    return destroyed


async def destroy_row(db: Database, keys: Keys, objects: ObjectStore, row: RegisterPhotoRow) -> None:
    """Destroy one photograph and forget it. Needs the worker's role."""
    await destroy(keys, objects, photo_id=row.photo_id, object_key=row.object_key)
    async with db.transaction(Scope(community_id=row.community_id)) as conn:
        await repository.delete_photo(conn, community_id=row.community_id, photo_id=row.photo_id)


async def destroy_of_people(
    db: Database, keys: Keys, objects: ObjectStore, *, person_ids: Sequence[UUID]
) -> dict[UUID, int]:
    """Destroy all that offices hold of people who are erased; how many of each. Needs the worker's role."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        rows = await repository.list_of_people(conn, person_ids=person_ids)
    destroyed = dict.fromkeys(person_ids, 0)
    for row in rows:
        await destroy_row(db, keys, objects, row)
        destroyed[row.person_id] += 1
    return destroyed

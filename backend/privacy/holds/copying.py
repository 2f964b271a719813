"""Copying photographs under a hold's own key, one at a time; in memory alone they are in the clear."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.enrolment.register import service as register
from backend.enrolment.register.errors import RegisterPhotoNotFound
from backend.enrolment.register.repository import RegisterPhotoRow
from backend.enrolment.sealing import open_photo, seal_photo
from backend.keys.errors import KeyDestroyed, KeyMissing
from backend.keys.service import Keys
from backend.kit.crypto import SealBroken
from backend.kit.storage import ObjectMissing, ObjectStore
from backend.privacy.holds.errors import ErasureBegun, PhotographsChanged
from backend.privacy.holds.photographs import HeldPhotoRow, PhotoRow, Source
from backend.privacy.holds.rules import held_key

__all__ = ["Photographs", "copy"]


class Photographs(msgspec.Struct, frozen=True):
    """What there is of somebody: of his enrolments, under his own key; on the register, each under a key of its own."""

    person_id: UUID | None
    of_enrolments: tuple[PhotoRow, ...]
    on_register: tuple[RegisterPhotoRow, ...]

    @property
    def ids(self) -> set[UUID]:
        """Of all of them."""
        return {photo.object_id for photo in self.of_enrolments} | {photo.photo_id for photo in self.on_register}


async def copy(
    keys: Keys, objects: ObjectStore, found: Photographs, *, hold_id: UUID, owner_id: UUID, now: datetime
) -> list[HeldPhotoRow]:
    """Seal copies under the hold's own key.

    Raises:
        ErasureBegun: the person's were erased at this moment.
        PhotographsChanged: the office gave one up at this moment.
        StorageUnavailable, KeyServiceUnavailable: a store does not answer.
    """
    own = await keys.ensure_person_key(hold_id, owner_id=owner_id)
    kept: list[HeldPhotoRow] = []

    async def keep(jpeg: bytes, photo_id: UUID, taken_at: datetime, source: Source) -> None:
        object_key = held_key(hold_id, photo_id, written_s=int(now.timestamp()))
        await objects.put(object_key, seal_photo(own, jpeg, person_id=hold_id, object_id=photo_id))
        kept.append(HeldPhotoRow(photo_id, object_key, taken_at, source))

    if found.person_id is not None and found.of_enrolments:
        try:
            key = await keys.person_key(found.person_id)
            for photo in found.of_enrolments:
                sealed = await objects.get(photo.object_key)
                jpeg = open_photo(key, sealed, person_id=found.person_id, object_id=photo.object_id)
                await keep(jpeg, photo.object_id, photo.taken_at, "enrolment")
        except (KeyMissing, KeyDestroyed, ObjectMissing, SealBroken):
            raise ErasureBegun from None
    for row in found.on_register:
        try:
            jpeg = await register.opened(keys, objects, row)
        except RegisterPhotoNotFound:
            raise PhotographsChanged from None
        await keep(jpeg, row.photo_id, row.kept_at, "register")
    return kept

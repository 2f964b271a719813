"""A template of another pack, from the photographs that a person lets be kept: opened in memory and nowhere else."""

import asyncio
import hashlib
from collections.abc import Sequence
from uuid import UUID, uuid4

from backend.consent import service as consent
from backend.consent.service import Purpose
from backend.enrolment import repository
from backend.enrolment.capture import SLOTS
from backend.enrolment.findings import are_one_person, duplicate_threshold, same_person_threshold
from backend.enrolment.gallery.opened import Face
from backend.enrolment.sealing import open_photo, seal_template
from backend.enrolment.templates import repository as kept_templates
from backend.enrolment.templates.repository import TemplateRow
from backend.keys.errors import KeyStoreError
from backend.keys.service import Keys
from backend.kit.crypto import SealBroken
from backend.kit.db import Database, Scope
from backend.kit.storage import ObjectMissing, ObjectStore
from gate_sdk.face import Embedding, FaceEngine, ImageRefused, choose, decode, pack_template

__all__ = ["Renewed", "renew"]

Renewed = tuple[Face, list[list[float]]]


async def renew(
    db: Database, keys: Keys, objects: ObjectStore, engine: FaceEngine, *, of: TemplateRow
) -> Renewed | None:
    """Make the template that ``engine``'s pack has of the photographs that ``of`` was made of, and keep it, sealed.

    Returns:
        The face and each photograph's embedding; None where there are no photographs, or they are not good enough for
        that pack, or the person has left or taken his consent back meanwhile.

    Raises:
        StorageUnavailable: the object store does not answer; try again later.
    """
    scope = Scope(person_id=of.person_id)
    async with db.transaction(scope, read_only=True) as conn:
        agreed = await consent.is_given(conn, person_id=of.person_id, purpose=Purpose.FACE_ACCESS)
        photos = await repository.list_photos(conn, person_id=of.person_id, enrolment_id=of.enrolment_id)
    if not agreed or len(photos) < len(SLOTS):
        return None
    try:
        key = await keys.person_key(of.person_id)
        jpegs = [
            open_photo(key, await objects.get(one.object_key), person_id=of.person_id, object_id=one.object_id)
            for one in photos
        ]
    except (KeyStoreError, SealBroken, ObjectMissing):
        return None
    embeddings = await asyncio.to_thread(_embedded, engine, jpegs)
    if embeddings is None:
        return None
    template, template_id = pack_template(engine.template(embeddings)), uuid4()
    row = _row(of, engine, template_id, template, key)
    async with db.transaction(scope) as conn:
        if not await consent.is_given(conn, person_id=of.person_id, purpose=Purpose.FACE_ACCESS):
            return None
        if not await kept_templates.insert_renewed(conn, row=row, of=of.template_id):
            return None
    return Face(row, template), [one.vector.tolist() for one in embeddings]


def _row(of: TemplateRow, engine: FaceEngine, template_id: UUID, template: bytes, key: bytes) -> TemplateRow:
    return TemplateRow(
        person_id=of.person_id,
        template_id=template_id,
        enrolment_id=of.enrolment_id,
        pack=engine.pack.id,
        sealed=seal_template(key, template, person_id=of.person_id, template_id=template_id),
        sha256=hashlib.sha256(template).digest(),
        accepted=of.accepted,
        duplicate_from=duplicate_threshold(engine.pack),
        renewed=True,
    )


def _embedded(engine: FaceEngine, jpegs: Sequence[bytes]) -> list[Embedding] | None:
    """Embed the photographs; None where a face is not found, or they do not show one person to this pack."""
    embeddings = []
    for jpeg in jpegs:
        try:
            frame = decode(jpeg)
        except ImageRefused:
            return None
        face = choose(engine.detect(frame), frame.shape)
        if face is None:
            return None
        embeddings.append(engine.embed(frame, face))
    return embeddings if are_one_person(embeddings, same_person_threshold(engine.pack, "photos")) else None

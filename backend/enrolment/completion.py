"""Completing an enrolment: three photographs become one template, and that is brought to where it is wanted."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import msgspec
import structlog

from backend.audit import service as audit
from backend.consent import service as consent
from backend.consent.service import Purpose
from backend.enrolment import repository
from backend.enrolment.calibration.service import count_impostors
from backend.enrolment.capture import SLOTS, pose_refusal
from backend.enrolment.errors import (
    EnrolmentEnded,
    EnrolmentExpired,
    EnrolmentNotFound,
    EnrolmentUnderErasure,
    PhotosChanged,
    PhotosMissing,
    SetRefused,
)
from backend.enrolment.faces import FaceService, ModelsRefused
from backend.enrolment.findings import (
    are_one_person,
    cosine,
    duplicate_threshold,
    same_face_threshold,
    same_person_threshold,
)
from backend.enrolment.gallery.opened import Face, open_face, unpacked
from backend.enrolment.gallery.service import Outcome, settle
from backend.enrolment.models import repository as models
from backend.enrolment.models.renewal import renew
from backend.enrolment.repository import EnrolmentRow, PhotoRow
from backend.enrolment.retention import tidy
from backend.enrolment.sealing import Features, open_features, seal_template
from backend.enrolment.solid import moves_like_a_head
from backend.enrolment.templates import repository as kept_templates
from backend.enrolment.templates.repository import TemplateRow
from backend.keys.errors import KeyStoreError
from backend.keys.service import Keys
from backend.kit.crypto import SealBroken
from backend.kit.db import Connection, Database, Scope
from backend.kit.storage import ObjectStore
from backend.people import repository as people
from backend.people.repository import SubjectRow

_log = structlog.get_logger(__name__)
__all__ = ["Placed", "complete", "opened", "still_open"]


class Placed(msgspec.Struct, frozen=True):
    """What became of a face in one of its person's communities."""

    community_id: UUID
    outcome: Outcome


class _Read(msgspec.Struct, frozen=True):
    """What a completion is decided on."""

    enrolment: EnrolmentRow
    photos: list[PhotoRow]
    subjects: list[SubjectRow]
    template: TemplateRow | None
    accepted: TemplateRow | None


async def complete(
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    faces: FaceService,
    *,
    person_id: UUID,
    enrolment_id: UUID,
    actor: str,
    now: datetime,
    desk: UUID | None = None,
) -> list[Placed]:
    """Make one template of the three photographs and bring it to every community where the person may pass.

    Repeating it carries on where it was cut off. ``actor`` is the person himself, as the audit trail names him.
    At the desk of the community ``desk`` it is the member of staff, who has seen him: there the face needs no other
    look.

    Raises:
        ConsentMissing, EnrolmentNotFound, EnrolmentExpired, PhotosMissing, PhotosChanged: as the names say.
        SetRefused: the photographs are not of one person, or not of a solid head.
        EnrolmentUnderErasure: the person's key was destroyed.
    """
    async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        read = await _read(conn, person_id, enrolment_id)
    if read.enrolment.desk_community != desk:
        raise EnrolmentNotFound
    try:
        if read.template is not None:
            face = await open_face(keys, read.template)
        else:
            face = await _make_once(db, keys, faces, read, actor, now)
        await _renew(db, keys, objects, faces, read, face, now)
    except (KeyStoreError, SealBroken):
        raise EnrolmentUnderErasure from None
    placed = []
    for subject in read.subjects:
        outcome = await settle(
            db,
            keys,
            community_id=subject.community_id,
            subject_id=subject.subject_id,
            face=face,
            now=now,
            seen_by=read.enrolment.desk_staff if subject.community_id == desk else None,
        )
        if outcome is not Outcome.NOT_NEEDED:
            placed.append(Placed(subject.community_id, outcome))
    await tidy(db, objects, person_id=person_id, now=now)
    return placed


async def _renew(
    db: Database, keys: Keys, objects: ObjectStore, faces: FaceService, read: _Read, face: Face, now: datetime
) -> None:
    """Make what those of his communities need that have changed their models, or are changing them.

    Now, since the photographs may be gone a moment later. A pack that this server lacks is left to the worker, which
    finds the photographs only where they are kept; the person is asked for new ones otherwise.
    """
    for subject in read.subjects:
        async with db.transaction(Scope(community_id=subject.community_id), read_only=True) as conn:
            packs = await models.packs_of(conn, community_id=subject.community_id)
        for pack in {packs.own, packs.coming} - {None, face.row.pack}:
            try:
                engine = await faces.other(str(pack))
            except ModelsRefused:
                _log.error("model-pack-missing", pack=pack)
                continue
            renewed = await renew(db, keys, objects, engine, of=face.row)
            if renewed is not None:
                await count_impostors(
                    db,
                    community_id=subject.community_id,
                    subject_id=subject.subject_id,
                    face=renewed[0],
                    probes=renewed[1],
                    now=now,
                )


async def _make_once(db: Database, keys: Keys, faces: FaceService, read: _Read, actor: str, now: datetime) -> Face:
    """The template of an open enrolment, also where a request of the same moment was faster to make it."""
    try:
        still_open(read.enrolment, now, desk=read.enrolment.desk_community)
        return await _make(db, keys, faces, read, actor, now)
    except EnrolmentEnded:
        person_id, enrolment_id = read.enrolment.person_id, read.enrolment.enrolment_id
        async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
            template = (await _read(conn, person_id, enrolment_id)).template
        if template is None:
            raise
        return await open_face(keys, template)


async def _make(db: Database, keys: Keys, faces: FaceService, read: _Read, actor: str, now: datetime) -> Face:
    """The template of an open enrolment, kept; the enrolment is completed with it."""
    enrolment = read.enrolment
    person_id, enrolment_id = enrolment.person_id, enrolment.enrolment_id
    if read.enrolment.pack != faces.pack.id:
        raise EnrolmentExpired  # the server was given other models meanwhile
    missing = sorted(set(SLOTS) - {photo.slot for photo in read.photos})
    if missing:
        raise PhotosMissing(missing=missing)
    key = await keys.person_key(person_id)
    features = [opened(key, person_id, photo) for photo in read.photos]
    _check_set(faces, enrolment, features)
    template = faces.template([one.embedding for one in features])
    accepted = await _is_same_face(keys, faces, read.accepted, template)
    template_id = uuid4()
    row = TemplateRow(
        person_id=person_id,
        template_id=template_id,
        enrolment_id=enrolment_id,
        pack=enrolment.pack,
        sealed=seal_template(key, template, person_id=person_id, template_id=template_id),
        sha256=hashlib.sha256(template).digest(),
        accepted=accepted,
        duplicate_from=duplicate_threshold(faces.pack),
    )
    async with db.transaction(Scope(person_id=person_id)) as conn:
        locked = await repository.lock_enrolment(conn, person_id=person_id, enrolment_id=enrolment_id)
        still_open(locked, now, desk=enrolment.desk_community)
        await consent.require(conn, person_id=person_id, purpose=Purpose.FACE_ACCESS)
        photos = await repository.list_photos(conn, person_id=person_id, enrolment_id=enrolment_id)
        if [photo.object_id for photo in photos] != [photo.object_id for photo in read.photos]:
            raise PhotosChanged
        await kept_templates.insert_template(conn, row=row, now=now)
        await repository.finish_enrolment(
            conn, person_id=person_id, enrolment_id=enrolment_id, state="completed", now=now
        )
        target = f"enrolment:{enrolment_id}"
        await audit.record(conn, community_id=None, actor=actor, action="enrolment.complete", target=target)
    face = Face(row, template)
    probes = [one.embedding.vector.tolist() for one in features]
    for subject in read.subjects:
        await count_impostors(
            db, community_id=subject.community_id, subject_id=subject.subject_id, face=face, probes=probes, now=now
        )
    return face


def _check_set(faces: FaceService, enrolment: EnrolmentRow, features: Sequence[Features]) -> None:
    if enrolment.capture_policy == "guided":
        # Slot by slot again: a retake of one may have changed what the other was held against.
        yaws = {slot: one.yaw for slot, one in zip(SLOTS, features, strict=True)}
        for slot, yaw in yaws.items():
            refusal = pose_refusal("guided", slot, yaw, yaws)
            if refusal is not None:
                raise SetRefused(refusal)
        front, one_side, other_side = (one.landmarks for one in features)
        if not moves_like_a_head(front, one_side, other_side):
            raise SetRefused("not_solid")
    threshold = same_person_threshold(faces.pack, enrolment.capture_policy)
    if not are_one_person([one.embedding for one in features], threshold):
        raise SetRefused("not_one_person")


async def _is_same_face(keys: Keys, faces: FaceService, old: TemplateRow | None, template: bytes) -> bool:
    """Whether a new template is like the old one; a first one is, and one of another pack cannot be compared."""
    if old is None:
        return True
    if old.pack != faces.pack.id:
        return False
    face = await open_face(keys, old)
    return cosine(unpacked(face.template), unpacked(template)) >= same_face_threshold(faces.pack)


async def _read(conn: Connection, person_id: UUID, enrolment_id: UUID) -> _Read:
    await consent.require(conn, person_id=person_id, purpose=Purpose.FACE_ACCESS)
    enrolment = await repository.get_enrolment(conn, person_id=person_id, enrolment_id=enrolment_id)
    if enrolment is None:
        raise EnrolmentNotFound
    templates = await kept_templates.list_templates(conn, person_id=person_id)
    return _Read(
        enrolment=enrolment,
        photos=await repository.list_photos(conn, person_id=person_id, enrolment_id=enrolment_id),
        subjects=await people.list_subjects_of_person(conn, person_id=person_id),
        template=next((row for row in templates if row.enrolment_id == enrolment_id), None),
        accepted=next((row for row in templates if row.accepted and row.enrolment_id != enrolment_id), None),
    )


def still_open(enrolment: EnrolmentRow | None, now: datetime, *, desk: UUID | None = None) -> EnrolmentRow:
    """The enrolment, if photographs may still be taken.

    By whom it was begun: into one of a community's desk (``desk``) the person himself puts nothing, or a face would
    pass for seen that nobody has seen.

    Raises:
        EnrolmentNotFound, EnrolmentEnded, EnrolmentExpired: as the names say.
    """
    if enrolment is None or enrolment.desk_community != desk:
        raise EnrolmentNotFound
    if enrolment.state != "open":
        raise EnrolmentEnded
    if now >= enrolment.expires_at:
        raise EnrolmentExpired
    return enrolment


def opened(key: bytes, person_id: UUID, photo: PhotoRow) -> Features:
    """What was computed from a photograph.

    Raises:
        EnrolmentUnderErasure: it does not open with this key.
    """
    try:
        return open_features(key, photo.features, person_id=person_id, object_id=photo.object_id)
    except SealBroken:
        raise EnrolmentUnderErasure from None

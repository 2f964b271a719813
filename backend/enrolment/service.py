"""Rules of enrolling: begin, three photographs, complete.

Nothing slow happens within a transaction: a photograph is read, looked at, sealed and stored between two short ones.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from backend.communities import repository as communities
from backend.communities.errors import CommunityNotFound
from backend.consent import service as consent
from backend.consent.service import Purpose
from backend.enrolment import repository
from backend.enrolment.capture import SLOTS, policy_for, pose_refusal
from backend.enrolment.errors import (
    EnrolmentEnded,
    EnrolmentExpired,
    EnrolmentNotFound,
    EnrolmentUnderErasure,
    PhotoRefused,
    PhotosChanged,
    PhotosMissing,
    PhotoTooLarge,
    SetRefused,
    TooManyPhotos,
)
from backend.enrolment.faces import MAX_PHOTO_BYTES, Checked, FaceService
from backend.enrolment.findings import (
    are_one_person,
    cosine,
    duplicate_threshold,
    same_face_threshold,
    same_person_threshold,
)
from backend.enrolment.gallery.service import (
    Face,
    Outcome,
    attach,
    attach_waiting,
    count_impostors,
    detach,
    ensure_galleries,
    gallery_templates,
    open_face,
    open_templates,
    rebuild_gallery,
    settle,
    unpacked,
)
from backend.enrolment.repository import EnrolmentRow, PhotoRow, TemplateRow
from backend.enrolment.retention import discard, erase_person, sweep, tidy
from backend.enrolment.sealing import (
    Features,
    open_features,
    photo_key,
    seal_features,
    seal_photo,
    seal_template,
)
from backend.enrolment.solid import moves_like_a_head
from backend.keys.errors import KeyDestroyed
from backend.keys.service import Keys
from backend.kit.crypto import SealBroken
from backend.kit.db import Connection, Database, Scope
from backend.kit.problems import Conflict, Gone, NotFound
from backend.kit.storage import ObjectStore
from backend.people import repository as people
from backend.people.repository import SubjectRow

__all__ = [
    "Outcome",
    "Placed",
    "attach",
    "attach_waiting",
    "begin",
    "complete",
    "detach",
    "ensure_galleries",
    "erase_person",
    "gallery_templates",
    "open_templates",
    "rebuild_gallery",
    "receive",
    "sweep",
    "take_photo",
    "tidy",
]

TTL = timedelta(minutes=30)
#: Photographs that one enrolment may try: three slots, twenty each.
MAX_ATTEMPTS = 60
#: Whose key wraps a person's key while no community knows him.
_NO_COMMUNITY = UUID(int=0)


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


async def begin(
    db: Database,
    objects: ObjectStore,
    faces: FaceService,
    *,
    person_id: UUID,
    invited_to: UUID | None,
    community_id: UUID | None,
    now: datetime,
) -> EnrolmentRow:
    """Begin an enrolment; one that was open ends, and its photographs are erased.

    Args:
        db: data.
        objects: where photographs lie.
        faces: names the model pack.
        person_id: who enrols.
        invited_to: the community that a guest was invited to, where nobody made him a subject there yet.
        community_id: where he says he wants to be known; must be one that knows him.
        now: the time.

    Raises:
        ConsentMissing: he has not agreed.
        CommunityNotFound: that community does not know him.
        EnrolmentNotFound: he himself is not there any more.
    """
    async with db.transaction(Scope(person_id=person_id)) as conn:
        if not await repository.lock_person(conn, person_id=person_id):
            raise EnrolmentNotFound
        await consent.require(conn, person_id=person_id, purpose=Purpose.FACE_ACCESS)
        known = await _known_communities(conn, person_id, invited_to)
        if community_id is not None and community_id not in known:
            raise CommunityNotFound
        rows = [await communities.get_community(conn, community_id=known_id) for known_id in known]
        before = await repository.list_object_keys(conn, person_id=person_id)
        await repository.delete_open_enrolments(conn, person_id=person_id)
        gone = before - await repository.list_object_keys(conn, person_id=person_id)
        enrolment = await repository.insert_enrolment(
            conn,
            person_id=person_id,
            pack=faces.pack.id,
            capture_policy=policy_for([row.capture_policy for row in rows if row is not None]),
            started_at=now,
            expires_at=now + TTL,
        )
    await discard(objects, gone)
    return enrolment


async def receive(chunks: AsyncIterator[bytes], *, announced: int | None) -> bytes:
    """The upload's bytes, at most 15 MB.

    Raises:
        PhotoTooLarge: there are more, or more were announced.
    """
    if announced is not None and announced > MAX_PHOTO_BYTES:
        raise PhotoTooLarge
    data = bytearray()
    async for chunk in chunks:
        data += chunk
        if len(data) > MAX_PHOTO_BYTES:
            raise PhotoTooLarge
    return bytes(data)


async def admit(db: Database, *, person_id: UUID, enrolment_id: UUID, now: datetime) -> None:
    """Count an attempt, before the photograph is received.

    Raises:
        EnrolmentNotFound, EnrolmentEnded, EnrolmentExpired, TooManyPhotos, ConsentMissing: as the names say.
    """
    async with db.transaction(Scope(person_id=person_id)) as conn:
        await consent.require(conn, person_id=person_id, purpose=Purpose.FACE_ACCESS)
        enrolment = _open(await repository.count_attempt(conn, person_id=person_id, enrolment_id=enrolment_id), now)
        if enrolment.attempts > MAX_ATTEMPTS:
            raise TooManyPhotos(headers={"Retry-After": "60"})


async def take_photo(
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    faces: FaceService,
    *,
    person_id: UUID,
    invited_to: UUID | None,
    enrolment_id: UUID,
    slot: int,
    data: bytes,
    declared: str,
    now: datetime,
) -> Checked:
    """Look at a photograph and keep it, sealed, in its slot.

    Raises:
        PhotoRefused, PhotoTypeUnsupported, PhotoTooLarge, FacesBusy: see :meth:`FaceService.check`.
        EnrolmentNotFound, EnrolmentEnded, EnrolmentExpired: it went meanwhile.
        EnrolmentUnderErasure: the person's key was destroyed.
    """
    checked = await faces.check(data, declared=declared, person_id=person_id)
    scope = Scope(person_id=person_id)
    async with db.transaction(scope, read_only=True) as conn:
        row = await repository.get_enrolment(conn, person_id=person_id, enrolment_id=enrolment_id)
        enrolment = _open(row, now)
        photos = await repository.list_photos(conn, person_id=person_id, enrolment_id=enrolment_id)
        known = await _known_communities(conn, person_id, invited_to)
    key = await _ensure_key(keys, person_id, known)
    others = {photo.slot: _opened(key, person_id, photo).yaw for photo in photos if photo.slot != slot}
    refusal = pose_refusal(enrolment.capture_policy, slot, checked.features.yaw, others)
    if refusal is not None:
        raise PhotoRefused(refusal)
    object_id = uuid4()
    object_key = photo_key(person_id, enrolment_id, object_id, written_s=int(now.timestamp()))
    await objects.put(object_key, seal_photo(key, checked.jpeg, person_id=person_id, object_id=object_id))
    try:
        async with db.transaction(scope) as conn:
            row = await repository.lock_enrolment(conn, person_id=person_id, enrolment_id=enrolment_id)
            _open(row, now)
            before = await repository.list_photos(conn, person_id=person_id, enrolment_id=enrolment_id)
            await repository.upsert_photo(
                conn,
                person_id=person_id,
                enrolment_id=enrolment_id,
                slot=slot,
                object_id=object_id,
                object_key=object_key,
                features=seal_features(key, checked.features, person_id=person_id, object_id=object_id),
                quality=msgspec.json.encode(checked.numbers()).decode(),
                now=now,
            )
    except (Conflict, Gone, NotFound):
        await discard(objects, [object_key])
        raise
    await discard(objects, [photo.object_key for photo in before if photo.slot == slot])
    return checked


async def complete(
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    faces: FaceService,
    *,
    person_id: UUID,
    enrolment_id: UUID,
    now: datetime,
) -> list[Placed]:
    """Make one template of the three photographs and bring it to every community where the person may pass.

    Repeating it carries on where it was cut off.

    Raises:
        ConsentMissing, EnrolmentNotFound, EnrolmentExpired, PhotosMissing, PhotosChanged: as the names say.
        SetRefused: the photographs are not of one person, or not of a solid head.
        EnrolmentUnderErasure: the person's key was destroyed.
    """
    async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        read = await _read(conn, person_id, enrolment_id)
    try:
        if read.template is not None:
            face = await open_face(keys, read.template)
        else:
            _open(read.enrolment, now)
            face = await _make(db, keys, faces, read, now)
    except (KeyDestroyed, SealBroken):
        raise EnrolmentUnderErasure from None
    placed = []
    for subject in read.subjects:
        outcome = await settle(
            db, keys, community_id=subject.community_id, subject_id=subject.subject_id, face=face, now=now
        )
        if outcome is not Outcome.NOT_NEEDED:
            placed.append(Placed(subject.community_id, outcome))
    await tidy(db, objects, person_id=person_id, now=now)
    return placed


async def _make(db: Database, keys: Keys, faces: FaceService, read: _Read, now: datetime) -> Face:
    """The template of an open enrolment, kept; the enrolment is completed with it."""
    enrolment = read.enrolment
    person_id, enrolment_id = enrolment.person_id, enrolment.enrolment_id
    if read.enrolment.pack != faces.pack.id:
        raise EnrolmentExpired  # the server was given other models meanwhile
    missing = sorted(set(SLOTS) - {photo.slot for photo in read.photos})
    if missing:
        raise PhotosMissing(missing=missing)
    key = await keys.person_key(person_id)
    features = [_opened(key, person_id, photo) for photo in read.photos]
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
        _open(await repository.lock_enrolment(conn, person_id=person_id, enrolment_id=enrolment_id), now)
        await consent.require(conn, person_id=person_id, purpose=Purpose.FACE_ACCESS)
        photos = await repository.list_photos(conn, person_id=person_id, enrolment_id=enrolment_id)
        if [photo.object_id for photo in photos] != [photo.object_id for photo in read.photos]:
            raise PhotosChanged
        await repository.insert_template(conn, row=row, now=now)
        await repository.finish_enrolment(
            conn, person_id=person_id, enrolment_id=enrolment_id, state="completed", now=now
        )
    face = Face(row, template)
    probes = [one.embedding.vector.tolist() for one in features]
    for subject in read.subjects:
        await count_impostors(
            db, community_id=subject.community_id, subject_id=subject.subject_id, face=face, probes=probes
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
    templates = await repository.list_templates(conn, person_id=person_id)
    return _Read(
        enrolment=enrolment,
        photos=await repository.list_photos(conn, person_id=person_id, enrolment_id=enrolment_id),
        subjects=await people.list_subjects_of_person(conn, person_id=person_id),
        template=next((row for row in templates if row.enrolment_id == enrolment_id), None),
        accepted=next((row for row in templates if row.accepted and row.enrolment_id != enrolment_id), None),
    )


def _open(enrolment: EnrolmentRow | None, now: datetime) -> EnrolmentRow:
    if enrolment is None:
        raise EnrolmentNotFound
    if enrolment.state != "open":
        raise EnrolmentEnded
    if now >= enrolment.expires_at:
        raise EnrolmentExpired
    return enrolment


def _opened(key: bytes, person_id: UUID, photo: PhotoRow) -> Features:
    try:
        return open_features(key, photo.features, person_id=person_id, object_id=photo.object_id)
    except SealBroken:
        raise EnrolmentUnderErasure from None


async def _known_communities(conn: Connection, person_id: UUID, invited_to: UUID | None) -> list[UUID]:
    """Communities that know the person, in the order of their ids; needs his scope."""
    known = {row.community_id for row in await people.list_subjects_of_person(conn, person_id=person_id)}
    if invited_to is not None:
        known.add(invited_to)
    return sorted(known)


async def _ensure_key(keys: Keys, person_id: UUID, known: Sequence[UUID]) -> bytes:
    try:
        return await keys.ensure_person_key(person_id, owner_id=known[0] if known else _NO_COMMUNITY)
    except KeyDestroyed:
        raise EnrolmentUnderErasure from None

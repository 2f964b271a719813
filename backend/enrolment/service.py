"""Rules of enrolling: begin, and take three photographs. Completing is completion.py's; other nouns call it from here.

Nothing slow happens within a transaction: a photograph is read, looked at, sealed and stored between two short ones.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from backend.audit import service as audit
from backend.communities import repository as communities
from backend.communities.errors import CommunityNotFound
from backend.communities.repository import CapturePolicy
from backend.consent import service as consent
from backend.consent.service import Purpose
from backend.enrolment import repository
from backend.enrolment.capture import SLOTS, captures, policy_for, pose_refusal
from backend.enrolment.completion import Placed, complete, opened, still_open
from backend.enrolment.errors import (
    EnrolmentNotFound,
    EnrolmentUnderErasure,
    PhotoRefused,
    TooManyPhotos,
)
from backend.enrolment.faces import Checked, FaceService
from backend.enrolment.findings import are_one_person, same_person_threshold
from backend.enrolment.gallery.attaching.service import attach, attach_waiting, attach_waiting_of
from backend.enrolment.gallery.lookalikes.service import settle_lookalikes
from backend.enrolment.gallery.rebuild import ensure_galleries, open_templates, rebuild_gallery
from backend.enrolment.gallery.service import Outcome, detach, gallery_templates
from backend.enrolment.repository import EnrolmentRow
from backend.enrolment.retention import discard, erase_people, sweep, tidy
from backend.enrolment.schemas import EnrolmentProgress
from backend.enrolment.sealing import Features, photo_key, seal_features, seal_photo
from backend.enrolment.solid import moves_like_a_head
from backend.keys.errors import KeyDestroyed
from backend.keys.service import Keys
from backend.kit.db import Connection, Database, Scope
from backend.kit.problems import Conflict, Gone, NotFound
from backend.kit.storage import ObjectStore
from backend.people import repository as people

__all__ = [
    "Outcome",
    "Placed",
    "attach",
    "attach_waiting",
    "attach_waiting_of",
    "begin",
    "complete",
    "detach",
    "ensure_galleries",
    "erase_people",
    "gallery_templates",
    "open_templates",
    "progress",
    "rebuild_gallery",
    "settle_lookalikes",
    "sweep",
    "take_photo",
    "tidy",
]

TTL = timedelta(minutes=30)
#: Photographs that one enrolment may try: three slots, twenty each.
MAX_ATTEMPTS = 60
#: Whose key wraps a person's key while no community knows him.
_NO_COMMUNITY = UUID(int=0)


async def begin(
    db: Database,
    objects: ObjectStore,
    faces: FaceService,
    *,
    person_id: UUID,
    invited_to: UUID | None,
    community_id: UUID | None,
    actor: str,
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
        actor: he himself, as the audit trail names him.
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
        target = f"enrolment:{enrolment.enrolment_id}"
        await audit.record(conn, community_id=None, actor=actor, action="enrolment.begin", target=target)
    await discard(objects, gone)
    return enrolment


async def progress(
    conn: Connection, *, person_id: UUID, enrolment_id: UUID, now: datetime, desk: UUID | None = None
) -> EnrolmentProgress:
    """How far one of the person's enrolments has come. His scope.

    Raises:
        EnrolmentNotFound: it is not his, or another has taken its place.
    """
    row = await repository.get_enrolment(conn, person_id=person_id, enrolment_id=enrolment_id)
    if row is None or row.desk_community != desk:
        raise EnrolmentNotFound
    photos = await repository.list_photos(conn, person_id=person_id, enrolment_id=enrolment_id)
    done = {photo.slot for photo in photos}
    is_open = row.state == "open" and now < row.expires_at
    return EnrolmentProgress(
        enrolment_id=enrolment_id,
        state="expired" if row.state == "open" and not is_open else row.state,
        capture_policy=row.capture_policy,
        done=tuple(sorted(done)),
        captures=tuple(one for one in captures(row.capture_policy) if is_open and one.slot not in done),
        attempts_left=max(0, MAX_ATTEMPTS - row.attempts) if is_open else 0,
        expires_at=row.expires_at,
    )


async def admit(db: Database, *, person_id: UUID, enrolment_id: UUID, now: datetime, desk: UUID | None = None) -> None:
    """Count an attempt, before the photograph is received.

    Raises:
        EnrolmentNotFound, EnrolmentEnded, EnrolmentExpired, TooManyPhotos, ConsentMissing: as the names say.
    """
    async with db.transaction(Scope(person_id=person_id)) as conn:
        await consent.require(conn, person_id=person_id, purpose=Purpose.FACE_ACCESS)
        enrolment = still_open(
            await repository.count_attempt(conn, person_id=person_id, enrolment_id=enrolment_id), now, desk=desk
        )
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
    desk: UUID | None = None,
) -> Checked:
    """Look at a photograph and keep it, sealed, in its slot. ``desk`` is the community whose staff take it, if any.

    Raises:
        PhotoRefused, PhotoTypeUnsupported, PhotoTooLarge, FacesBusy: see :meth:`FaceService.check`.
        EnrolmentNotFound, EnrolmentEnded, EnrolmentExpired: it went meanwhile.
        EnrolmentUnderErasure: the person's key was destroyed.
    """
    checked = await faces.check(data, declared=declared, person_id=person_id, live=True)
    scope = Scope(person_id=person_id)
    async with db.transaction(scope, read_only=True) as conn:
        row = await repository.get_enrolment(conn, person_id=person_id, enrolment_id=enrolment_id)
        enrolment = still_open(row, now, desk=desk)
        photos = await repository.list_photos(conn, person_id=person_id, enrolment_id=enrolment_id)
        known = await _known_communities(conn, person_id, invited_to)
    key = await _ensure_key(keys, person_id, known)
    others = {photo.slot: opened(key, person_id, photo) for photo in photos if photo.slot != slot}
    refusal = _refusal(faces, enrolment.capture_policy, slot, checked.features, others)
    if refusal is not None:
        raise PhotoRefused(refusal)
    object_id = uuid4()
    object_key = photo_key(person_id, enrolment_id, object_id, written_s=int(now.timestamp()))
    await objects.put(object_key, seal_photo(key, checked.jpeg, person_id=person_id, object_id=object_id))
    try:
        async with db.transaction(scope) as conn:
            row = await repository.lock_enrolment(conn, person_id=person_id, enrolment_id=enrolment_id)
            still_open(row, now, desk=desk)
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


def _refusal(
    faces: FaceService, policy: CapturePolicy, slot: int, mine: Features, others: Mapping[int, Features]
) -> str | None:
    """What stands against a picture beside those already taken, while the person is there to take it again."""
    refusal = pose_refusal(policy, slot, mine.yaw, {other: one.yaw for other, one in others.items()})
    if refusal is not None:
        return refusal
    threshold = same_person_threshold(faces.pack, policy)
    if not all(are_one_person([mine.embedding, one.embedding], threshold) for one in others.values()):
        return "not_the_same_person"
    together = {**others, slot: mine}
    if policy == "guided" and len(together) == len(SLOTS):
        front, one_side, other_side = (together[number].landmarks for number in SLOTS)
        if not moves_like_a_head(front, one_side, other_side):
            return "not_solid"
    return None


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

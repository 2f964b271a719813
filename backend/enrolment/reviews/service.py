"""Rules of reviews: somebody looks at the photographs, or at the person, and says yes or no."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from backend.audit import service as audit
from backend.enrolment import repository as enrolments
from backend.enrolment.errors import PhotoNotFound, ReviewChanged, ReviewDecided, ReviewMoot, ReviewNotFound
from backend.enrolment.findings import Finding, neighbour_finding
from backend.enrolment.gallery import repository as gallery
from backend.enrolment.gallery.opened import Face, nearest_score, open_face
from backend.enrolment.gallery.rebuild import complete_gallery
from backend.enrolment.gallery.service import put_active
from backend.enrolment.models import repository as models
from backend.enrolment.models.rules import fits
from backend.enrolment.retention import tidy
from backend.enrolment.reviews import repository
from backend.enrolment.reviews.repository import Basis, ReviewRow
from backend.enrolment.reviews.schemas import Review
from backend.enrolment.sealing import open_photo
from backend.enrolment.templates import repository as kept_templates
from backend.enrolment.templates.repository import TemplateRow
from backend.keys.errors import KeyStoreError
from backend.keys.service import Keys
from backend.kit.crypto import SealBroken
from backend.kit.db import Connection, Database, Scope
from backend.kit.storage import ObjectMissing, ObjectStore
from backend.notifications import service as notifications
from backend.notifications.kinds import Kind

__all__ = ["approve", "get", "pending", "photo", "read", "refuse", "shown", "template_of"]


async def get(conn: Connection, *, community_id: UUID, review_id: UUID) -> ReviewRow:
    """One review of the community.

    Raises:
        ReviewNotFound: there is none.
    """
    row = await repository.get_review(conn, community_id=community_id, review_id=review_id)
    if row is None:
        raise ReviewNotFound
    return row


async def shown(conn: Connection, *, community_id: UUID, rows: Sequence[ReviewRow]) -> tuple[Review, ...]:
    """The community's reviews as its staff see them, in the same order."""
    ids = [row.review_id for row in rows]
    found = {one.review_id: one for one in await repository.list_shown(conn, community_id=community_id, review_ids=ids)}
    return tuple(Review.of(row, found[row.review_id]) for row in rows)


async def read(conn: Connection, *, community_id: UUID, review_id: UUID) -> Review:
    """One review as staff see it.

    Raises:
        ReviewNotFound: there is none.
    """
    row = await get(conn, community_id=community_id, review_id=review_id)
    (review,) = await shown(conn, community_id=community_id, rows=[row])
    return review


async def photo(
    db: Database, keys: Keys, objects: ObjectStore, *, community_id: UUID, review_id: UUID, slot: int, staff_id: UUID
) -> bytes:
    """A photograph of an open review as JPEG, opened in memory; the access is recorded first.

    Raises:
        ReviewNotFound: there is no such review.
        PhotoNotFound: it is decided, or the photograph has been erased.
    """
    async with db.transaction(Scope(community_id=community_id)) as conn:
        row = await get(conn, community_id=community_id, review_id=review_id)
        photos = await enrolments.list_photos(conn, person_id=row.person_id, enrolment_id=row.enrolment_id)
        found = next((one for one in photos if one.slot == slot), None)
        if row.state != "pending" or found is None:
            raise PhotoNotFound
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff_id}",
            action="review.photo.read",
            target=f"review:{review_id}/{slot}",
        )
    try:
        sealed = await objects.get(found.object_key)
        key = await keys.person_key(row.person_id)
        return open_photo(key, sealed, person_id=row.person_id, object_id=found.object_id)
    except (ObjectMissing, KeyStoreError, SealBroken):
        raise PhotoNotFound from None


async def approve(
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    *,
    community_id: UUID,
    review_id: UUID,
    basis: Basis,
    staff_id: UUID,
    now: datetime,
) -> Review:
    """Let the community's gates know this face.

    It is held against the gallery once more: of two people who enrol one face under two names, neither is in it while
    both wait.

    Raises:
        ReviewNotFound, ReviewDecided: as the names say.
        ReviewChanged: a duplicate has appeared that the reviewer has not seen; the finding now stands in the review.
        ReviewMoot: he may not pass here any more, or his face is being erased.
    """
    async with db.transaction(Scope(community_id=community_id)) as conn:
        row = pending(await get(conn, community_id=community_id, review_id=review_id))
        template = await template_of(conn, row)
        await gallery.ensure_partition(conn)
    if template is None:
        raise ReviewMoot
    try:
        face = await open_face(keys, template)
    except (KeyStoreError, SealBroken):
        raise ReviewMoot from None
    await complete_gallery(db, keys, community_id)
    if await _note_duplicate(db, row, face):
        raise ReviewChanged(findings=[Finding.POSSIBLE_DUPLICATE.value])
    async with db.transaction(Scope(community_id=community_id, person_id=row.person_id)) as conn:
        if not await put_active(
            conn, community_id=community_id, subject_id=row.subject_id, face=face, now=now, vouched=True
        ):
            raise ReviewMoot
        pending(await _locked(conn, community_id, review_id))
        await repository.decide(
            conn,
            community_id=community_id,
            review_id=review_id,
            state="approved",
            basis=basis,
            reason_code=None,
            reason=None,
            decided_by=staff_id,
            now=now,
        )
        # Somebody has confirmed whose face it is; other communities need not ask the same again.
        await kept_templates.accept_template(
            conn, person_id=row.person_id, template_id=template.template_id, accepted=True
        )
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff_id}",
            action="review.approve",
            target=f"review:{review_id}",
            reason=basis,
        )
    await tidy(db, objects, person_id=row.person_id, now=now)
    return await _read(db, community_id, review_id)


async def refuse(
    db: Database,
    objects: ObjectStore,
    *,
    community_id: UUID,
    review_id: UUID,
    state: Literal["refused", "retake"],
    reason_code: str,
    note: str | None,
    staff_id: UUID,
    now: datetime,
) -> Review:
    """Keep this face off the community's gates; it is erased unless another community uses it or has yet to look.

    The person gets a message. An older face of his goes on to serve. ``retake`` asks him for new photographs; he may
    begin anew in either case.

    Raises:
        ReviewNotFound, ReviewDecided: as the names say.
    """
    async with db.transaction(Scope(community_id=community_id)) as conn:
        row = await get(conn, community_id=community_id, review_id=review_id)
    async with db.transaction(Scope(community_id=community_id, person_id=row.person_id)) as conn:
        row = pending(await _locked(conn, community_id, review_id))
        await repository.decide(
            conn,
            community_id=community_id,
            review_id=review_id,
            state=state,
            basis=None,
            reason_code=reason_code,
            reason=note,
            decided_by=staff_id,
            now=now,
        )
        await kept_templates.accept_template(conn, person_id=row.person_id, template_id=row.template_id, accepted=False)
        # The note is the reviewer's free words, for the person and not for the trail, which outlives him.
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff_id}",
            action="review.refuse" if state == "refused" else "review.retake",
            target=f"review:{review_id}",
            reason=reason_code,
        )
        # That something waits for him; what it is, he reads where he is logged in.
        await notifications.tell(
            conn,
            person_id=row.person_id,
            kind=Kind.FACE_REFUSED if state == "refused" else Kind.FACE_RETAKE,
            occasion=str(review_id),
            community_id=community_id,
            about_id=review_id,
            now=now,
        )
    await tidy(db, objects, person_id=row.person_id, now=now)
    return await _read(db, community_id, review_id)


async def template_of(conn: Connection, row: ReviewRow) -> TemplateRow | None:
    """The template that the community could go by: it may have changed its models since the enrolment."""
    packs = await models.packs_of(conn, community_id=row.community_id)
    found = await kept_templates.list_templates(conn, person_id=row.person_id)
    return next((one for one in found if one.enrolment_id == row.enrolment_id and fits(one, packs)), None)


async def _note_duplicate(db: Database, row: ReviewRow, face: Face) -> bool:
    """Whether a duplicate has appeared that does not stand in the review; it does then."""
    async with db.transaction(Scope(community_id=row.community_id)) as conn:
        score = await nearest_score(conn, community_id=row.community_id, subject_id=row.subject_id, face=face)
        finding = neighbour_finding(score, duplicate_from=face.row.duplicate_from)
        if finding is not Finding.POSSIBLE_DUPLICATE or finding in row.findings:
            return False
        await repository.add_finding(conn, community_id=row.community_id, review_id=row.review_id, finding=finding)
        return True


async def _locked(conn: Connection, community_id: UUID, review_id: UUID) -> ReviewRow:
    row = await repository.lock_review(conn, community_id=community_id, review_id=review_id)
    if row is None:
        raise ReviewNotFound
    return row


async def _read(db: Database, community_id: UUID, review_id: UUID) -> Review:
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        return await read(conn, community_id=community_id, review_id=review_id)


def pending(row: ReviewRow) -> ReviewRow:
    """The review, if it waits.

    Raises:
        ReviewDecided: it does not.
    """
    if row.state != "pending":
        raise ReviewDecided
    return row

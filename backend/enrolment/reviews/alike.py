"""Whom a face in review is like: others of the same community, those whose faces wait as well included."""

from uuid import UUID

from backend.audit import service as audit
from backend.enrolment.errors import ReviewMoot
from backend.enrolment.findings import LOOK_ALIKE, cosine, neighbour_finding
from backend.enrolment.gallery import repository as gallery
from backend.enrolment.gallery.opened import Face, open_face, unpacked
from backend.enrolment.gallery.rebuild import complete_gallery, opened
from backend.enrolment.reviews import repository
from backend.enrolment.reviews.schemas import Alike
from backend.enrolment.reviews.service import get, pending, template_of
from backend.keys.errors import KeyStoreError
from backend.keys.service import Keys
from backend.kit.crypto import SealBroken
from backend.kit.db import Database, Scope

__all__ = ["alike"]

_SHOWN = 5
#: Waiting faces that are compared; there is one review a person, and a community that has more has other worries.
_WAITING = 2_000


async def alike(db: Database, keys: Keys, *, community_id: UUID, review_id: UUID, staff_id: UUID) -> tuple[Alike, ...]:
    """The most alike first. The look is recorded before anything is read.

    Raises:
        ReviewNotFound, ReviewDecided: as the names say.
        ReviewMoot: the face is being erased.
    """
    scope = Scope(community_id=community_id)
    async with db.transaction(scope) as conn:
        row = pending(await get(conn, community_id=community_id, review_id=review_id))
        template = await template_of(conn, row)
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff_id}",
            action="review.alike.read",
            target=f"review:{review_id}",
        )
    if template is None:
        raise ReviewMoot
    try:
        face = await open_face(keys, template)
    except (KeyStoreError, SealBroken):
        raise ReviewMoot from None
    await complete_gallery(db, keys, community_id)
    scores = await _scores(db, keys, community_id, row.subject_id, face)
    best = sorted(scores, key=lambda subject_id: -scores[subject_id])[:_SHOWN]
    async with db.transaction(scope, read_only=True) as conn:
        found = {
            one.subject_id: one
            for one in await repository.list_alike(conn, community_id=community_id, subject_ids=best)
        }
    named = [
        (found[subject_id], neighbour_finding(scores[subject_id], duplicate_from=template.duplicate_from))
        for subject_id in best
        if subject_id in found
    ]
    return tuple(Alike.of(one, finding) for one, finding in named if finding is not None)


async def _scores(db: Database, keys: Keys, community_id: UUID, subject_id: UUID, face: Face) -> dict[UUID, float]:
    """By subject, how like his template is, where it is alike at all."""
    probe = unpacked(face.template)
    least = min(LOOK_ALIKE, face.row.duplicate_from)
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        near = await gallery.list_near(
            conn,
            community_id=community_id,
            pack=face.row.pack,
            besides=subject_id,
            probe=probe,
            at_least=least,
            limit=_SHOWN,
        )
        waiting = await repository.list_waiting_sealed(
            conn, community_id=community_id, besides=subject_id, limit=_WAITING
        )
    scores = {row.subject_id: row.score for row in near}
    for other in await opened(keys, [row for row in waiting if row.pack == face.row.pack]):
        score = cosine(unpacked(other.template), probe)
        if score >= least:
            scores[other.subject_id] = max(score, scores.get(other.subject_id, -1.0))
    return scores

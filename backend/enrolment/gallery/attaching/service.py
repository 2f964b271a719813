"""Rules of attaching: whoever comes to a community with a face is known by it where nobody has to look first."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from backend.consent import service as consent
from backend.consent.service import Purpose
from backend.enrolment.gallery import repository as gallery
from backend.enrolment.gallery.attaching import repository
from backend.enrolment.gallery.opened import open_face
from backend.enrolment.gallery.service import Outcome, settle
from backend.enrolment.models import repository as models
from backend.enrolment.models.rules import fits
from backend.enrolment.reviews import repository as reviews
from backend.enrolment.templates import repository as kept_templates
from backend.keys.errors import KeyStoreError
from backend.keys.service import Keys
from backend.kit.crypto import SealBroken
from backend.kit.db import Database, Scope
from backend.notifications import service as notifications
from backend.notifications.kinds import Kind

__all__ = ["attach", "attach_waiting", "attach_waiting_of"]

_NIL = UUID(int=0)


async def attach(
    db: Database, keys: Keys, *, community_id: UUID, subject_id: UUID, person_id: UUID, now: datetime
) -> bool:
    """Put the person's face into the community's gallery, where it may be without anybody's looking.

    Opens the transactions it needs; call it outside of any. Repeating is harmless.

    Returns:
        Whether the community's gates know him by face now. Otherwise he has none, or somebody has to look first: then
        a review is open, and QR serves him meanwhile.
    """
    async with db.transaction(Scope(community_id=community_id, person_id=person_id), read_only=True) as conn:
        if not await consent.is_given(conn, person_id=person_id, purpose=Purpose.FACE_ACCESS):
            return False
        templates = await kept_templates.list_templates(conn, person_id=person_id)
        packs = await models.packs_of(conn, community_id=community_id)
        looked_at = {
            review.enrolment_id: review.state
            for review in await reviews.list_reviews_of_person(conn, person_id=person_id)
            if review.community_id == community_id and review.state in {"pending", "refused", "retake"}
        }
    for row in templates:
        if not fits(row, packs):
            continue
        if row.enrolment_id in looked_at:
            continue  # not before somebody has said yes; an older face serves meanwhile
        try:
            face = await open_face(keys, row)
        except (KeyStoreError, SealBroken):
            return False  # he is being erased
        outcome = await settle(db, keys, community_id=community_id, subject_id=subject_id, face=face, now=now)
        if outcome is Outcome.ACTIVE:
            return True
    if templates and packs.own is not None and not any(fits(row, packs) for row in templates):
        # He comes from where the models are still others: without being told, he would wait for his face to open.
        async with db.transaction(Scope(community_id=community_id, person_id=person_id)) as conn:
            await notifications.tell(
                conn,
                person_id=person_id,
                kind=Kind.FACE_RENEWAL_MISSED,
                occasion=f"{community_id}/{packs.own}",
                community_id=community_id,
                now=now,
            )
    return False


async def attach_waiting(db: Database, keys: Keys, *, now: datetime) -> int:
    """Attach everybody who has a grant and a face that his community's gates do not know yet; how many it became.

    A job for every minute: it finishes what a crash cut off, and serves people who enrolled before they came to a
    community. Needs a role that may enter the platform scope.
    """
    done = 0
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        communities = await gallery.list_communities(conn)
    for community_id in communities:
        after = _NIL
        while True:
            async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
                waiting = await repository.list_waiting(conn, community_id=community_id, after=after, limit=500)
            for row in waiting:
                done += await attach(
                    db,
                    keys,
                    community_id=community_id,
                    subject_id=row.subject_id,
                    person_id=row.person_id,
                    now=now,
                )
            if not waiting:
                break
            after = waiting[-1].subject_id
    return done


async def attach_waiting_of(
    db: Database, keys: Keys, *, community_id: UUID, subject_ids: Collection[UUID], now: datetime
) -> int:
    """The same for these subjects of one community, at once; how many it became. Opens its own transactions."""
    if not subject_ids:
        return 0
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        waiting = await repository.list_waiting(
            conn, community_id=community_id, after=_NIL, limit=len(subject_ids), subject_ids=subject_ids
        )
    done = 0
    for row in waiting:
        done += await attach(
            db, keys, community_id=community_id, subject_id=row.subject_id, person_id=row.person_id, now=now
        )
    return done

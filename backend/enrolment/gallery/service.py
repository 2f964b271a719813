"""Which faces a community's gates know: making a template active, taking it off, and filling galleries again.

A template becomes active in one community by one short transaction that writes the searchable row and the credential
together; everything slow (opening ciphertext, asking the key store) happens before it begins.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec
import numpy as np

from backend.access import repository as credentials
from backend.access import service as access
from backend.audit import service as audit
from backend.consent import service as consent
from backend.consent.service import Purpose
from backend.enrolment import repository
from backend.enrolment.findings import LOOK_ALIKE, Finding, must_be_reviewed, neighbour_finding
from backend.enrolment.gallery import repository as gallery
from backend.enrolment.gallery.rebuild import complete_gallery, ensure_galleries, open_templates, rebuild_gallery
from backend.enrolment.models import repository as models
from backend.enrolment.models.rules import fits
from backend.enrolment.register import repository as register_photos
from backend.enrolment.register import service as register
from backend.enrolment.register.repository import RegisterPhotoRow
from backend.enrolment.register.service import Likeness
from backend.enrolment.repository import TemplateRow
from backend.enrolment.reviews import repository as reviews
from backend.enrolment.sealing import open_template
from backend.keys.errors import KeyStoreError
from backend.keys.service import Keys
from backend.kit.crypto import SealBroken
from backend.kit.db import Connection, Database, Scope
from backend.notifications import service as notifications
from backend.notifications.kinds import Kind
from gate_sdk.wire import GrantKind

__all__ = [
    "Face",
    "Outcome",
    "attach",
    "attach_waiting",
    "attach_waiting_of",
    "complete_gallery",
    "detach",
    "ensure_galleries",
    "gallery_templates",
    "make_active",
    "nearest_score",
    "open_face",
    "open_templates",
    "put_active",
    "rebuild_gallery",
    "settle",
    "settle_lookalikes",
    "unpacked",
]

_NIL = UUID(int=0)
#: Look-alikes of one face that are marked at once; somebody with more is marked himself in any case.
_ALIKE = 50
_PAGE = 200


class Outcome(StrEnum):
    """What became of a face in one community."""

    ACTIVE = "active"
    IN_REVIEW = "in_review"
    NOT_NEEDED = "not_needed"
    ENROL_AGAIN = "enrol_again"


class Face(msgspec.Struct, frozen=True):
    """A template in the clear, with its row."""

    row: TemplateRow
    template: bytes

    def __repr__(self) -> str:
        """Nothing of it: biometric data must not reach a log by way of an error text."""
        return "Face()"


async def settle(
    db: Database,
    keys: Keys,
    *,
    community_id: UUID,
    subject_id: UUID,
    face: Face,
    now: datetime,
    seen_by: UUID | None = None,
) -> Outcome:
    """Make a face active in a community, or open a review, as :func:`findings.must_be_reviewed` says. Repeatable.

    Args:
        db: data.
        keys: opens what the face is compared with.
        community_id: the community.
        subject_id: one of its subjects.
        face: of the subject's person.
        now: the time.
        seen_by: the member of this community's staff before whom the photographs were taken, where one was.
    """
    person_id = face.row.person_id
    scope = Scope(community_id=community_id, person_id=person_id)
    faces = await _fitting_first(db, keys, scope, community_id, face)
    if faces is None:
        return Outcome.ENROL_AGAIN  # the community has changed to a pack that has no template of these photographs
    face = faces[0]
    await complete_gallery(db, keys, community_id)
    async with db.transaction(scope, read_only=True) as conn:
        kinds = await access.kinds(conn, community_id=community_id, subject_id=subject_id)
        credential = await credentials.get_credential(conn, community_id=community_id, subject_id=subject_id)
        score = await nearest_score(conn, community_id=community_id, subject_id=subject_id, face=face)
        on_register = await register_photos.list_of_subject(conn, community_id=community_id, subject_id=subject_id)
    if credential is not None and credential.template_id == face.row.template_id:
        return Outcome.ACTIVE
    if not kinds:
        return Outcome.NOT_NEEDED
    # Whoever stood at the desk has been looked at, whatever he looked like before.
    found = set() if face.row.accepted or seen_by is not None else {Finding.CHANGED_FACE}
    likeness = Likeness.NOTHING_TO_COMPARE
    if credential is None and seen_by is None:
        likeness = await _likeness(keys, on_register, faces)
        if likeness is Likeness.UNLIKE:
            found.add(Finding.UNLIKE_REGISTER)
    neighbour = neighbour_finding(score, duplicate_from=face.row.duplicate_from)
    if neighbour is not None:
        found.add(neighbour)
    vouched = seen_by is not None or likeness is Likeness.LIKE
    if not must_be_reviewed(kinds, frozenset(found), known_before=credential is not None, vouched=vouched):
        voucher = None if not vouched else "register_photo" if seen_by is None else "seen_in_person"
        return await make_active(
            db, community_id=community_id, subject_id=subject_id, face=face, now=now, voucher=voucher, by=seen_by
        )
    async with db.transaction(scope) as conn:
        # Photographs are erased once a face has been decided on, unless the person lets them be kept.
        photos = await repository.list_photos(conn, person_id=person_id, enrolment_id=face.row.enrolment_id)
        if not photos:
            return Outcome.ENROL_AGAIN
        await reviews.supersede(conn, community_id=community_id, subject_id=subject_id, now=now)
        await reviews.insert_review(
            conn,
            community_id=community_id,
            subject_id=subject_id,
            person_id=person_id,
            enrolment_id=face.row.enrolment_id,
            template_id=face.row.template_id,
            findings=sorted(found),
            now=now,
        )
    return Outcome.IN_REVIEW


async def _fitting_first(db: Database, keys: Keys, scope: Scope, community_id: UUID, face: Face) -> list[Face] | None:
    """The enrolment's face by all packs, the one first that the community can go by; None where it can by none."""
    async with db.transaction(scope, read_only=True) as conn:
        rows = await repository.list_templates(conn, person_id=face.row.person_id)
        packs = await models.packs_of(conn, community_id=community_id)
    others = [row for row in rows if row.enrolment_id == face.row.enrolment_id and row.pack != face.row.pack]
    faces = [face, *[await open_face(keys, row) for row in others]]
    fitting = [one for one in faces if fits(one.row, packs)]
    return [*fitting, *[one for one in faces if one not in fitting]] if fitting else None


async def _likeness(keys: Keys, on_register: Sequence[RegisterPhotoRow], faces: Sequence[Face]) -> Likeness:
    """By whichever pack the register's photograph is of: that of the day on which it was kept."""
    for one in faces:
        found = await register.likeness(keys, on_register, template=one.template, pack=one.row.pack)
        if found is not Likeness.NOTHING_TO_COMPARE:
            return found
    return Likeness.NOTHING_TO_COMPARE


async def make_active(
    db: Database,
    *,
    community_id: UUID,
    subject_id: UUID,
    face: Face,
    now: datetime,
    voucher: str | None = None,
    by: UUID | None = None,
) -> Outcome:
    """Give the community's gates this face, in place of an older one of the same subject.

    ``voucher`` says for the trail what vouched for a first face, and ``by`` which member of staff did.
    """
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await gallery.ensure_partition(conn)
    async with db.transaction(Scope(community_id=community_id, person_id=face.row.person_id)) as conn:
        done = await put_active(
            conn, community_id=community_id, subject_id=subject_id, face=face, now=now, vouched=voucher is not None
        )
        if done and by is not None:
            # Seen in person: that he has changed since his old photographs needs no other look anywhere.
            await repository.accept_template(
                conn, person_id=face.row.person_id, template_id=face.row.template_id, accepted=True
            )
        if done and voucher is not None:
            await audit.record(
                conn,
                community_id=community_id,
                actor="system" if by is None else f"staff:{by}",
                action="face.activate",
                target=f"subject:{subject_id}",
                reason=voucher,
            )
    return Outcome.ACTIVE if done else Outcome.ENROL_AGAIN


async def put_active(
    conn: Connection, *, community_id: UUID, subject_id: UUID, face: Face, now: datetime, vouched: bool
) -> bool:
    """See :func:`make_active`, within a transaction of both scopes; the partition must be there.

    ``vouched`` says that somebody, or the register's photograph, has said whose face it is.

    False where the template has been erased meanwhile, or is not of the pack that the community has changed to, or the
    subject may pass no more.
    """
    # With the roster in hand: who moves out at this moment has either done so, and is seen, or takes the face along.
    await credentials.roster_hold(conn)
    kinds = await access.kinds(conn, community_id=community_id, subject_id=subject_id)
    if not kinds:
        return False
    if not fits(face.row, await models.packs_of(conn, community_id=community_id)):
        return False
    if not await repository.hold_template(conn, person_id=face.row.person_id, template_id=face.row.template_id):
        return False
    # What was vouched for stays so: a face that replaces it without anybody's looking is the same one.
    vouched = vouched or await gallery.is_vouched(conn, community_id=community_id, subject_id=subject_id)
    await access.set_credential(
        conn,
        community_id=community_id,
        subject_id=subject_id,
        template_id=face.row.template_id,
        pack=face.row.pack,
        template_sha256=face.row.sha256,
        now=now,
    )
    # It has served: whose face this is, is decided.
    await register_photos.retire_of_person(conn, community_id=community_id, person_id=face.row.person_id, now=now)
    await gallery.put_row(
        conn,
        community_id=community_id,
        subject_id=subject_id,
        template_id=face.row.template_id,
        pack=face.row.pack,
        template=face.template,
    )
    alike = await gallery.list_near(
        conn,
        community_id=community_id,
        pack=face.row.pack,
        besides=subject_id,
        probe=unpacked(face.template),
        at_least=LOOK_ALIKE,
        limit=_ALIKE,
    )
    await gallery.mark(
        conn,
        community_id=community_id,
        subject_id=subject_id,
        vouched=vouched,
        alike=[row.subject_id for row in alike],
    )
    if kinds != {GrantKind.COURIER}:
        # A courier's comes and goes with his shifts, in many communities.
        await notifications.tell(
            conn,
            person_id=face.row.person_id,
            kind=Kind.FACE_ACTIVE,
            occasion=f"{community_id}/{face.row.template_id}",
            community_id=community_id,
            now=now,
        )
    return True


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
        templates = await repository.list_templates(conn, person_id=person_id)
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
                waiting = await gallery.list_waiting(conn, community_id=community_id, after=after, limit=500)
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
        waiting = await gallery.list_waiting(
            conn, community_id=community_id, after=_NIL, limit=len(subject_ids), subject_ids=subject_ids
        )
    done = 0
    for row in waiting:
        done += await attach(
            db, keys, community_id=community_id, subject_id=row.subject_id, person_id=row.person_id, now=now
        )
    return done


async def settle_lookalikes(db: Database) -> int:
    """Take the mark off those whose look-alikes have left; how many. A job for every hour; platform scope."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        communities = await gallery.list_communities(conn)
    settled = 0
    for community_id in communities:
        after, found = _NIL, True
        while found:
            async with db.transaction(Scope(community_id=community_id)) as conn:
                rows = await gallery.list_lookalikes(conn, community_id=community_id, after=after, limit=_PAGE)
                over = [row.subject_id for row in rows if not row.still]
                if over:
                    await gallery.unmark(conn, community_id=community_id, subject_ids=over)
            settled += len(over)
            found = len(rows) == _PAGE
            after = rows[-1].subject_id if rows else after
    return settled


async def detach(conn: Connection, *, community_id: UUID, subject_ids: Sequence[UUID]) -> None:
    """Take the subjects' faces off the community's gates and out of its gallery, in one change of the roster.

    In the caller's transaction, which is the community's. A trigger takes the gallery's row with the credential.
    """
    await access.drop_credentials(conn, community_id=community_id, subject_ids=subject_ids)


async def gallery_templates(
    conn: Connection, *, community_id: UUID, pack: str, subject_ids: Sequence[UUID]
) -> dict[UUID, bytes]:
    """Active templates of these subjects, float16, little-endian; those not in the gallery at present are missing.

    The gallery is empty for seconds after a crash of the database: take what is missing from :func:`open_templates`.
    """
    return await gallery.list_templates(conn, community_id=community_id, pack=pack, subject_ids=subject_ids)


async def nearest_score(conn: Connection, *, community_id: UUID, subject_id: UUID, face: Face) -> float | None:
    """Cosine of the most similar template of another subject of the community; None where there is no other."""
    found = await gallery.nearest(
        conn, community_id=community_id, pack=face.row.pack, besides=subject_id, probes=[unpacked(face.template)]
    )
    return found[0].score if found else None


async def open_face(keys: Keys, row: TemplateRow) -> Face:
    """A template in the clear.

    Raises:
        KeyStoreError: the person's key is gone.
        SealBroken: the ciphertext is not that of this template under this key.
    """
    key = await keys.person_key(row.person_id)
    return Face(row, open_template(key, row.sealed, person_id=row.person_id, template_id=row.template_id))


def unpacked(template: bytes) -> list[float]:
    """A template's stored bytes as numbers."""
    values: list[float] = np.frombuffer(template, "<f2").tolist()
    return values

"""Which faces a community's gates know: making a template active, and taking it off.

A template becomes active in one community by one short transaction that writes the searchable row and the credential
together; everything slow (opening ciphertext, asking the key store) happens before it begins.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from backend.access import repository as credentials
from backend.access import service as access
from backend.audit import service as audit
from backend.enrolment import repository
from backend.enrolment.findings import LOOK_ALIKE, Finding, must_be_reviewed, neighbour_finding
from backend.enrolment.gallery import repository as gallery
from backend.enrolment.gallery.lookalikes import repository as lookalikes
from backend.enrolment.gallery.opened import Face, nearest_score, open_face, unpacked
from backend.enrolment.gallery.rebuild import complete_gallery
from backend.enrolment.models import repository as models
from backend.enrolment.models.rules import fits
from backend.enrolment.register import repository as register_photos
from backend.enrolment.register import service as register
from backend.enrolment.register.repository import RegisterPhotoRow
from backend.enrolment.register.service import Likeness
from backend.enrolment.reviews import repository as reviews
from backend.enrolment.templates import repository as kept_templates
from backend.keys.service import Keys
from backend.kit.db import Connection, Database, Scope
from backend.notifications import service as notifications
from backend.notifications.kinds import Kind
from gate_sdk.wire import GrantKind

__all__ = ["Outcome", "detach", "gallery_templates", "make_active", "put_active", "settle"]

#: Look-alikes of one face that are marked at once; somebody with more is marked himself in any case.
_ALIKE = 50


class Outcome(StrEnum):
    """What became of a face in one community."""

    ACTIVE = "active"
    IN_REVIEW = "in_review"
    NOT_NEEDED = "not_needed"
    ENROL_AGAIN = "enrol_again"


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
        rows = await kept_templates.list_templates(conn, person_id=face.row.person_id)
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
            await kept_templates.accept_template(
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
    if not await kept_templates.hold_template(conn, person_id=face.row.person_id, template_id=face.row.template_id):
        return False
    # What was vouched for stays so: a face that replaces it without anybody's looking is the same one.
    vouched = vouched or await lookalikes.is_vouched(conn, community_id=community_id, subject_id=subject_id)
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
    await lookalikes.mark(
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


async def detach(conn: Connection, *, community_id: UUID, subject_ids: Sequence[UUID]) -> None:
    """Take the subjects' faces off the community's gates and out of its gallery, in one change of the roster.

    In the caller's transaction, which is the community's. A trigger takes the gallery's row with the credential.
    """
    await access.drop_credentials(conn, community_id=community_id, subject_ids=subject_ids)


async def gallery_templates(
    conn: Connection, *, community_id: UUID, pack: str, subject_ids: Sequence[UUID]
) -> dict[UUID, bytes]:
    """Active templates of these subjects, float16, little-endian; those not in the gallery at present are missing.

    The gallery is empty for seconds after a crash of the database: take what is missing from
    :func:`rebuild.open_templates`.
    """
    return await gallery.list_templates(conn, community_id=community_id, pack=pack, subject_ids=subject_ids)

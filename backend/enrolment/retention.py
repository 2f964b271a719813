"""Keeping no face longer than it is needed, and erasing a person's faces altogether."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import structlog

from backend.access import repository as credentials
from backend.consent import service as consent
from backend.consent.service import Purpose
from backend.enrolment import repository
from backend.enrolment.gallery import repository as gallery
from backend.enrolment.models import repository as models
from backend.enrolment.models.repository import PacksRow
from backend.enrolment.models.rules import is_usable
from backend.enrolment.register import repository as register_photos
from backend.enrolment.register import service as register
from backend.enrolment.repository import EnrolmentRow
from backend.enrolment.reviews import repository as reviews
from backend.enrolment.reviews.repository import ReviewRow
from backend.enrolment.sealing import photo_prefix
from backend.enrolment.templates import repository as kept_templates
from backend.enrolment.templates.repository import TemplateRow
from backend.keys.service import Keys
from backend.kit.db import Connection, Database, Scope, enter_community
from backend.kit.storage import ObjectStore, StorageUnavailable
from backend.people import repository as people

_log = structlog.get_logger(__name__)
__all__ = ["ORPHANED", "Erased", "Keep", "discard", "erase_people", "sweep", "tidy", "what_to_keep"]

#: An upload or a completion takes seconds; what is older and belongs to nothing was left behind by a crash.
_SETTLING = timedelta(minutes=10)
ORPHANED = timedelta(hours=1)
_PAGE = 500


class Erased(msgspec.Struct, frozen=True):
    """What was erased, for a certificate."""

    photos: int
    templates: int
    objects: int


class Keep(msgspec.Struct, frozen=True):
    """What is still needed of an enrolment; ``refused`` remembers, without a face, that it was."""

    template: bool
    photos: bool
    refused: bool


#: Of a pack that none of the person's communities goes by.
_NOT_USABLE = Keep(template=False, photos=False, refused=False)


def what_to_keep(
    enrolment: EnrolmentRow,
    template: TemplateRow | None,
    *,
    newest_accepted: UUID | None,
    active: frozenset[UUID],
    reviewed: list[ReviewRow],
    photos_consented: bool,
    now: datetime,
) -> Keep:
    """What is still needed of a completed enrolment. Pure.

    Args:
        enrolment: the enrolment.
        template: its template, if it is still there.
        newest_accepted: the person's newest template that may be used in further communities.
        active: templates that some community's gates know.
        reviewed: all reviews of the person.
        photos_consented: whether he lets photographs be kept.
        now: the time.
    """
    mine = [review for review in reviewed if review.enrolment_id == enrolment.enrolment_id]
    pending = any(review.state == "pending" for review in mine)
    settling = not mine and enrolment.completed_at is not None and now - enrolment.completed_at < _SETTLING
    used = template is not None and (template.template_id == newest_accepted or template.template_id in active)
    needed = pending or settling or used
    return Keep(
        template=needed,
        photos=pending or settling or (needed and photos_consented),
        refused=not needed and any(review.state in {"refused", "retake"} for review in mine),
    )


async def tidy(db: Database, objects: ObjectStore, *, person_id: UUID, now: datetime) -> None:
    """Erase what is no longer needed of the person's enrolments. Repeating is harmless.

    Photographs go when the face has been decided on, unless he lets them be kept; templates and photographs of older
    enrolments when no community uses them. Call it when a review was decided or consent to keeping was withdrawn.
    """
    async with db.transaction(Scope(person_id=person_id)) as conn:
        before = await repository.list_object_keys(conn, person_id=person_id)
        consented = await consent.is_given(conn, person_id=person_id, purpose=Purpose.PHOTO_RETENTION)
        reviewed = await reviews.list_reviews_of_person(conn, person_id=person_id)
        templates = await kept_templates.list_templates(conn, person_id=person_id)
        enrolments = await repository.list_enrolments(conn, person_id=person_id)
        active, communities = await _uses(conn, person_id)
        newest = next((row.enrolment_id for row in templates if row.accepted), None)
        for enrolment in enrolments:
            if enrolment.state != "completed":
                continue
            mine: list[TemplateRow | None] = [row for row in templates if row.enrolment_id == enrolment.enrolment_id]
            keeps: dict[UUID | None, Keep] = {}
            for row in mine or [None]:
                if row is not None and row.template_id not in active and not is_usable(row, communities):
                    keeps[row.template_id] = _NOT_USABLE
                    continue
                keeps[None if row is None else row.template_id] = what_to_keep(
                    enrolment,
                    row,
                    newest_accepted=row.template_id if row is not None and row.enrolment_id == newest else None,
                    active=active,
                    reviewed=reviewed,
                    photos_consented=consented,
                    now=now,
                )
            await _apply(conn, enrolment, keeps, now)
        gone = before - await repository.list_object_keys(conn, person_id=person_id)
    await discard(objects, gone)


async def discard(objects: ObjectStore, keys: Iterable[str]) -> None:
    """Delete objects that no row names any more; one that cannot be deleted now is the sweep's."""
    for key in keys:
        try:
            await objects.delete(key)
        except StorageUnavailable:
            _log.warning("object left for the sweep")


async def erase_people(
    db: Database, keys: Keys, objects: ObjectStore, *, person_ids: Sequence[UUID]
) -> dict[UUID, Erased]:
    """Erase all photographs, templates and reviews of people; repeat it for each until it answers zeros.

    Somebody of whose photographs the object store refuses to remove one is missing from the answer. Needs the worker's
    role. Call it before the last :func:`detach` in each community: a face that is being attached at this moment holds
    its template, so it is either attached before this returns, and then detached, or never. Destroying the keys is the
    caller's: it makes the backups unreadable, this makes the living stores empty.
    """
    async with db.transaction(Scope(platform=True)) as conn:
        deleted = await repository.delete_data_of_people(conn, person_ids=person_ids)
    on_register = await register.destroy_of_people(db, keys, objects, person_ids=person_ids)
    # By listing, not by rows: a crash between storing an object and its row leaves one that no row names.
    prefixes = {photo_prefix(person_id): person_id for person_id in person_ids}
    erased = {}
    for prefix, count in (await objects.delete_under([*prefixes])).items():
        person_id = prefixes[prefix]
        photos, templates = deleted[person_id]
        erased[person_id] = Erased(photos=photos, templates=templates, objects=count + on_register[person_id])
    return erased


async def sweep(db: Database, objects: ObjectStore, *, now: datetime) -> int:
    """Erase what nobody needs: enrolments not completed in time, reviews of people who left, objects without a row.

    How many there were.

    A job for every hour. Needs a role that may enter the platform scope.
    """
    swept = 0
    while True:
        async with db.transaction(Scope(platform=True), read_only=True) as conn:
            expired = await repository.list_expired(conn, at=now, limit=_PAGE)
        if not expired:
            break
        for person_id, enrolment_id in expired:
            async with db.transaction(Scope(person_id=person_id)) as conn:
                photos = await repository.list_photos(conn, person_id=person_id, enrolment_id=enrolment_id)
                await repository.delete_enrolment(conn, person_id=person_id, enrolment_id=enrolment_id)
            await discard(objects, [photo.object_key for photo in photos])
            swept += 1
    return swept + await _end_moot_reviews(db, objects, now) + await _delete_all_orphans(db, objects, now)


async def _end_moot_reviews(db: Database, objects: ObjectStore, now: datetime) -> int:
    """Photographs of people who left before anybody looked are not kept for a decision that nobody needs."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        everywhere = await gallery.list_communities(conn)
    swept = 0
    for community_id in everywhere:
        async with db.transaction(Scope(community_id=community_id)) as conn:
            gone = await reviews.supersede_moot(conn, community_id=community_id, now=now)
        for person_id in gone:
            await tidy(db, objects, person_id=person_id, now=now)
        swept += len(gone)
    return swept


async def _delete_all_orphans(db: Database, objects: ObjectStore, now: datetime) -> int:
    swept = 0
    batch: list[str] = []
    for prefix in ("people/", register.ORPHANED_PREFIX):
        async for key in objects.list(prefix):
            written_s = key.rpartition("/")[2].partition("-")[0]
            if written_s.isdigit() and now.timestamp() - int(written_s) > ORPHANED.total_seconds():
                batch.append(key)
            if len(batch) == _PAGE:
                swept += await _delete_orphans(db, objects, batch)
                batch = []
    return swept + await _delete_orphans(db, objects, batch)


async def _delete_orphans(db: Database, objects: ObjectStore, keys: list[str]) -> int:
    if not keys:
        return 0
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        known = await repository.known_object_keys(conn, keys=keys)
        known |= await register_photos.known_object_keys(conn, keys=keys)
    orphans = [key for key in keys if key not in known]
    for key in orphans:
        await objects.delete(key)
    return len(orphans)


async def _uses(conn: Connection, person_id: UUID) -> tuple[frozenset[UUID], list[PacksRow]]:
    """The templates that some community's gates know, and the packs of the communities that know the person."""
    found: set[UUID] = set()
    packs = []
    for subject in await people.list_subjects_of_person(conn, person_id=person_id):
        await enter_community(conn, subject.community_id)
        row = await credentials.get_credential(conn, community_id=subject.community_id, subject_id=subject.subject_id)
        if row is not None:
            found |= {one for one in (row.template_id, row.next_template_id) if one is not None}
        packs.append(await models.packs_of(conn, community_id=subject.community_id))
    return frozenset(found), packs


async def _apply(conn: Connection, enrolment: EnrolmentRow, keeps: Mapping[UUID | None, Keep], now: datetime) -> None:
    """Erase what is not needed; ``keeps`` by template, or by None for an enrolment without any."""
    person_id, enrolment_id = enrolment.person_id, enrolment.enrolment_id
    if not any(keep.photos for keep in keeps.values()):
        await repository.delete_photos(conn, person_id=person_id, enrolment_id=enrolment_id)
    gone = [template_id for template_id, keep in keeps.items() if template_id is not None and not keep.template]
    if any(keep.template for keep in keeps.values()):
        await kept_templates.delete_templates(conn, person_id=person_id, template_ids=gone)
    elif any(keep.refused for keep in keeps.values()):
        await kept_templates.delete_templates(conn, person_id=person_id, template_ids=gone)
        await repository.finish_enrolment(
            conn, person_id=person_id, enrolment_id=enrolment_id, state="refused", now=now
        )
    else:
        await repository.delete_enrolment(conn, person_id=person_id, enrolment_id=enrolment_id)

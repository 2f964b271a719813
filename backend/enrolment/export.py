"""What is kept of faces, for a person's copy of his own data. What is sealed is opened one at a time, in memory."""

from collections.abc import AsyncIterator
from uuid import UUID

from backend.enrolment import repository
from backend.enrolment.register import repository as register_photos
from backend.enrolment.register import service as register
from backend.enrolment.register.errors import RegisterPhotoNotFound
from backend.enrolment.sealing import open_photo, open_template
from backend.enrolment.templates import repository as kept_templates
from backend.keys.errors import KeyStoreError
from backend.keys.service import Keys
from backend.kit.crypto import SealBroken
from backend.kit.db import Connection, Database, Scope, enter_community, fetch_dicts
from backend.kit.storage import ObjectMissing, ObjectStore
from backend.people import repository as people

__all__ = ["export_of", "opened_faces"]


async def export_of(conn: Connection, *, person_id: UUID) -> dict[str, list[dict[str, object]]]:
    """The person's enrolments, and where his face is searched for, by table; nothing sealed.

    In his own scope; his communities are entered one by one.
    """
    found = {
        "enrolment": await fetch_dicts(conn, "SELECT * FROM enrolment WHERE person_id = $1", person_id),
        "enrolment_photo": await fetch_dicts(
            conn,
            """
            SELECT person_id, enrolment_id, slot, object_id, quality, taken_at
            FROM enrolment_photo WHERE person_id = $1
            """,
            person_id,
        ),
        "template": await fetch_dicts(
            conn,
            """
            SELECT person_id, template_id, enrolment_id, pack, encode(sha256, 'hex') AS sha256, accepted, renewed,
                made_at
            FROM template WHERE person_id = $1
            """,
            person_id,
        ),
        "face_review": await fetch_dicts(
            conn,
            """
            SELECT community_id, review_id, subject_id, person_id, enrolment_id, template_id, findings, state, basis,
                reason_code, reason, opened_at, decided_at
            FROM face_review WHERE person_id = $1
            """,
            person_id,
        ),
        "register_photo": await fetch_dicts(
            conn,
            """
            SELECT p.community_id, p.photo_id, p.member_id, p.pack, p.kept_at, p.gone_at
            FROM member m JOIN register_photo p USING (community_id, member_id) WHERE m.person_id = $1
            """,
            person_id,
        ),
        "gallery": [],
    }
    for subject in await people.list_subjects_of_person(conn, person_id=person_id):
        await enter_community(conn, subject.community_id)
        found["gallery"] += await fetch_dicts(
            conn,
            """
            SELECT community_id, pack, subject_id, template_id FROM gallery
            WHERE community_id = $1 AND subject_id = $2
            """,
            subject.community_id, subject.subject_id,
        )  # fmt: skip
    return found


async def opened_faces(
    db: Database, keys: Keys, objects: ObjectStore, *, person_id: UUID
) -> AsyncIterator[tuple[str, bytes]]:
    """The person's photographs (JPEG) and templates (float16, little-endian), each with a file's name.

    One at a time; what is erased meanwhile is left out. The caller has recorded the access.

    Raises:
        StorageUnavailable: the object store does not answer.
    """
    async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        templates = await kept_templates.list_templates(conn, person_id=person_id)
        on_register = await register_photos.list_of_person(conn, person_id=person_id)
        photos = [
            (enrolment.enrolment_id, photo)
            for enrolment in await repository.list_enrolments(conn, person_id=person_id)
            for photo in await repository.list_photos(conn, person_id=person_id, enrolment_id=enrolment.enrolment_id)
        ]
    for kept in on_register:
        try:
            yield f"register-photographs/{kept.photo_id}.jpg", await register.opened(keys, objects, kept)
        except RegisterPhotoNotFound:
            continue
    if not templates and not photos:
        return
    try:
        key = await keys.person_key(person_id)
    except KeyStoreError:
        return
    for enrolment_id, photo in photos:
        try:
            sealed = await objects.get(photo.object_key)
            jpeg = open_photo(key, sealed, person_id=person_id, object_id=photo.object_id)
        except (ObjectMissing, SealBroken):
            continue
        yield f"photographs/{enrolment_id}-{photo.slot}.jpg", jpeg
    for row in templates:
        try:
            template = open_template(key, row.sealed, person_id=person_id, template_id=row.template_id)
        except SealBroken:
            continue
        yield f"templates/{row.template_id}.f16", template

"""Faces for the tests of erasure: random numbers in place of anybody's, sealed and stored as enrolment does it."""

import hashlib
import json
import secrets
from uuid import UUID, uuid4

import msgspec
import numpy as np

from backend.access import service as access
from backend.consent.service import Purpose
from backend.enrolment import repository
from backend.enrolment import service as enrolment
from backend.enrolment.sealing import photo_key, photo_prefix, seal_photo, seal_template
from backend.enrolment.templates import repository as kept_templates
from backend.enrolment.templates.repository import TemplateRow
from backend.gates import repository as gates
from backend.keys.errors import KeyDestroyed, KeyMissing
from backend.kit.db import Database, Scope
from backend.people import repository as people
from backend.resources import Resources
from gate_sdk.face import pack_template
from tests.backend.households.town import Resident, Town

__all__ = [
    "ALL",
    "NOTHING",
    "PACK",
    "Left",
    "acknowledge",
    "attach",
    "give_face",
    "install_gate",
    "left_of",
    "store_face",
]

PACK = "sface-2021dec"


class Left(msgspec.Struct, frozen=True):
    """What is left of a person's face, store by store."""

    templates: int
    photos: int
    objects: int
    credentials: int
    gallery: int
    key: bool


NOTHING = Left(templates=0, photos=0, objects=0, credentials=0, gallery=0, key=False)
ALL = Left(templates=1, photos=3, objects=3, credentials=1, gallery=1, key=True)


async def give_face(town: Town, resident: Resident, *, keep_photos: bool = True) -> UUID:
    """A template, three photographs and the place in the community's gallery; answers the subject's id."""
    for purpose in Purpose if keep_photos else (Purpose.FACE_ACCESS,):
        answer = await resident.actor.put(f"/resident/v1/consents/{purpose}", json={"version": 1})
        assert answer.status_code == 200, answer.text
    return await store_face(town, resident)


async def store_face(town: Town, resident: Resident, pictures: tuple[bytes, ...] | None = None) -> UUID:
    """The same of somebody who has agreed, or for whom somebody has; without ``pictures`` of random bytes."""
    resources, now = town.world.resources, town.world.clock()
    person_id = resident.person_id
    key = await resources.keys.ensure_person_key(person_id, owner_id=town.community_id)
    vector = np.random.default_rng().normal(size=128).astype(np.float32)
    template = pack_template(vector / np.linalg.norm(vector))
    template_id = uuid4()
    async with resources.db.transaction(Scope(person_id=person_id)) as conn:
        enrolled = await repository.insert_enrolment(
            conn,
            person_id=person_id,
            pack=PACK,
            capture_policy="photos",
            started_at=now,
            expires_at=now.replace(year=2099),
        )
    for slot in (1, 2, 3):
        object_id = uuid4()
        object_key = photo_key(person_id, enrolled.enrolment_id, object_id, written_s=int(now.timestamp()))
        picture = secrets.token_bytes(100) if pictures is None else pictures[slot - 1]
        await resources.objects.put(object_key, seal_photo(key, picture, person_id=person_id, object_id=object_id))
        async with resources.db.transaction(Scope(person_id=person_id)) as conn:
            await repository.upsert_photo(
                conn,
                person_id=person_id,
                enrolment_id=enrolled.enrolment_id,
                slot=slot,
                object_id=object_id,
                object_key=object_key,
                features=b"sealed",
                quality=json.dumps({}),
                now=now,
            )
    async with resources.db.transaction(Scope(person_id=person_id)) as conn:
        row = TemplateRow(
            person_id=person_id,
            template_id=template_id,
            enrolment_id=enrolled.enrolment_id,
            pack=PACK,
            sealed=seal_template(key, template, person_id=person_id, template_id=template_id),
            sha256=hashlib.sha256(template).digest(),
            accepted=True,
            duplicate_from=0.9,
        )
        await kept_templates.insert_template(conn, row=row, now=now)
        await repository.finish_enrolment(
            conn, person_id=person_id, enrolment_id=enrolled.enrolment_id, state="completed", now=now
        )
    return await attach(town, resident, row)


async def attach(town: Town, resident: Resident, row: TemplateRow | None = None) -> UUID:
    """Put the person's face on the community's gates, as an approved review does; answers the subject's id."""
    resources = town.world.resources
    if row is None:
        async with resources.db.transaction(Scope(person_id=resident.person_id)) as conn:
            row = (await kept_templates.list_templates(conn, person_id=resident.person_id))[0]
    async with resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        subject = await people.get_subject(conn, community_id=town.community_id, person_id=resident.person_id)
        assert subject is not None
        await access.set_credential(
            conn,
            community_id=town.community_id,
            subject_id=subject.subject_id,
            template_id=row.template_id,
            pack=row.pack,
            template_sha256=row.sha256,
            now=town.world.clock(),
        )
    await enrolment.rebuild_gallery(resources.db, resources.keys, community_id=town.community_id)
    return subject.subject_id


async def left_of(resources: Resources, person_id: UUID, communities: list[UUID]) -> Left:
    """What a look into every store finds."""
    credentials = gallery = 0
    async with resources.db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        templates = await conn.fetchval("SELECT count(*) FROM template WHERE person_id = $1", person_id)
        photos = await conn.fetchval("SELECT count(*) FROM enrolment_photo WHERE person_id = $1", person_id)
    for community_id in communities:
        async with resources.db.transaction(Scope(community_id=community_id), read_only=True) as conn:
            subject = await people.get_subject(conn, community_id=community_id, person_id=person_id)
            if subject is None:
                continue
            for_subject = (community_id, subject.subject_id)
            credentials += await conn.fetchval(
                "SELECT count(*) FROM face_credential WHERE community_id = $1 AND subject_id = $2", *for_subject
            )
            gallery += await conn.fetchval(
                "SELECT count(*) FROM gallery WHERE community_id = $1 AND subject_id = $2", *for_subject
            )
    try:
        await resources.keys.person_key(person_id)
        key = True
    except (KeyDestroyed, KeyMissing):
        key = False
    objects = [name async for name in resources.objects.list(photo_prefix(person_id))]
    return Left(templates, photos, len(objects), credentials, gallery, key)


async def install_gate(town: Town, name: str = "North gate") -> UUID:
    """A gate with a device, which has acknowledged nothing yet."""
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        gate_id = await gates.insert_gate(conn, community_id=town.community_id, name=name, now=town.world.clock())
        await gates.update_device(
            conn,
            community_id=town.community_id,
            gate_id=gate_id,
            public_key=secrets.token_bytes(32),
            sdk="test",
            packs=[PACK],
            now=town.world.clock(),
        )
    return gate_id


async def acknowledge(town: Town, gate_id: UUID, *, db: Database | None = None) -> None:
    """The gate's word that it has the present roster."""
    async with (db or town.world.resources.db).transaction(Scope(community_id=town.community_id)) as conn:
        head = await conn.fetchrow("SELECT epoch, version FROM roster_head WHERE community_id = $1", town.community_id)
        assert head is not None
        await gates.insert_receipt(
            conn,
            community_id=town.community_id,
            gate_id=gate_id,
            epoch=head["epoch"],
            version=head["version"],
            digest=bytes(32),
            verified=True,
            now=town.world.clock(),
        )

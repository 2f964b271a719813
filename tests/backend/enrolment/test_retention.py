"""What stays, what goes, and that nothing biometric rests anywhere in the clear."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import numpy as np
import pytest

from backend.enrolment import service
from backend.enrolment.repository import EnrolmentRow
from backend.enrolment.retention import Erased, Keep, what_to_keep
from backend.enrolment.reviews.repository import ReviewRow, ReviewState
from backend.enrolment.sealing import (
    Features,
    open_features,
    open_photo,
    open_template,
    photo_key,
    seal_features,
    seal_photo,
    seal_template,
)
from backend.enrolment.templates.repository import TemplateRow
from backend.kit.crypto import SealBroken, new_key
from backend.kit.db import Database, Scope
from gate_sdk.face import Embedding
from tests.backend.enrolment.people import active, agree, approve_all, begin, enrol, put, reviews, visitor
from tests.backend.enrolment.photographs import jpeg, portrait, with_position
from tests.backend.households.town import build_town
from tests.backend.world import World

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)


async def stored(owner_url: str) -> bytes:
    """Every value of every table of the database but the gallery's, one after the other, as the owner's dump has it."""
    conn = await asyncpg.connect(owner_url)
    out = bytearray()
    try:
        tables = await conn.fetch(
            """
            SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind = 'r' AND n.nspname = 'public'
            """
        )
        for table in tables:
            for row in await conn.fetch(f"SELECT t::text AS text FROM {table['name']} t"):
                out += row["text"].encode()
    finally:
        await conn.close()
    return bytes(out)


def files(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())


async def test_no_photograph_and_no_template_rests_in_the_clear(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await agree(tenant.actor, "photo_retention")
    photo = with_position()
    await enrol(tenant.actor, (photo, photo, photo))
    await approve_all(town)
    assert world.settings.data_dir is not None
    on_disk = files(world.settings.data_dir)
    assert len([key async for key in world.resources.objects.list("people/")]) == 3
    # The superuser's view: row-level security does not hide anything from it, so this is not an empty proof.
    in_database = await stored(world.urls.superuser)
    assert str(tenant.person_id).encode() in in_database
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        subject = await conn.fetchval("SELECT subject_id FROM face_credential")
        templates = await service.gallery_templates(
            conn, community_id=town.community_id, pack="yunet-sface-1", subject_ids=[subject]
        )
    template = templates[subject]
    assert len(template) == 256
    gallery_table = f"gallery_{town.community_id.hex}"
    for secret in (b"\xff\xd8\xff", b"JFIF", b"SECRET-CAMERA-MAKER", template, photo[1000:1064]):
        assert secret not in on_disk
    for secret in (b"Exif\0\0", template, template[:16], photo[1000:1032]):  # as hexadecimal digits in a dump
        assert secret.hex().encode() not in in_database
    # The one place in the clear is the searchable projection, which is in no dump and not in the WAL.
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        kinds = await conn.fetch(
            "SELECT relpersistence FROM pg_class WHERE relname LIKE 'gallery\\_%' AND relkind = 'r'"
        )
        assert {row["relpersistence"] for row in kinds} == {b"u"}
        assert await conn.fetchval(f"SELECT count(*) FROM {gallery_table}") == 1
    finally:
        await conn.close()


async def test_erasing_a_person_leaves_nothing_and_may_be_repeated(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await agree(tenant.actor, "photo_retention")
    await enrol(tenant.actor)
    await approve_all(town)
    resources = world.resources
    # What a crash between the object and its row left behind.
    orphan = photo_key(tenant.person_id, uuid4(), uuid4(), written_s=int(world.clock().timestamp()))
    await resources.objects.put(orphan, b"ciphertext")
    people = [tenant.person_id]
    erased = await service.erase_people(worker_db, resources.keys, resources.objects, person_ids=people)
    assert erased == {tenant.person_id: Erased(photos=3, templates=1, objects=4)}
    again = await service.erase_people(worker_db, resources.keys, resources.objects, person_ids=people)
    assert again == {tenant.person_id: Erased(photos=0, templates=0, objects=0)}
    assert [key async for key in resources.objects.list("people/")] == []
    async with resources.db.transaction(Scope(person_id=tenant.person_id)) as conn:
        for table in ("enrolment", "enrolment_photo", "template", "face_review"):
            assert await conn.fetchval(f"SELECT count(*) FROM {table}") == 0
    # The gates' copy goes by the community's own transaction.
    subject_id = await community_subject(world, town.community_id)
    async with resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await service.detach(conn, community_id=town.community_id, subject_ids=[subject_id])
    assert await active(town, tenant.person_id) is None


async def test_a_face_cannot_be_attached_once_it_is_erased(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    guest, person_id = await visitor(world, town)
    await enrol(guest, surface="visitor")
    subject_id = await community_subject(world, town.community_id)
    resources = world.resources
    await service.erase_people(worker_db, resources.keys, resources.objects, person_ids=[person_id])
    async with resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await service.detach(conn, community_id=town.community_id, subject_ids=[subject_id])
    assert not await service.attach(
        resources.db,
        resources.keys,
        community_id=town.community_id,
        subject_id=subject_id,
        person_id=person_id,
        now=world.clock(),
    )


async def test_a_photograph_that_arrives_during_an_erasure_is_not_kept(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await agree(tenant.actor)
    enrolment_id = await begin(tenant.actor)
    resources = world.resources

    async def erase() -> None:
        await asyncio.sleep(0.02)
        await service.erase_people(worker_db, resources.keys, resources.objects, person_ids=[tenant.person_id])

    answer, _ = await asyncio.gather(put(tenant.actor, enrolment_id, 1, jpeg(portrait())), erase())
    assert answer.status_code in {200, 404}
    await service.erase_people(worker_db, resources.keys, resources.objects, person_ids=[tenant.person_id])
    assert [key async for key in resources.objects.list("people/")] == []


async def test_a_destroyed_key_is_told_as_an_erasure(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await agree(tenant.actor)
    enrolment_id = await begin(tenant.actor)
    await world.resources.keys.destroy_person_key(tenant.person_id)
    answer = await put(tenant.actor, enrolment_id, 1, jpeg(portrait()))
    assert (answer.status_code, answer.json()["code"]) == (409, "enrolment-under-erasure")


async def test_the_sweep_erases_what_was_not_completed_and_what_a_crash_left(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await agree(tenant.actor)
    enrolment_id = await begin(tenant.actor)
    await put(tenant.actor, enrolment_id, 1, jpeg(portrait()))
    objects = world.resources.objects
    now = world.clock()
    old = photo_key(uuid4(), uuid4(), uuid4(), written_s=int((now - timedelta(hours=2)).timestamp()))
    being_written = photo_key(uuid4(), uuid4(), uuid4(), written_s=int(now.timestamp()))
    for key in (old, being_written):
        await objects.put(key, b"ciphertext")
    assert await service.sweep(worker_db, objects, now=now) == 1
    assert not await objects.exists(old)
    assert await objects.exists(being_written)
    assert len([key async for key in objects.list(f"people/{tenant.person_id}/")]) == 1
    later = world.clock.advance(minutes=30)
    assert await service.sweep(worker_db, objects, now=later) == 1
    assert [key async for key in objects.list(f"people/{tenant.person_id}/")] == []
    async with world.resources.db.transaction(Scope(person_id=tenant.person_id)) as conn:
        assert await conn.fetchval("SELECT count(*) FROM enrolment") == 0


async def test_withdrawing_consent_to_keeping_photographs_erases_them_and_keeps_the_face(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await agree(tenant.actor, "photo_retention")
    await enrol(tenant.actor)
    await approve_all(town)
    resources = world.resources
    async with resources.db.transaction(Scope(person_id=tenant.person_id)) as conn:
        await conn.execute("UPDATE consent SET withdrawn_at = given_at WHERE purpose = 'photo_retention'")
    await service.tidy(resources.db, resources.objects, person_id=tenant.person_id, now=world.clock())
    assert [key async for key in resources.objects.list("people/")] == []
    assert await active(town, tenant.person_id) is not None
    assert await reviews(town) == []


async def community_subject(world: World, community_id: UUID) -> UUID:
    async with world.resources.db.transaction(Scope(community_id=community_id)) as conn:
        subject_id: UUID = await conn.fetchval("SELECT subject_id FROM face_credential")
    return subject_id


def enrolment(completed_at: datetime) -> EnrolmentRow:
    return EnrolmentRow(
        person_id=UUID(int=1),
        enrolment_id=UUID(int=2),
        pack="p",
        capture_policy="photos",
        state="completed",
        attempts=3,
        started_at=NOW,
        expires_at=NOW,
        completed_at=completed_at,
    )


def template() -> TemplateRow:
    return TemplateRow(
        person_id=UUID(int=1),
        template_id=UUID(int=3),
        enrolment_id=UUID(int=2),
        pack="p",
        sealed=b"",
        sha256=b"",
        accepted=True,
        duplicate_from=0.55,
    )


def review(state: ReviewState) -> ReviewRow:
    return ReviewRow(
        community_id=UUID(int=9),
        review_id=UUID(int=8),
        subject_id=UUID(int=7),
        person_id=UUID(int=1),
        enrolment_id=UUID(int=2),
        template_id=UUID(int=3),
        findings=[],
        state=state,
        basis=None,
        reason=None,
        opened_at=NOW,
        decided_at=None,
    )


HOUR_AGO = NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    "completed, newest, active_ids, reviewed, consented, expected",
    [
        # Just completed, its reviews not opened yet: everything.
        (NOW, None, set(), [], False, Keep(template=True, photos=True, refused=False)),
        # Somebody has to look.
        (HOUR_AGO, None, set(), ["pending"], False, Keep(template=True, photos=True, refused=False)),
        # Active: the template, and the photographs where he agreed.
        (HOUR_AGO, None, {3}, ["approved"], False, Keep(template=True, photos=False, refused=False)),
        (HOUR_AGO, None, {3}, ["approved"], True, Keep(template=True, photos=True, refused=False)),
        # Not active at present, but what a courier's next shift will need.
        (HOUR_AGO, 3, set(), [], False, Keep(template=True, photos=False, refused=False)),
        # Replaced by a newer one.
        (HOUR_AGO, 4, set(), ["approved"], True, Keep(template=False, photos=False, refused=False)),
        # Refused, and refused in one place while another waits.
        (NOW, 4, set(), ["refused"], True, Keep(template=False, photos=False, refused=True)),
        (HOUR_AGO, None, set(), ["refused", "pending"], False, Keep(template=True, photos=True, refused=False)),
    ],
)
def test_nothing_is_kept_longer_than_it_is_needed(
    *,
    completed: datetime,
    newest: int | None,
    active_ids: set[int],
    reviewed: list[ReviewState],
    consented: bool,
    expected: Keep,
) -> None:
    found = what_to_keep(
        enrolment(completed),
        template(),
        newest_accepted=None if newest is None else UUID(int=newest),
        active=frozenset(UUID(int=number) for number in active_ids),
        reviewed=[review(state) for state in reviewed],
        photos_consented=consented,
        now=NOW,
    )
    assert found == expected


def test_a_ciphertext_opens_nowhere_but_in_its_own_place() -> None:
    key, person, other, thing = new_key(), uuid4(), uuid4(), uuid4()
    features = Features(
        embedding=Embedding(vector=np.full(4, 0.5, np.float32), norm=12.5),
        landmarks=np.arange(10, dtype=np.float32).reshape(5, 2),
        yaw=3.5,
    )
    sealed = seal_features(key, features, person_id=person, object_id=thing)
    opened = open_features(key, sealed, person_id=person, object_id=thing)
    assert np.array_equal(opened.embedding.vector, features.embedding.vector)
    assert np.array_equal(opened.landmarks, features.landmarks)
    assert (opened.embedding.norm, opened.yaw) == (12.5, 3.5)
    photo = seal_photo(key, b"picture", person_id=person, object_id=thing)
    assert open_photo(key, photo, person_id=person, object_id=thing) == b"picture"
    stored_template = seal_template(key, b"template", person_id=person, template_id=thing)
    for attempt in (
        lambda: open_photo(key, photo, person_id=other, object_id=thing),
        lambda: open_photo(key, photo, person_id=person, object_id=uuid4()),
        lambda: open_photo(new_key(), photo, person_id=person, object_id=thing),
        lambda: open_photo(key, photo[:-1], person_id=person, object_id=thing),
        lambda: open_features(key, photo, person_id=person, object_id=thing),
        lambda: open_photo(key, stored_template, person_id=person, object_id=thing),
        lambda: open_template(key, stored_template, person_id=other, template_id=thing),
    ):
        with pytest.raises(SealBroken):
            attempt()

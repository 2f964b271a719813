"""The gallery: partitions, rebuilding from ciphertext, and who sees what."""

import asyncio
import hashlib
from uuid import UUID, uuid4

import asyncpg
import numpy as np
import pytest

from backend.access import service as access
from backend.consent import service as consent
from backend.consent.service import Purpose
from backend.enrolment import repository, service
from backend.enrolment.gallery import repository as gallery
from backend.enrolment.sealing import seal_template
from backend.enrolment.templates import repository as kept_templates
from backend.enrolment.templates.repository import TemplateRow
from backend.kit.db import Connection, Database, Scope
from backend.people import repository as people
from backend.resources import Resources
from gate_sdk.face import pack_template, unit
from gate_sdk.wire import GrantKind
from tests.backend.ending import end_subject
from tests.backend.enrolment.people import enrol_and_approve, subject_of
from tests.backend.households.town import build_town
from tests.backend.world import World

PACK = "yunet-sface-1"


async def enrolled(world: World, community_id: UUID, count: int, *, seed: int = 1) -> dict[UUID, bytes]:
    """People with a drawn template each, active in the community; the templates by subject."""
    resources, now = world.resources, world.clock()
    random = np.random.default_rng(seed)
    found = {}
    for _ in range(count):
        template = pack_template(unit(random.normal(size=128)))
        async with resources.db.transaction(Scope(platform=True)) as conn:
            person_id = (await people.insert_person(conn)).person_id
        key = await resources.keys.ensure_person_key(person_id, owner_id=community_id)
        template_id = uuid4()
        async with resources.db.transaction(Scope(person_id=person_id)) as conn:
            enrolment = await repository.insert_enrolment(
                conn, person_id=person_id, pack=PACK, capture_policy="photos", started_at=now,
                expires_at=now + service.TTL,
            )  # fmt: skip
            row = TemplateRow(
                person_id=person_id,
                template_id=template_id,
                enrolment_id=enrolment.enrolment_id,
                pack=PACK,
                sealed=seal_template(key, template, person_id=person_id, template_id=template_id),
                sha256=hashlib.sha256(template).digest(),
                accepted=True,
                duplicate_from=0.55,
            )
            await kept_templates.insert_template(conn, row=row, now=now)
            await consent.give(
                conn, person_id=person_id, purpose=Purpose.FACE_ACCESS, version=1, language="en", surface="visitor",
                actor=f"courier:{person_id}", now=now,
            )  # fmt: skip
            await repository.finish_enrolment(
                conn, person_id=person_id, enrolment_id=enrolment.enrolment_id, state="completed", now=now
            )
        async with resources.db.transaction(Scope(community_id=community_id)) as conn:
            subject_id = await people.ensure_subject(conn, community_id=community_id, person_id=person_id)
            await access.grant(
                conn, community_id=community_id, subject_id=subject_id, kind=GrantKind.COURIER, source="shift",
                source_id=uuid4(), valid_from=now, valid_until=None, now=now,
            )  # fmt: skip
        assert await service.attach(
            resources.db,
            resources.keys,
            community_id=community_id,
            subject_id=subject_id,
            person_id=person_id,
            now=now,
        )
        found[subject_id] = template
    return found


async def rows_of(resources: Resources, community_id: UUID) -> dict[UUID, bytes]:
    async with resources.db.transaction(Scope(community_id=community_id)) as conn:
        ids = [row["subject_id"] for row in await conn.fetch("SELECT subject_id FROM face_credential")]
        return await service.gallery_templates(conn, community_id=community_id, pack=PACK, subject_ids=ids)


async def emptied(owner_url: str, community_id: UUID) -> None:
    """What a crash of the server does to an UNLOGGED table."""
    conn = await asyncpg.connect(owner_url)
    try:
        await conn.execute(f"TRUNCATE gallery_{community_id.hex}")
    finally:
        await conn.close()


async def test_what_gates_get_is_byte_for_byte_what_was_sealed(world: World) -> None:
    community_id = (await build_town(world)).community_id
    templates = await enrolled(world, community_id, 3)
    assert await rows_of(world.resources, community_id) == templates
    async with world.resources.db.transaction(Scope(community_id=community_id)) as conn:
        opened = await service.open_templates(
            conn, world.resources.keys, community_id=community_id, pack=PACK, subject_ids=list(templates)
        )
        hashes = dict(await conn.fetch("SELECT subject_id, template_sha256 FROM face_credential"))
    assert opened == templates
    assert hashes == {subject: hashlib.sha256(template).digest() for subject, template in templates.items()}


async def test_a_page_of_templates_reads_each_once_though_nothing_is_known_of_the_tables_yet(world: World) -> None:
    """As after a restore or a large import: a plan that read all for each took 7 s for a page of 2,000."""
    community_id, people = (await build_town(world)).community_id, 12
    await enrolled(world, community_id, people)
    async with world.resources.db.transaction(Scope(community_id=community_id)) as conn:
        ids = [row["subject_id"] for row in await conn.fetch("SELECT subject_id FROM subject")]
        before = await credentials_read(conn)
        found = await service.gallery_templates(conn, community_id=community_id, pack=PACK, subject_ids=ids)
        assert len(found) == people
        assert await credentials_read(conn) - before <= 2 * people


async def credentials_read(conn: Connection) -> int:
    """How many rows of credentials were looked at in this transaction."""
    read: int = await conn.fetchval(
        "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'face_credential'"
    )
    return read


async def test_an_emptied_gallery_is_filled_again_from_ciphertext(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    templates = await enrolled(world, town.community_id, 5)
    other = await build_town(world, office=town.office, name="Second Court")
    others = await enrolled(world, other.community_id, 2, seed=2)
    await emptied(world.urls.owner, town.community_id)
    assert await rows_of(world.resources, town.community_id) == {}
    told: list[tuple[UUID, int]] = []
    resources = world.resources
    made = await service.ensure_galleries(
        worker_db, resources.keys, progress=lambda community, count: told.append((community, count))
    )
    assert (made, told) == (5, [(town.community_id, 5)])
    assert await rows_of(resources, town.community_id) == templates
    assert await rows_of(resources, other.community_id) == others
    assert await service.ensure_galleries(worker_db, resources.keys) == 0


async def test_a_rebuild_that_was_cut_off_is_continued_in_batches(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.enrolment.gallery.rebuild._BATCH", 2)
    community_id = (await build_town(world)).community_id
    templates = await enrolled(world, community_id, 5)
    resources = world.resources
    gone = next(iter(templates))
    async with resources.db.transaction(Scope(community_id=community_id)) as conn:
        await conn.execute("DELETE FROM gallery WHERE subject_id <> $1", gone)
    told: list[int] = []
    made = await service.rebuild_gallery(resources.db, resources.keys, community_id=community_id, progress=told.append)
    assert (made, told[-1]) == (4, 4)
    assert len(told) == 2
    assert await rows_of(resources, community_id) == templates


async def test_two_rebuilds_at_once_do_no_harm(world: World) -> None:
    community_id = (await build_town(world)).community_id
    templates = await enrolled(world, community_id, 4)
    await emptied(world.urls.owner, community_id)
    resources = world.resources
    made = await asyncio.gather(
        *(service.rebuild_gallery(resources.db, resources.keys, community_id=community_id) for _ in range(3))
    )
    assert sum(made) == 4
    assert await rows_of(resources, community_id) == templates


async def test_whose_key_is_destroyed_does_not_come_back(world: World) -> None:
    community_id = (await build_town(world)).community_id
    templates = await enrolled(world, community_id, 2)
    gone = next(iter(templates))
    resources = world.resources
    async with resources.db.transaction(Scope(community_id=community_id)) as conn:
        person_id = await conn.fetchval("SELECT person_id FROM subject WHERE subject_id = $1", gone)
    await resources.keys.destroy_person_key(person_id)
    await emptied(world.urls.owner, community_id)
    assert await service.rebuild_gallery(resources.db, resources.keys, community_id=community_id) == 1
    assert gone not in await rows_of(resources, community_id)


async def test_a_face_that_is_detached_during_a_rebuild_stays_out(world: World) -> None:
    community_id = (await build_town(world)).community_id
    templates = await enrolled(world, community_id, 1)
    (subject_id,) = templates
    resources = world.resources
    scope = Scope(community_id=community_id)
    async with resources.db.transaction(scope) as conn:
        await conn.execute("DELETE FROM gallery WHERE true")
        (missing,) = await gallery.list_missing(
            conn, community_id=community_id, after=(UUID(int=0), UUID(int=0)), limit=9
        )
    async with resources.db.transaction(scope) as conn:
        await service.detach(conn, community_id=community_id, subject_ids=[subject_id])
    late = gallery.NewGalleryRow(subject_id, missing.template_id, templates[subject_id])
    async with resources.db.transaction(scope) as conn:
        assert await gallery.insert_rows(conn, community_id=community_id, rows=[late]) == 0


async def test_a_credentials_end_takes_the_embedding_along_whoever_brings_it_about(world: World) -> None:
    community_id = (await build_town(world)).community_id
    detached, ended, erased, stays = await enrolled(world, community_id, 4)
    resources, now = world.resources, world.clock()
    async with resources.db.transaction(Scope(community_id=community_id)) as conn:
        await service.detach(conn, community_id=community_id, subject_ids=[detached])
        await end_subject(conn, community_id=community_id, subject_id=ended, now=now)
        await conn.execute("DELETE FROM subject WHERE subject_id = $1", erased)
    async with resources.db.transaction(Scope(community_id=community_id)) as conn:
        left = [row["subject_id"] for row in await conn.fetch("SELECT subject_id FROM gallery")]
    assert left == [stays]


async def test_a_first_enrolment_elsewhere_does_not_wait_for_a_long_reader(world: World) -> None:
    town = await build_town(world)
    await enrolled(world, town.community_id, 1)
    other = await build_town(world, office=town.office, name="Second Court")
    db = world.resources.db
    async with db.transaction(Scope(community_id=town.community_id)) as reading:
        await reading.fetch("SELECT subject_id FROM gallery")
        await reading.execute("UPDATE gallery SET template_id = template_id")
        async with db.transaction(Scope(community_id=other.community_id)) as conn:
            await conn.execute("SET LOCAL lock_timeout = '2s'")
            await gallery.ensure_partition(conn)


async def test_a_partition_is_made_once_by_many_at_once(world: World) -> None:
    community_id = (await build_town(world)).community_id
    db = world.resources.db

    async def ensure() -> None:
        async with db.transaction(Scope(community_id=community_id)) as conn:
            await gallery.ensure_partition(conn)

    await asyncio.gather(*(ensure() for _ in range(6)))
    conn = await asyncpg.connect(world.urls.owner)
    try:
        rows = await conn.fetch(
            """
            SELECT c.relpersistence, c.relrowsecurity, c.relforcerowsecurity FROM pg_inherits i
            JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'gallery'::regclass
            """
        )
        indexes = await conn.fetch("SELECT amname FROM pg_class c JOIN pg_am a ON a.oid = c.relam "
                                   "WHERE c.relkind = 'i' AND c.relname LIKE 'gallery_%'")  # fmt: skip
    finally:
        await conn.close()
    assert [tuple(row) for row in rows] == [(b"u", True, True)]
    assert {row["amname"] for row in indexes} == {"btree"}  # exact search: no HNSW


@pytest.mark.parametrize("scope", [Scope(), Scope(platform=True), Scope(community_id=uuid4())])
async def test_a_partition_needs_a_community_in_scope(world: World, scope: Scope) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with world.resources.db.transaction(scope) as conn:
            await gallery.ensure_partition(conn)


TABLES = ("enrolment", "enrolment_photo", "template", "face_review", "gallery", "impostor_histogram")


async def seen(conn: Connection) -> dict[str, int]:
    return {table: await conn.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}


async def test_without_a_scope_nobody_sees_anything_and_no_community_sees_anothers(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await enrol_and_approve(town, tenant.actor)
    other = await build_town(world, office=town.office, name="Second Court")
    worker = Database(world.urls.worker)
    await worker.open()
    try:
        for db in (world.resources.db, worker):
            async with db.transaction(Scope()) as conn:
                assert set((await seen(conn)).values()) == {0}
            async with db.transaction(Scope(community_id=other.community_id)) as conn:
                assert set((await seen(conn)).values()) == {0}
            async with db.transaction(Scope(person_id=uuid4())) as conn:
                assert set((await seen(conn)).values()) == {0}
            async with db.transaction(Scope(person_id=tenant.person_id)) as conn:
                own = await seen(conn)
                assert (own["template"], own["face_review"], own["gallery"]) == (1, 1, 0)
            async with db.transaction(Scope(community_id=town.community_id)) as conn:
                assert (await seen(conn))["gallery"] == 1
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with db.transaction(Scope(community_id=town.community_id)) as conn:
                    await conn.execute(f"SELECT FROM gallery_{town.community_id.hex}")
    finally:
        await worker.close()


async def test_a_community_may_look_at_a_persons_template_but_not_change_it(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await enrol_and_approve(town, tenant.actor)
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        assert await conn.execute("DELETE FROM template") == "DELETE 0"
        assert await conn.execute("UPDATE enrolment SET attempts = 0") == "UPDATE 0"
        assert await conn.execute("DELETE FROM enrolment_photo") == "DELETE 0"


async def test_the_nearest_other_is_found_by_exact_search(world: World) -> None:
    community_id = (await build_town(world)).community_id
    templates = await enrolled(world, community_id, 20)
    subjects = list(templates)
    matrix = np.stack([np.frombuffer(templates[s], "<f2").astype(np.float32) for s in subjects])
    async with world.resources.db.transaction(Scope(community_id=community_id)) as conn:
        found = await gallery.nearest(
            conn, community_id=community_id, pack=PACK, besides=subjects[0], probes=matrix[:3].tolist()
        )
    scores = matrix[1:] @ matrix[:3].T
    assert [row.subject_id for row in found] == [subjects[1 + int(i)] for i in scores.argmax(axis=0)]
    assert [row.score for row in found] == pytest.approx(scores.max(axis=0).tolist(), abs=1e-3)


async def test_a_person_known_by_two_communities_is_another_subject_in_each(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await enrol_and_approve(town, tenant.actor)
    assert await subject_of(town, tenant.person_id) != tenant.person_id

"""Faces that no right needs go when their grace is over, and those that one needs stay."""

from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg

from backend.access import service as access
from backend.kit.db import Database, Scope
from backend.privacy import jobs
from backend.privacy.repository import list_due
from backend.privacy.saga import Saga
from gate_sdk.wire import GrantKind
from tests.backend.ending import end_subject
from tests.backend.households.town import build_town
from tests.backend.privacy.ending import end_tenancy
from tests.backend.privacy.faces import NOTHING, Left, give_face, left_of
from tests.backend.world import World


async def test_a_face_that_nobody_needs_goes_after_the_grace_that_was_promised(
    world: World, worker_db: Database, saga: Saga
) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    subject_id = await give_face(town, tenant)
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await end_subject(conn, community_id=town.community_id, subject_id=subject_id, now=world.clock())
    world.clock.advance(hours=23)
    assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 0
    world.clock.advance(hours=1)
    assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 1
    assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 0
    async with worker_db.transaction(Scope(platform=True)) as conn:
        (due,) = await list_due(conn, at=world.clock(), limit=10)
    assert (due.reason, due.extent) == ("unused", "everything")
    assert await saga.resume(due.erasure_id)
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING


async def test_somebody_whose_erasure_cannot_begin_keeps_nobody_elses_from_it(
    world: World, worker_db: Database, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    town = await build_town(world)
    people = [await town.tenant(label) for label in ("1-101", "1-102", "1-103")]
    for tenant in people:
        subject_id = await give_face(town, tenant)
        async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
            await end_subject(conn, community_id=town.community_id, subject_id=subject_id, now=world.clock())
    # They come by their ids, so everybody else comes after him.
    first, *others = sorted(tenant.person_id for tenant in people)
    await owner.execute(f"ALTER TABLE erasure ADD CONSTRAINT nobody CHECK (person_id <> '{first}')")
    world.clock.advance(hours=24)
    try:
        assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 2
    finally:
        await owner.execute("ALTER TABLE erasure DROP CONSTRAINT nobody")
    assert {row["person_id"] for row in await owner.fetch("SELECT person_id FROM erasure")} == set(others)
    assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 1


async def test_a_face_in_use_is_left_alone(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    world.clock.advance(days=400)
    assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 0


async def test_a_couriers_face_lies_thirty_days_between_shifts(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    subject_id = await give_face(town, tenant)
    now = world.clock()
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await end_subject(conn, community_id=town.community_id, subject_id=subject_id, now=now)
        await access.grant(
            conn,
            community_id=town.community_id,
            subject_id=subject_id,
            kind=GrantKind.COURIER,
            source="shift",
            source_id=uuid4(),
            valid_from=now,
            valid_until=now + timedelta(hours=8),
            now=now,
        )
        await end_subject(conn, community_id=town.community_id, subject_id=subject_id, now=now)
    world.clock.advance(days=29)
    assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 0
    world.clock.advance(days=2)
    assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 1


async def test_a_courier_who_moves_out_keeps_the_face_that_he_works_with(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        await conn.execute(
            """
            WITH company AS (
                INSERT INTO partner (authority_id, name, client_id)
                SELECT authority_id, 'Parcels', 'parcels-client' FROM community RETURNING partner_id
            ), courier AS (
                INSERT INTO courier (person_id, phone_hash) VALUES ($1, sha256('number'))
                RETURNING courier_id, person_id
            )
            INSERT INTO courier_employment (partner_id, worker_id, courier_id, person_id, accepted_at)
            SELECT partner_id, 'W-1', courier_id, person_id, now() FROM company, courier
            """,
            tenant.person_id,
        )
    finally:
        await conn.close()
    (begun,) = (await end_tenancy(town, tenant.tenancy_id))["erasures"]
    assert begun["extent"] == "community"
    assert await saga.resume(UUID(begun["erasure_id"]))
    left = await left_of(world.resources, tenant.person_id, [town.community_id])
    assert left == Left(templates=1, photos=3, objects=3, credentials=0, gallery=0, key=True)

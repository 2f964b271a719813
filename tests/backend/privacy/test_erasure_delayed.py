"""What is away delays an erasure and is never skipped; what one of them meets keeps nobody else."""

from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg

from backend.access import service as access
from backend.enrolment.sealing import photo_prefix
from backend.keys.service import Keys
from backend.kit.db import Database, Scope
from backend.people import repository as people
from backend.privacy.repository import list_due
from backend.privacy.saga import Saga
from tests.backend.households.town import build_town
from tests.backend.privacy.ending import Away, done, end_tenancy, read, several_moved_out
from tests.backend.privacy.faces import NOTHING, acknowledge, give_face, install_gate, left_of
from tests.backend.world import World


async def test_people_who_leave_together_are_erased_together_in_one_change_of_the_roster_each_step(
    world: World, saga: Saga
) -> None:
    town, tenants, erasure_ids = await several_moved_out(world, 4)
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        before = await access.roster_version(conn, community_id=town.community_id)
    assert await saga.resume_all(erasure_ids) == set(erasure_ids)
    # Their rights ended before; nothing that is erased afterwards is news to a gate.
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        assert await access.roster_version(conn, community_id=town.community_id) == before
    for tenant in tenants:
        assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING
    # Once more is no harm, one that is not there is no error, and both are answered as complete.
    assert await saga.resume_all([*erasure_ids, uuid4()]) > set(erasure_ids)


async def test_what_the_store_refuses_of_one_keeps_nobody_elses_from_being_erased(
    world: World, worker_db: Database
) -> None:
    town, tenants, erasure_ids = await several_moved_out(world, 3)
    store = Away(world.resources.objects, refused={photo_prefix(tenants[1].person_id)})
    saga = Saga(worker_db, world.resources.keys, store, world.clock)
    assert await saga.resume_all(erasure_ids) == {erasure_ids[0], erasure_ids[2]}
    refused = await read(town, str(erasure_ids[1]))
    assert done(refused) == ["grants", "credentials"]
    left = await left_of(world.resources, tenants[1].person_id, [town.community_id])
    assert (left.objects, left.key) == (3, True)
    store.refused = ()
    assert await saga.resume_all(erasure_ids) == set(erasure_ids)
    assert await left_of(world.resources, tenants[1].person_id, [town.community_id]) == NOTHING


async def test_one_who_joins_again_at_this_moment_keeps_nobody_else_from_being_forgotten(
    world: World, saga: Saga, worker_db: Database
) -> None:
    _, tenants, erasure_ids = await several_moved_out(world, 3)
    joins, *others = tenants

    # A row that refers to him and that no role of his tells of, as while he is joining.
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        await conn.execute(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'somebody needs him' USING ERRCODE = 'foreign_key_violation';
            END
            $$
            """
        )
        await conn.execute(
            f"""
            CREATE TRIGGER refuse BEFORE DELETE ON person
            FOR EACH ROW WHEN (OLD.person_id = '{joins.person_id}') EXECUTE FUNCTION refuse()
            """
        )
        assert await saga.resume_all(erasure_ids) == set(erasure_ids[1:])
        await conn.execute("DROP TRIGGER refuse ON person")
    finally:
        await conn.close()
    async with worker_db.transaction(Scope(platform=True)) as platform:
        for tenant in others:
            assert await people.get_person(platform, person_id=tenant.person_id) is None
        assert await people.get_person(platform, person_id=joins.person_id) is not None
    assert await saga.resume(erasure_ids[0])


async def test_a_store_that_is_away_delays_and_is_never_skipped(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    (begun,) = (await end_tenancy(town, tenant.tenancy_id))["erasures"]
    store = Away(world.resources.objects)
    saga = Saga(worker_db, world.resources.keys, store, world.clock)
    for attempt in range(3):
        assert not await saga.resume(UUID(begun["erasure_id"]))
        erasure = await read(town, begun["erasure_id"])
        assert done(erasure) == ["grants", "credentials"], attempt
        assert erasure["state"] == "running"
    left = await left_of(world.resources, tenant.person_id, [town.community_id])
    assert (left.objects, left.key) == (3, True)
    # It waits longer each time, and the sweeper comes back to it.
    async with worker_db.transaction(Scope(platform=True)) as conn:
        assert await list_due(conn, at=world.clock(), limit=10) == []
        (due,) = await list_due(conn, at=world.clock() + timedelta(seconds=4), limit=10)
    assert (due.attempts, due.last_error) == (3, "StorageUnavailable")
    store.away = False
    assert await saga.resume(UUID(begun["erasure_id"]))
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING


async def test_a_key_store_that_is_away_delays_too(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    (begun,) = (await end_tenancy(town, tenant.tenancy_id))["erasures"]
    closed = Database(world.urls.keys)
    away = Saga(worker_db, Keys(closed, _NoWrapper()), world.resources.objects, world.clock)
    assert not await away.resume(UUID(begun["erasure_id"]))
    assert done(await read(town, begun["erasure_id"])) == ["grants", "credentials", "templates", "photos"]
    held = await tenant.actor.put("/resident/v1/consents/face_access", json={"version": 1})
    assert held.status_code == 409
    present = Saga(worker_db, world.resources.keys, world.resources.objects, world.clock)
    assert await present.resume(UUID(begun["erasure_id"]))
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING


class _NoWrapper:
    async def wrap(self, key: bytes, *, context: str) -> bytes:
        raise NotImplementedError

    async def unwrap(self, wrapped: bytes, *, context: str) -> bytes:
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing is open."""


async def test_a_revoked_gate_is_not_waited_for(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    gate_id = await install_gate(town)
    (begun,) = (await end_tenancy(town, tenant.tenancy_id))["erasures"]
    assert not await saga.resume(UUID(begun["erasure_id"]))
    revoked = await town.office.post(f"{town.staff_path}/gates/{gate_id}/revoke", json={"reason": "stolen"})
    assert revoked.is_success, revoked.text
    assert await saga.resume(UUID(begun["erasure_id"]))


async def test_a_receipt_for_an_older_roster_is_not_enough(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    gate_id = await install_gate(town)
    await acknowledge(town, gate_id)
    (begun,) = (await end_tenancy(town, tenant.tenancy_id))["erasures"]
    assert not await saga.resume(UUID(begun["erasure_id"]))
    await acknowledge(town, gate_id)
    assert await saga.resume(UUID(begun["erasure_id"]))

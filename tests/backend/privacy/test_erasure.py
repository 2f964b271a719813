"""Rights that end, and what is erased with them: at once, step by step, and no more than may go."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from backend.access import service as access
from backend.enrolment.sealing import photo_prefix
from backend.keys.service import Keys
from backend.kit.auth import StaffRole
from backend.kit.db import Database, Scope
from backend.kit.storage import ObjectStore, StorageUnavailable
from backend.people import repository as people
from backend.privacy import jobs, service
from backend.privacy.repository import list_due
from backend.privacy.saga import Saga
from gate_sdk.wire import GrantKind
from tests.backend.couriers.company import admit
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.privacy.faces import ALL, NOTHING, Left, acknowledge, attach, give_face, install_gate, left_of
from tests.backend.visitors.test_passes import invite
from tests.backend.world import Actor, World


@pytest.fixture
def saga(world: World, worker_db: Database) -> Saga:
    return Saga(worker_db, world.resources.keys, world.resources.objects, world.clock)


async def end_tenancy(town: Town, tenancy_id: UUID, **body: object) -> dict[str, list[dict[str, str]]]:
    answer = await town.office.post(f"{town.staff_path}/tenancies/{tenancy_id}/end", json=body)
    assert answer.status_code == 201, answer.text
    ended: dict[str, list[dict[str, str]]] = answer.json()
    return ended


async def read(town: Town, erasure_id: str) -> dict[str, Any]:
    answer = await town.office.get(f"{town.staff_path}/erasures/{erasure_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def done(erasure: dict[str, Any]) -> list[str]:
    return [step["name"] for step in erasure["steps"] if step["done_at"] is not None]


async def grants(town: Town, subject_id: UUID) -> frozenset[GrantKind]:
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        return await access.kinds(conn, community_id=town.community_id, subject_id=subject_id)


async def roster(town: Town, subject_id: UUID) -> bool:
    """Whether gates still hear of the subject."""
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        found: bool = await conn.fetchval(
            "SELECT EXISTS (SELECT FROM roster WHERE community_id = $1 AND subject_id = $2 AND body IS NOT NULL)",
            town.community_id,
            subject_id,
        )
    return found


async def test_moving_out_ends_grants_at_once_and_erases_everything(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    subject_id = await give_face(town, tenant)
    gate_id = await install_gate(town)
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == ALL
    assert await roster(town, subject_id)

    ended = await end_tenancy(town, tenant.tenancy_id)
    # Before any job has run.
    assert await grants(town, subject_id) == frozenset()
    assert not await roster(town, subject_id)
    (begun,) = ended["erasures"]
    assert begun["extent"] == "everything"
    assert done(await read(town, begun["erasure_id"])) == ["grants"]

    assert not await saga.resume(UUID(begun["erasure_id"]))
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING
    waiting = await read(town, begun["erasure_id"])
    assert done(waiting) == ["grants", "credentials", "templates", "photos", "key", "person"]
    assert (waiting["state"], waiting["completed_at"]) == ("waiting_for_gates", None)
    assert waiting["backups_unreadable_by"] is not None
    (place,) = waiting["places"]
    assert [(g["name"], g["acknowledged_at"]) for g in place["gates"]] == [("North gate", None)]

    world.clock.advance(seconds=3)
    await acknowledge(town, gate_id)
    assert await saga.resume(UUID(begun["erasure_id"]))
    complete = await read(town, begun["erasure_id"])
    assert complete["state"] == "completed"
    (place,) = complete["places"]
    (gate,) = place["gates"]
    assert gate["gate_id"] == str(gate_id)
    assert gate["acknowledged_at"] == place["acknowledged_at"] is not None
    # Repeating a finished erasure is harmless.
    assert await saga.resume(UUID(begun["erasure_id"]))


async def test_the_whole_household_goes_with_its_tenancy(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    relative = await town.family(tenant)
    for one in (tenant, relative):
        await give_face(town, one)
    ended = await end_tenancy(town, tenant.tenancy_id)
    assert len(ended["erasures"]) == 2
    for begun in ended["erasures"]:
        assert await saga.resume(UUID(begun["erasure_id"]))
    for one in (tenant, relative):
        assert await left_of(world.resources, one.person_id, [town.community_id]) == NOTHING
    again = await town.office.post(f"{town.staff_path}/tenancies/{tenant.tenancy_id}/end", json={})
    assert (again.status_code, again.json()["code"]) == (409, "tenancy-ended")


async def test_somebody_with_a_home_elsewhere_loses_only_what_the_one_community_had(world: World, saga: Saga) -> None:
    one = await build_town(world)
    other = await build_town(world, office=one.office, name="Other Court")
    tenant = await one.tenant()
    await give_face(one, tenant)
    created = await other.tenancy(await other.home(), tenant.actor.phone)
    joined = await tenant.actor.post("/resident/v1/join", json={"activation_code": created["activation_code"]})
    assert joined.status_code == 201
    await attach(other, tenant)

    ended = await end_tenancy(one, tenant.tenancy_id)
    (begun,) = ended["erasures"]
    assert begun["extent"] == "community"
    assert await saga.resume(UUID(begun["erasure_id"]))
    erasure = await read(one, begun["erasure_id"])
    assert erasure["kept"] == ["template", "photos", "key"]
    assert done(erasure) == ["grants", "credentials", "person", "gates"]
    left = await left_of(world.resources, tenant.person_id, [one.community_id])
    assert (left.credentials, left.gallery) == (0, 0)
    assert await left_of(world.resources, tenant.person_id, [other.community_id]) == ALL
    # The other community does not learn of it, and its end erases the rest.
    assert (await other.office.get(f"{other.staff_path}/erasures")).json()["erasures"] == []
    ended = await end_tenancy(other, UUID(created["tenancy_id"]))
    (begun,) = ended["erasures"]
    assert begun["extent"] == "everything"
    assert await saga.resume(UUID(begun["erasure_id"]))
    communities = [one.community_id, other.community_id]
    assert await left_of(world.resources, tenant.person_id, communities) == NOTHING


async def test_two_homes_that_end_at_the_same_moment_do_not_each_leave_it_to_the_other(
    world: World, saga: Saga
) -> None:
    one = await build_town(world)
    other = await build_town(world, office=one.office, name="Other Court")
    tenant = await one.tenant()
    await give_face(one, tenant)
    created = await other.tenancy(await other.home(), tenant.actor.phone)
    await tenant.actor.post("/resident/v1/join", json={"activation_code": created["activation_code"]})
    first, second = await asyncio.gather(
        end_tenancy(one, tenant.tenancy_id), end_tenancy(other, UUID(created["tenancy_id"]))
    )
    begun = [*first["erasures"], *second["erasures"]]
    assert sorted(erasure["extent"] for erasure in begun) == ["community", "everything"]
    for erasure in begun:
        assert await saga.resume(UUID(erasure["erasure_id"]))
    communities = [one.community_id, other.community_id]
    assert await left_of(world.resources, tenant.person_id, communities) == NOTHING


async def test_a_second_home_in_the_same_community_keeps_everything(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant("1-101")
    await give_face(town, tenant)
    created = await town.tenancy(await town.home("1-102"), tenant.actor.phone)
    await tenant.actor.post("/resident/v1/join", json={"activation_code": created["activation_code"]})
    ended = await end_tenancy(town, tenant.tenancy_id)
    assert ended["erasures"] == []
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == ALL


async def test_withdrawing_consent_erases_the_face_and_leaves_the_right_to_enter(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    subject_id = await give_face(town, tenant)
    answer = await tenant.actor.post("/resident/v1/consents/face_access/withdraw")
    assert answer.status_code == 201, answer.text
    (begun,) = answer.json()["erasures"]
    consents = (await tenant.actor.get("/resident/v1/consents")).json()["consents"]
    assert all(consent["withdrawn_at"] for consent in consents)
    held = await tenant.actor.put("/resident/v1/consents/face_access", json={"version": 1})
    assert (held.status_code, held.json()["code"]) == (409, "erasure-running")

    assert await saga.resume(UUID(begun["erasure_id"]))
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING
    assert await grants(town, subject_id) == {GrantKind.RESIDENT}
    assert await roster(town, subject_id)
    (own,) = (await tenant.actor.get("/resident/v1/erasures")).json()["erasures"]
    assert (own["state"], own["reason"]) == ("completed", "consent_withdrawn")
    assert [step["name"] for step in own["steps"]] == ["credentials", "templates", "photos", "key", "gates"]

    # He may think again: with a new consent comes a new key.
    await give_face(town, tenant)
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == ALL
    assert await saga.resume(UUID(begun["erasure_id"]))
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == ALL


async def test_withdrawing_what_was_not_given_begins_nothing(world: World) -> None:
    resident = await world.resident()
    answer = await resident.post("/resident/v1/consents/face_access/withdraw")
    assert answer.json() == {"withdrawn": False, "erasures": [], "certificate_link": None}
    assert (await resident.post("/resident/v1/consents/advertising/withdraw")).status_code == 400
    assert (await world.api.post("/resident/v1/consents/face_access/withdraw")).status_code == 401
    assert (await world.api.get("/resident/v1/erasures")).status_code == 401


async def test_withdrawing_consent_to_photographs_leaves_the_face(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    world.clock.advance(minutes=9)
    tenant = Resident(
        await world.resident(tenant.actor.phone), tenant.person_id, tenant.member_id, tenant.tenancy_id, tenant.home_id
    )
    world.clock.advance(minutes=5)
    answer = await tenant.actor.post("/resident/v1/consents/photo_retention/withdraw")
    (begun,) = answer.json()["erasures"]
    assert begun["extent"] == "photos"
    assert await saga.resume(UUID(begun["erasure_id"]))
    left = await left_of(world.resources, tenant.person_id, [town.community_id])
    assert (left.photos, left.objects) == (0, 0)
    assert (left.templates, left.credentials, left.gallery, left.key) == (1, 1, 1, True)


class _Away:
    """A store that removes things only when it is told to, before the one that it stands for.

    ``refused`` are prefixes below which it keeps something all the same.
    """

    def __init__(self, store: ObjectStore, *, refused: Collection[str] = ()) -> None:
        self._store = store
        self.away = not refused
        self.refused = refused

    async def put(self, key: str, data: bytes) -> None:
        await self._store.put(key, data)

    async def get(self, key: str) -> bytes:
        return await self._store.get(key)

    async def exists(self, key: str) -> bool:
        return await self._store.exists(key)

    async def delete(self, key: str) -> None:
        if self.away:
            raise StorageUnavailable
        await self._store.delete(key)

    async def delete_under(self, prefixes: Sequence[str]) -> dict[str, int]:
        if self.away:
            raise StorageUnavailable
        return await self._store.delete_under([prefix for prefix in prefixes if prefix not in self.refused])

    async def list(self, prefix: str) -> AsyncIterator[str]:
        async for key in self._store.list(prefix):
            yield key


async def several_moved_out(world: World, count: int) -> tuple[Town, list[Resident], list[UUID]]:
    """So many tenants of one community whose tenancies have ended together."""
    town = await build_town(world)
    tenants = [await town.tenant(f"1-{number}") for number in range(count)]
    for tenant in tenants:
        await give_face(town, tenant)
    begun = [(await end_tenancy(town, tenant.tenancy_id))["erasures"][0] for tenant in tenants]
    return town, tenants, [UUID(one["erasure_id"]) for one in begun]


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
    store = _Away(world.resources.objects, refused={photo_prefix(tenants[1].person_id)})
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
    store = _Away(world.resources.objects)
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


async def test_a_tenancy_that_is_to_end_later_ends_then(world: World, worker_db: Database, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    subject_id = await give_face(town, tenant)
    at = world.clock() + timedelta(days=30)
    ended = await end_tenancy(town, tenant.tenancy_id, at=at.isoformat())
    assert ended["erasures"] == []
    assert await jobs.end_due_tenancies(worker_db, now=world.clock()) == 0
    world.clock.now = at
    assert await jobs.end_due_tenancies(worker_db, now=world.clock()) == 1
    assert await jobs.end_due_tenancies(worker_db, now=world.clock()) == 0
    assert await grants(town, subject_id) == frozenset()
    async with worker_db.transaction(Scope(platform=True)) as conn:
        (due,) = await list_due(conn, at=world.clock(), limit=10)
    assert await saga.resume(due.erasure_id)
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING


async def test_an_end_in_the_past_is_refused(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    past = (world.clock() - timedelta(days=1)).isoformat()
    path = f"{town.staff_path}/tenancies/{tenant.tenancy_id}/end"
    answer = await town.office.post(path, json={"at": past})
    assert (answer.status_code, answer.json()["code"]) == (422, "period-invalid")
    assert (await town.office.post(path, json={"at": "tomorrow"})).status_code == 400


async def test_a_face_that_nobody_needs_goes_after_the_grace_that_was_promised(
    world: World, worker_db: Database, saga: Saga
) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    subject_id = await give_face(town, tenant)
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await access.end_subject(conn, community_id=town.community_id, subject_id=subject_id, now=world.clock())
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
        await access.end_subject(conn, community_id=town.community_id, subject_id=subject_id, now=now)
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
        await access.end_subject(conn, community_id=town.community_id, subject_id=subject_id, now=now)
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


async def test_the_households_guests_and_deliveries_end_with_its_tenancy(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    now = world.clock()
    path = f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/passes"
    window = {"valid_from": now.isoformat(), "valid_until": (now + timedelta(hours=3)).isoformat()}
    invited = await tenant.actor.post(path, json={"guest_name": "Guest", "kind": "guest", **window})
    assert invited.status_code == 201, invited.text
    await end_tenancy(town, tenant.tenancy_id)
    session = await world.api.post("/visitor/v1/session", json={"token": invited.json()["link_token"]})
    if session.is_success:
        headers = {"Authorization": f"Bearer {session.json()['access_token']}"}
        accepted = await world.api.post("/visitor/v1/invitation/accept", headers=headers)
        assert accepted.status_code in (409, 410), accepted.text
    assert (await tenant.actor.get(path)).status_code == 404


async def test_who_leaves_a_household_leaves_no_guest_of_his_behind(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    relative = await town.family(tenant)
    company = await admit(town)
    tokens = []
    for number, host in enumerate((tenant, relative)):
        tokens.append((await invite(town, host))["link_token"])
        assert (await company.expected_by(host, f"order-{number}")).status_code == 201
    await town.office.post(f"{town.staff_path}/members/{relative.member_id}/end")
    home = f"/resident/v1/homes/{town.community_id}/{tenant.home_id}"
    passes = (await tenant.actor.get(f"{home}/passes")).json()["passes"]
    assert sorted(one["state"] for one in passes) == ["cancelled", "pending"]
    deliveries = (await tenant.actor.get(f"{home}/deliveries")).json()["deliveries"]
    assert [one["order_ref"] for one in deliveries] == ["order-0"]
    opened = [(await world.api.post("/visitor/v1/session", json={"token": token})).status_code for token in tokens]
    assert opened == [201, 410]


async def test_the_tenant_removes_a_member_and_a_member_leaves(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    first, second = await town.family(tenant), await town.family(tenant, relation="child")
    base = f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/members"
    for actor, member in ((tenant.actor, first), (second.actor, second)):
        answer = await actor.post(f"{base}/{member.member_id}/end")
        assert answer.status_code == 201, answer.text
        (begun,) = answer.json()["erasures"]
        assert await saga.resume(UUID(begun["erasure_id"]))
    members = (await tenant.actor.get(base)).json()["members"]
    assert [member["relation"] for member in members] == ["tenant"]


@pytest.mark.parametrize(
    "who,whom,status,code",
    [
        ("tenant", "tenant", 409, "tenant-cannot-leave"),
        ("relative", "tenant", 403, "tenant-only"),
        ("relative", "other", 403, "tenant-only"),
        ("neighbour", "relative", 404, "home-not-found"),
        ("tenant", "neighbour", 404, "member-not-found"),
    ],
)
async def test_who_may_not_remove_whom(world: World, who: str, whom: str, status: int, code: str) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    people = {
        "tenant": tenant,
        "relative": await town.family(tenant),
        "other": await town.family(tenant, relation="child"),
        "neighbour": await town.tenant("1-102"),
    }
    answer = await people[who].actor.post(
        f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/members/{people[whom].member_id}/end"
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_staff_take_a_member_off_the_register(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    relative = await town.family(tenant)
    path = f"{town.staff_path}/members/{relative.member_id}/end"
    desk = await world.staff(town.office, StaffRole.FRONT_DESK, community_id=town.community_id)
    assert (await desk.post(path)).status_code == 403
    assert len((await town.office.post(path)).json()["erasures"]) == 1
    assert (await town.office.post(path)).json()["erasures"] == []
    assert (await town.office.post(f"{town.staff_path}/members/{uuid4()}/end")).status_code == 404


async def test_nobody_sees_or_ends_anothers(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    (begun,) = (await end_tenancy(town, tenant.tenancy_id))["erasures"]
    stranger: Actor = await world.administrator("Another Authority")
    other = await build_town(world, office=stranger, name="Their Court")
    path = f"{town.staff_path}/erasures"
    assert (await stranger.get(path)).status_code == 404
    assert (await stranger.get(f"{path}/{begun['erasure_id']}")).status_code == 404
    assert (await stranger.get(f"{other.staff_path}/erasures/{begun['erasure_id']}")).status_code == 404
    assert (await stranger.post(f"{other.staff_path}/tenancies/{tenant.tenancy_id}/end", json={})).status_code == 404
    assert (await (await world.resident()).get("/resident/v1/erasures")).json() == {"erasures": []}
    page = (await town.office.get(path)).json()
    assert [erasure["erasure_id"] for erasure in page["erasures"]] == [begun["erasure_id"]]
    own = (await tenant.actor.get("/resident/v1/erasures")).json()["erasures"]
    assert [erasure["erasure_id"] for erasure in own] == [begun["erasure_id"]]


async def test_the_api_asks_for_jobs_and_can_neither_read_them_nor_say_that_something_is_done(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await end_tenancy(town, tenant.tenancy_id)
    conn = await asyncpg.connect(world.urls.api)
    try:
        await conn.execute(f"SET doorward.person = '{tenant.person_id}'; SET doorward.platform = 'on'")
        for statement in (
            "SELECT payload FROM jobs.pgqueuer",
            "DELETE FROM jobs.pgqueuer",
            "INSERT INTO jobs.pgqueuer (priority, status, entrypoint) VALUES (0, 'queued', 'x')",
            "UPDATE erasure_step SET done_at = now()",
            "UPDATE erasure SET completed_at = now()",
            "DELETE FROM erasure",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.execute(statement)
    finally:
        await conn.close()


async def test_an_erasure_and_its_job_stand_or_fall_with_the_end_of_the_tenancy(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()

    class Interrupted(Exception):
        pass

    async def interrupted() -> None:
        async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
            await service.end_tenancy(
                conn, community_id=town.community_id, tenancy_id=tenant.tenancy_id, now=world.clock()
            )
            raise Interrupted

    with pytest.raises(Interrupted):
        await interrupted()
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        for table in ("erasure", "erasure_step", "erasure_place", "jobs.pgqueuer", "consent_hold"):
            assert await conn.fetchval(f"SELECT count(*) FROM {table}") == 0
        assert await conn.fetchval("SELECT count(*) FROM access_grant WHERE state <> 'ended'") == 1
    finally:
        await conn.close()

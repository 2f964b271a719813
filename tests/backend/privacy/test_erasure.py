"""Rights that end, and what is erased with them: at once, step by step, and no more than may go."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from backend.kit.db import Scope
from backend.privacy import service
from backend.privacy.saga import Saga
from gate_sdk.wire import GrantKind
from tests.backend.households.town import Resident, build_town
from tests.backend.privacy.ending import done, end_tenancy, grants, read, roster
from tests.backend.privacy.faces import ALL, NOTHING, acknowledge, attach, give_face, install_gate, left_of
from tests.backend.world import World


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

"""Accounts and people: deleted when nothing needs them, and written to before they are gone."""

from uuid import UUID

import pytest

from backend.kit.db import Database
from backend.kit.messages import MessagesUnavailable
from backend.privacy import jobs
from backend.privacy.forgetting.service import forget_pass_names
from backend.privacy.saga import Saga
from backend.worker import tick
from tests.backend.couriers.company import open_link
from tests.backend.households.town import build_town
from tests.backend.privacy.faces import NOTHING, give_face, left_of
from tests.backend.privacy.papers import is_there, make_saga, move_out, own, query, remains
from tests.backend.visitors.test_passes import invite
from tests.backend.world import World


@pytest.fixture
def saga(world: World, worker_db: Database) -> Saga:
    """Writes to people, too."""
    return make_saga(world, worker_db)


async def test_deleting_the_account_takes_all_that_nothing_else_needs(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    relative = await town.family(tenant)
    await give_face(town, relative)
    answer = await relative.actor.delete("/resident/v1/me")
    assert answer.status_code == 202, answer.text
    assert answer.json()["certificate_link"].partition("#")[2]
    renewed = await world.api.post("/resident/v1/token", json={"refresh_token": relative.actor.refresh_token})
    assert renewed.status_code == 401
    assert await saga.resume(UUID(answer.json()["erasure_id"]))
    assert await left_of(world.resources, relative.person_id, [town.community_id]) == NOTHING
    assert not await is_there(world, relative.person_id)
    members = await tenant.actor.get(f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/members")
    assert [member["relation"] for member in members.json()["members"]] == ["tenant"]
    assert (await own(relative, UUID(answer.json()["erasure_id"])))["kept_roles"] == []


async def test_a_tenant_who_deletes_his_account_stays_on_the_register_only(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    erasure_id = UUID((await tenant.actor.delete("/resident/v1/me")).json()["erasure_id"])
    assert await saga.resume(erasure_id)
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING
    assert await query(world, "SELECT count(*) FROM account WHERE phone = $1", tenant.actor.phone) == 0
    assert await query(world, "SELECT name FROM member WHERE member_id = $1", tenant.member_id) == "Tenant"
    personal = await own(tenant, erasure_id)
    assert personal["kept_roles"] == ["resident"]
    assert "role_resident" in remains(personal)
    # The end of the tenancy takes the rest.
    assert await saga.resume(await move_out(town, tenant))
    assert not await is_there(world, tenant.person_id)


async def test_an_account_is_deleted_only_just_after_logging_in(world: World) -> None:
    resident = await world.resident()
    world.clock.advance(minutes=4)
    renewed = (await world.api.post("/resident/v1/token", json={"refresh_token": resident.refresh_token})).json()
    world.clock.advance(minutes=2)
    stale = await world.api.delete("/resident/v1/me", headers={"Authorization": f"Bearer {renewed['access_token']}"})
    assert (stale.status_code, stale.json()["code"]) == (403, "fresh-log-in-needed")
    fresh = await world.resident(resident.phone)
    assert (await fresh.delete("/resident/v1/me")).status_code == 202
    assert (await fresh.delete("/resident/v1/me")).status_code == 403
    assert (await world.api.delete("/resident/v1/me")).status_code == 401


async def test_a_guest_without_a_face_is_gone_a_day_after_his_visit(
    world: World, worker_db: Database, saga: Saga
) -> None:
    town = await build_town(world)
    host = await town.tenant()
    token = (await invite(town, host))["link_token"]
    guest = await open_link(world.api, token)
    assert (await guest.accept()).status_code == 200
    await invite(town, host)
    world.clock.advance(hours=23)
    await tick(worker_db, world.clock)
    assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 0
    assert await forget_pass_names(worker_db, now=world.clock()) == 0
    world.clock.advance(days=2)
    assert await forget_pass_names(worker_db, now=world.clock()) == 2
    assert await query(world, "SELECT count(*) FROM guest_pass WHERE guest_name <> '—'") == 0
    assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 1
    assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 0
    erasure_id = await query(world, "SELECT erasure_id FROM erasure")
    assert await saga.resume(erasure_id)
    assert await query(world, "SELECT count(*) FROM visitor_link WHERE person_id IS NOT NULL") == 0
    assert await query(world, "SELECT array_agg(person_id) FROM person") == [host.person_id]
    assert await is_there(world, host.person_id)


async def test_whoever_joins_again_meanwhile_is_not_forgotten(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    erasure_id = await move_out(town, tenant)
    created = await town.tenancy(await town.home("2-201"), tenant.actor.phone)
    joined = await tenant.actor.post("/resident/v1/join", json={"activation_code": created["activation_code"]})
    assert joined.status_code == 201, joined.text
    assert await saga.resume(erasure_id)
    assert (await tenant.actor.get("/resident/v1/me")).status_code == 200
    assert (await own(tenant, erasure_id))["kept_roles"] == ["resident"]
    # And he may agree anew.
    given = await tenant.actor.put("/resident/v1/consents/face_access", json={"version": 1})
    assert given.status_code == 200, given.text


class _Mute:
    async def send(self, **_: object) -> None:
        raise MessagesUnavailable


async def test_a_carrier_that_is_away_delays_for_an_hour_and_no_longer(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    erasure_id = await move_out(town, tenant)
    resources = world.resources
    saga = Saga(worker_db, resources.keys, resources.objects, world.clock, sender=_Mute())
    assert not await saga.resume(erasure_id)
    assert await is_there(world, tenant.person_id)
    world.clock.advance(minutes=61)
    assert await saga.resume(erasure_id)
    assert not await is_there(world, tenant.person_id)

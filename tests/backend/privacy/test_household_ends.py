"""Who may end whose membership of a household, when, and who else goes with it."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from backend.kit.auth import StaffRole
from backend.kit.db import Database, Scope
from backend.privacy import jobs
from backend.privacy.repository import list_due
from backend.privacy.saga import Saga
from tests.backend.couriers.company import admit
from tests.backend.households.town import build_town
from tests.backend.privacy.ending import end_tenancy, grants
from tests.backend.privacy.faces import NOTHING, give_face, left_of
from tests.backend.visitors.test_passes import invite
from tests.backend.world import Actor, World


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

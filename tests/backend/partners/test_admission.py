"""Which companies an authority admits where, and who may see and do it."""

from uuid import uuid4

from backend.kit.auth import StaffRole
from tests.backend.couriers.company import admit
from tests.backend.households.town import build_town
from tests.backend.world import World


async def test_a_company_sees_its_communities_and_residents_see_it(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    company = await admit(town)
    (mine,) = (await company.actor.get("/partner/v1/communities")).json()["communities"]
    assert (mine["community_id"], mine["suspended"]) == (str(town.community_id), False)
    seen = await tenant.actor.get("/resident/v1/partners", params={"community_id": str(town.community_id)})
    assert [p["partner_id"] for p in seen.json()["partners"]] == [str(company.partner_id)]
    listed = await town.office.get(f"{town.staff_path}/partners")
    assert [p["name"] for p in listed.json()["partners"]] == ["Parcels"]


async def test_another_authority_neither_sees_nor_admits_it(world: World) -> None:
    town = await build_town(world)
    company = await admit(town)
    stranger = await world.administrator("Other Authority")
    assert (await stranger.get("/staff/v1/partners")).json()["partners"] == []
    path = f"/staff/v1/partners/{company.partner_id}"
    for answer in (
        await stranger.get(path),
        await stranger.post(f"{path}/secrets"),
        await stranger.put(f"{path}/communities/{town.community_id}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "partner-not-found")
    grabbed = await stranger.post("/staff/v1/partners", json={"name": "Grab", "communities": [str(town.community_id)]})
    assert (grabbed.status_code, grabbed.json()["code"]) == (404, "community-not-found")
    assert (await stranger.get("/staff/v1/partners")).json()["partners"] == []


async def test_a_resident_of_elsewhere_learns_nothing(world: World) -> None:
    town = await build_town(world)
    await admit(town)
    stranger = await world.resident()
    for community in (town.community_id, uuid4()):
        answer = await stranger.get("/resident/v1/partners", params={"community_id": str(community)})
        assert (answer.status_code, answer.json()["code"]) == (404, "community-not-found")


async def test_only_administrators_admit_companies(world: World) -> None:
    town = await build_town(world)
    manager = await world.staff(town.office, StaffRole.COMMUNITY_MANAGER, community_id=town.community_id)
    answer = await manager.post("/staff/v1/partners", json={"name": "P", "communities": [str(town.community_id)]})
    assert answer.status_code == 403
    assert (await manager.get(f"{town.staff_path}/partners")).status_code == 200


async def test_a_further_community_is_admitted_once(world: World) -> None:
    town = await build_town(world)
    second = await world.community(town.office, name="Second")
    company = await admit(town)
    path = f"/staff/v1/partners/{company.partner_id}/communities/{second}"
    assert (await town.office.put(path)).status_code == 204
    assert (await town.office.put(path)).status_code == 204
    assert len((await company.actor.get("/partner/v1/communities")).json()["communities"]) == 2

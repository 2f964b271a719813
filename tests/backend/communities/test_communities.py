from uuid import uuid4

import pytest

from backend.kit.auth import StaffRole
from tests.backend.world import World


async def test_an_administrator_creates_changes_and_lists_communities(world: World) -> None:
    admin = await world.administrator()
    community = await world.community(admin, name="Garden Court")
    changed = await admin.patch(
        f"/staff/v1/communities/{community}", json={"visiting_lease_s": 900, "standing_lease_s": 7200}
    )
    assert changed.status_code == 200
    assert (changed.json()["visiting_lease_s"], changed.json()["standing_lease_s"]) == (900, 7200)
    listed = (await admin.get("/staff/v1/communities")).json()["communities"]
    assert [(c["name"], c["visiting_lease_s"]) for c in listed] == [("Garden Court", 900)]


async def test_who_processes_a_communitys_data_stands_beside_the_texts_that_people_agree_to(world: World) -> None:
    admin = await world.administrator()
    community, other = await world.community(admin), await world.community(admin)
    who = "Garden Housing Ltd, 1 Garden Road, 010 0000 0000"
    named = await admin.patch(f"/staff/v1/communities/{community}", json={"handler": who})
    assert (named.status_code, named.json()["handler"]) == (200, who)
    kept = await admin.patch(f"/staff/v1/communities/{community}", json={"visiting_lease_s": 900})
    assert kept.json()["handler"] == who
    for surface in ("resident", "visitor"):
        path = f"/{surface}/v1/consents/documents"
        told = {
            place: (await world.api.get(path, params={"community_id": str(place)})).json()["handler"]
            for place in (community, other, uuid4())
        }
        assert [told.pop(community), *told.values()] == [who, None, None]
        assert (await world.api.get(path)).json()["handler"] is None
    for wrong in ("", "x" * 301, 5):
        answer = await admin.patch(f"/staff/v1/communities/{community}", json={"handler": wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")


async def test_a_manager_sees_his_communities_only(world: World) -> None:
    admin = await world.administrator()
    mine, other = await world.community(admin, name="Mine"), await world.community(admin, name="Other")
    manager = await world.staff(admin, StaffRole.COMMUNITY_MANAGER, community_id=mine)
    assert [c["name"] for c in (await manager.get("/staff/v1/communities")).json()["communities"]] == ["Mine"]
    assert (await manager.get(f"/staff/v1/communities/{mine}")).status_code == 200
    assert (await manager.get(f"/staff/v1/communities/{other}")).status_code == 404
    assert (await manager.patch(f"/staff/v1/communities/{other}", json={"name": "x"})).status_code == 404


async def test_another_authoritys_community_does_not_exist(world: World) -> None:
    community = await world.community(await world.administrator("One"))
    stranger = await world.administrator("Two")
    answer = await stranger.get(f"/staff/v1/communities/{community}")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert (await stranger.get("/staff/v1/communities")).json()["communities"] == []


async def test_a_manager_creates_no_community(world: World) -> None:
    admin = await world.administrator()
    manager = await world.staff(admin, StaffRole.COMMUNITY_MANAGER, community_id=await world.community(admin))
    answer = await manager.post("/staff/v1/communities", json={"name": "New"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x" * 201},
        {"name": "x", "capture_policy": "none"},
        {"name": "x", "nickname": "y"},
        {"name": 5},
        [],
    ],
)
async def test_a_malformed_community_is_refused_and_nothing_is_made(world: World, body: object) -> None:
    admin = await world.administrator()
    answer = await admin.post("/staff/v1/communities", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")
    assert (await admin.get("/staff/v1/communities")).json()["communities"] == []


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "Asia"])
async def test_an_unknown_time_zone_is_refused(world: World, zone: str) -> None:
    admin = await world.administrator()
    answer = await admin.post("/staff/v1/communities", json={"name": "x", "time_zone": zone})
    assert answer.json()["code"] in {"time-zone-unknown", "invalid-input"}
    community = await world.community(admin)
    answer = await admin.patch(f"/staff/v1/communities/{community}", json={"time_zone": zone})
    assert answer.status_code in {400, 422}


async def test_an_unknown_community_is_404(world: World) -> None:
    admin = await world.administrator()
    assert (await admin.get(f"/staff/v1/communities/{uuid4()}")).status_code == 404
    assert (await admin.get("/staff/v1/communities/not-an-id")).status_code == 404

"""The register as the office keeps it."""

from datetime import timedelta
from uuid import uuid4

import pytest

from backend.kit.auth import StaffRole
from tests.backend.households.town import build_town
from tests.backend.world import World


async def test_a_list_of_homes_can_be_sent_again(world: World) -> None:
    town = await build_town(world)
    homes = [{"building": f"Building {b}", "label": f"{b}-{n}"} for b in (1, 2) for n in (101, 102)]
    first = await town.office.post(f"{town.staff_path}/homes/bulk", json={"homes": homes})
    assert first.status_code == 201
    assert [(h["building"], h["label"]) for h in first.json()["homes"]] == [
        ("Building 1", "1-101"), ("Building 1", "1-102"), ("Building 2", "2-101"), ("Building 2", "2-102"),
    ]  # fmt: skip
    again = await town.office.post(
        f"{town.staff_path}/homes/bulk",
        json={"homes": [*homes, homes[0], {"building": "Building 2", "label": "2-103"}]},
    )
    assert [h["label"] for h in again.json()["homes"]] == ["2-103"]
    assert again.json()["existing"] == 5
    buildings = (await town.office.get(f"{town.staff_path}/buildings")).json()["buildings"]
    assert [b["name"] for b in buildings] == ["Building 1", "Building 2"]


async def test_homes_come_in_pages_without_gaps(world: World) -> None:
    town = await build_town(world)
    labels = [f"1-{n:03}" for n in range(7)]
    await town.office.post(
        f"{town.staff_path}/homes/bulk", json={"homes": [{"building": "Building 1", "label": x} for x in labels]}
    )
    seen, cursor = [], None
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await town.office.get(f"{town.staff_path}/homes", params=params)).json()
        seen += [home["label"] for home in page["homes"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == labels
    other = await town.office.get(f"{town.staff_path}/homes", params={"building_id": str(uuid4())})
    assert other.json()["homes"] == []
    assert (await town.office.get(f"{town.staff_path}/homes", params={"cursor": "bm9wZQ"})).status_code == 400


async def test_names_are_unique_where_they_must_be(world: World) -> None:
    town = await build_town(world)
    again = await town.office.post(f"{town.staff_path}/buildings", json={"name": "Building 1"})
    assert (again.status_code, again.json()["code"]) == (409, "building-exists")
    await town.home("1-101")
    twice = await town.office.post(
        f"{town.staff_path}/homes", json={"building_id": str(town.building_id), "label": "1-101"}
    )
    assert (twice.status_code, twice.json()["code"]) == (409, "home-exists")
    nowhere = await town.office.post(f"{town.staff_path}/homes", json={"building_id": str(uuid4()), "label": "1-1"})
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "building-not-found")


async def test_a_home_has_one_tenancy_at_a_time(world: World) -> None:
    town = await build_town(world)
    home_id = await town.home()
    now = world.clock()
    await town.tenancy(home_id, world.new_phone(), ends_at=(now + timedelta(days=30)).isoformat())
    path = f"{town.staff_path}/homes/{home_id}/tenancies"
    body = {"tenant_name": "Next", "phone": world.new_phone(), "starts_at": (now + timedelta(days=29)).isoformat()}
    overlap = await town.office.post(path, json=body)
    assert (overlap.status_code, overlap.json()["code"]) == (409, "home-occupied")
    after = await town.office.post(path, json={**body, "starts_at": (now + timedelta(days=30)).isoformat()})
    assert after.status_code == 201


@pytest.mark.parametrize(
    "change,status,code",
    [
        ({"phone": "12"}, 400, "invalid-input"),
        ({"phone": "not a number"}, 422, "phone-invalid"),
        ({"tenant_name": ""}, 400, "invalid-input"),
        ({"tenant_name": "a\u0000b"}, 400, "invalid-input"),
        ({"tenant_name": "x" * 201}, 400, "invalid-input"),
        ({"starts_at": "2026-11-02T10:00:00"}, 400, "invalid-input"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, 422, "period-invalid"),
        ({"unknown": 1}, 400, "invalid-input"),
    ],
)
async def test_malformed_tenancies_are_refused(world: World, change: dict[str, object], status: int, code: str) -> None:
    town = await build_town(world)
    home_id = await town.home()
    body = {"tenant_name": "Tenant", "phone": world.new_phone(), "starts_at": world.clock().isoformat(), **change}
    answer = await town.office.post(f"{town.staff_path}/homes/{home_id}/tenancies", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    detail = (await town.office.get(f"{town.staff_path}/homes/{home_id}")).json()
    assert detail["tenancies"] == []


async def test_staff_see_only_the_end_of_a_number_and_never_a_code(world: World) -> None:
    town = await build_town(world)
    home_id = await town.home()
    phone = world.new_phone()
    created = await town.tenancy(home_id, phone)
    answer = await town.office.get(f"{town.staff_path}/homes/{home_id}")
    (tenancy,) = answer.json()["tenancies"]
    (member,) = tenancy["members"]
    assert (member["state"], member["relation"], member["phone_ends_in"]) == ("invited", "tenant", phone[-2:])
    assert phone not in answer.text
    assert created["activation_code"] not in answer.text


async def test_another_authoritys_register_is_not_found(world: World) -> None:
    town = await build_town(world)
    home_id = await town.home()
    stranger = await world.administrator("Another Authority")
    tenancy = {"tenant_name": "T", "phone": world.new_phone(), "starts_at": world.clock().isoformat()}
    answers = [
        await stranger.get(f"{town.staff_path}/homes"),
        await stranger.get(f"{town.staff_path}/homes/{home_id}"),
        await stranger.post(f"{town.staff_path}/buildings", json={"name": "Mine"}),
        await stranger.post(f"{town.staff_path}/homes/{home_id}/tenancies", json=tenancy),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4


async def test_a_home_of_another_community_of_ones_own_is_not_found_either(world: World) -> None:
    town = await build_town(world)
    other = await build_town(world, office=town.office, name="Other Court")
    home_id = await other.home()
    assert (await town.office.get(f"{town.staff_path}/homes/{home_id}")).status_code == 404
    tenancy = {"tenant_name": "T", "phone": world.new_phone(), "starts_at": world.clock().isoformat()}
    assert (await town.office.post(f"{town.staff_path}/homes/{home_id}/tenancies", json=tenancy)).status_code == 404


async def test_the_front_desk_reads_and_does_not_write(world: World) -> None:
    town = await build_town(world)
    desk = await world.staff(town.office, StaffRole.FRONT_DESK, community_id=town.community_id)
    assert (await desk.get(f"{town.staff_path}/homes")).status_code == 200
    assert (await desk.post(f"{town.staff_path}/buildings", json={"name": "New"})).status_code == 403


async def test_what_the_office_did_stands_in_the_trail(world: World) -> None:
    town = await build_town(world)
    await town.tenant()
    entries = (await town.office.get(f"{town.staff_path}/audit")).json()["entries"]
    assert {"building.create", "home.create", "tenancy.create", "member.join"} <= {e["action"] for e in entries}
    assert "Tenant" not in str(entries)

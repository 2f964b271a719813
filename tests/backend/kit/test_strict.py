"""Values of one kind where another is said."""

import json
from typing import Any

import pytest

from tests.backend.households.town import build_town
from tests.backend.world import World

POLICY: dict[str, Any] = {
    "open_passes": 5,
    "home_days": 300,
    "guest_days": 30,
    "phone_required": False,
    "grace_hours": 24,
}


@pytest.mark.parametrize(
    "field, bent", [("phone_required", 0), ("phone_required", "false"), ("open_passes", "5"), ("home_days", True)]
)
async def test_a_body_is_not_bent_into_what_it_should_be(world: World, field: str, bent: object) -> None:
    town = await build_town(world)
    path = f"{town.staff_path}/guest-policy"
    whatever_is = {"If-Match": "*"}
    assert (await town.office.put(path, json=POLICY, headers=whatever_is)).status_code == 200
    refused = await town.office.put(path, json={**POLICY, field: bent}, headers=whatever_is)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid-input")
    assert refused.json()["errors"][0]["field"] == field


@pytest.mark.parametrize("written, status", [("5.0", 200), ("5e0", 200), ("5.5", 400), ("1e300", 400), ("-1e300", 400)])
async def test_a_whole_number_is_one_however_it_is_written(world: World, written: str, status: int) -> None:
    town = await build_town(world)
    body = json.dumps({**POLICY, "open_passes": 0}).replace('"open_passes": 0', f'"open_passes": {written}')
    headers = {"If-Match": "*", "Content-Type": "application/json"}
    answer = await town.office.put(f"{town.staff_path}/guest-policy", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    if status == 200:
        assert answer.json()["open_passes"] == 5


async def test_a_number_is_no_time(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    path = f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/passes"
    answer = await tenant.actor.post(path, json={"guest_name": "A", "valid_from": 0.5, "valid_until": 86400})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")


async def test_a_number_is_no_time_in_a_query_either(world: World) -> None:
    town = await build_town(world)
    refused = await town.office.get(f"{town.staff_path}/entries?until=0.5")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "until")
    assert (await town.office.get(f"{town.staff_path}/entries?until=2026-11-02T00:00:00Z")).status_code == 200


async def test_a_query_is_still_read_out_of_text(world: World) -> None:
    office = await world.administrator()
    assert (await office.get("/staff/v1/communities?limit=7")).status_code == 200

"""Households that were entered by hand get the authority's numbers, and an import goes on with them."""

from datetime import timedelta
from typing import Any

from tests.backend.households.sheets import Office, sheet
from tests.backend.households.town import build_town
from tests.backend.world import World


async def test_an_import_adopts_what_was_entered_by_hand(office: Office) -> None:
    town = office.town
    tenant = await town.tenant()
    building = (await town.office.get(f"{town.staff_path}/buildings")).json()["buildings"][0]["name"]
    home = (await town.office.get(f"{town.staff_path}/homes/{tenant.home_id}")).json()
    begun = home["tenancies"][0]["starts_at"][:10]
    line = f"{building},,{home['home']['label']},T-1,P-1,{home['tenancies'][0]['members'][0]['name']},,承租人,{begun},"
    # Without numbers the file is about somebody else, who would live there too.
    refused = await office.imported(sheet(line))
    assert (refused["created"], refused["refused"]) == (0, 1)
    for what, number in ((f"tenancies/{tenant.tenancy_id}", "T-1"), (f"members/{tenant.member_id}", "P-1")):
        answer = await town.office.put(f"{town.staff_path}/{what}/register-number", json={"register_number": number})
        assert answer.status_code == 204, answer.text
    adopted = await office.imported(sheet(line))
    assert (adopted["created"], adopted["refused"]) == (0, 0), await office.report(adopted["import_id"])
    after = (await town.office.get(f"{town.staff_path}/homes/{tenant.home_id}")).json()
    assert [tenancy["tenancy_id"] for tenancy in after["tenancies"]] == [str(tenant.tenancy_id)]
    assert [member["member_id"] for member in after["tenancies"][0]["members"]] == [str(tenant.member_id)]


async def test_a_number_stands_for_one_only_and_can_be_taken_away(office: Office) -> None:
    town = office.town
    one, two = await town.tenant("1-101"), await town.tenant("1-102")

    async def number(member_id: object, value: str | None) -> Any:
        path = f"{town.staff_path}/members/{member_id}/register-number"
        return await town.office.put(path, json={"register_number": value})

    assert (await number(one.member_id, "P-1")).status_code == 204
    taken = await number(two.member_id, "P-1")
    assert (taken.status_code, taken.json()["code"]) == (409, "register-number-taken")
    assert (await number(one.member_id, None)).status_code == 204
    assert (await number(two.member_id, "P-1")).status_code == 204
    tenancies = f"{town.staff_path}/tenancies"
    assert (await number(one.tenancy_id, "P-2")).json()["code"] == "member-not-found"
    named = {"register_number": "T-1"}
    for tenancy_id, status in ((one.tenancy_id, 204), (two.tenancy_id, 409), (one.member_id, 404)):
        answer = await town.office.put(f"{tenancies}/{tenancy_id}/register-number", json=named)
        assert answer.status_code == status, answer.text
    ended = await town.office.post(f"{tenancies}/{one.tenancy_id}/end", json={})
    assert ended.status_code == 201, ended.text
    over = await town.office.put(f"{tenancies}/{one.tenancy_id}/register-number", json=named)
    assert (over.status_code, over.json()["code"]) == (409, "tenancy-ended")
    assert (await number(one.member_id, "P-3")).json()["code"] == "member-not-open"
    # What has ended keeps no number from those who live there now.
    again = await town.office.put(f"{tenancies}/{two.tenancy_id}/register-number", json=named)
    assert again.status_code == 204, again.text


async def test_the_office_sees_who_has_a_card(world: World) -> None:
    town = await build_town(world)
    tenants = [await town.tenant(f"1-10{n}") for n in range(3)]
    path = f"{town.staff_path}/cards"
    assert (await town.office.get(path)).json() == {"cards": [], "next_cursor": None}
    for tenant in tenants:
        issued = await town.office.post(f"{town.staff_path}/members/{tenant.member_id}/card", json={"pin": "482915"})
        assert issued.status_code == 201, issued.text
        world.clock.now += timedelta(seconds=1)
    first = (await town.office.get(path, params={"limit": 2})).json()
    second = (await town.office.get(path, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    shown = [card["member_id"] for card in first["cards"] + second["cards"]]
    assert shown == [str(tenant.member_id) for tenant in reversed(tenants)]
    assert second["next_cursor"] is None
    assert "482915" not in str(first)
    revoked = await town.office.delete(f"{town.staff_path}/members/{tenants[0].member_id}/card")
    assert revoked.status_code == 204
    assert len((await town.office.get(path)).json()["cards"]) == 2

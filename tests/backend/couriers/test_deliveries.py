"""Deliveries: a home expects, a company assigns, the gates let the courier pass while both agree."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

from backend.couriers.deliveries import service
from backend.couriers.rules import OPEN_DELIVERIES_PER_HOME
from backend.kit.db import Scope
from tests.backend.couriers.company import admit
from tests.backend.couriers.roster import grants
from tests.backend.households.town import build_town
from tests.backend.world import World


def us(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000


async def test_the_gates_let_him_pass_while_both_windows_agree(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    company = await admit(town)
    await (await company.courier()).accept()
    now = world.clock()
    expected = await company.expected_by(host, "O-1", begin=now + timedelta(minutes=30))
    assert (expected.status_code, expected.json()["state"]) == (201, "expected")
    delivered = await company.deliver("O-1", begin=now, hours=2)
    assert (delivered.status_code, delivered.json()["state"]) == (200, "granted")
    agreed = delivered.json()["agreed"]
    assert datetime.fromisoformat(agreed["valid_from"]) == now + timedelta(minutes=30)
    assert datetime.fromisoformat(agreed["valid_until"]) == now + timedelta(hours=2)
    # Ten minutes before it begins, and not thirty, the gates hear of him.
    assert await grants(town, "courier") == []
    path = f"/resident/v1/homes/{town.community_id}/{host.home_id}/deliveries"
    (shown,) = (await host.actor.get(path)).json()["deliveries"]
    assert (shown["state"], datetime.fromisoformat(shown["courier_until"])) == ("assigned", now + timedelta(hours=2))
    assert (await company.deliver("O-1", begin=now, hours=2)).json() == delivered.json()


async def test_nobody_comes_with_what_nobody_expects(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    company, other = await admit(town), await admit(town, name="Meals")
    await (await company.courier()).accept()
    await other.expected_by(host, "O-1")
    await company.expected_by(host, "O-2", begin=world.clock() + timedelta(days=1))
    for order, code in (("O-1", "delivery-unexpected"), ("O-2", "delivery-window-apart")):
        answer = await company.deliver(order)
        assert (answer.status_code, answer.json()["code"]) == (409, code)
        assert answer.json()["remedy"]
    assert await grants(town, "courier") == []


async def test_another_courier_takes_the_first_ones_place(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    company = await admit(town)
    await (await company.courier("W-1")).accept()
    await (await company.courier("W-2")).accept()
    await company.expected_by(host, "O-1")
    await company.deliver("O-1", "W-1")
    (first,) = await grants(town, "courier")
    await company.deliver("O-1", "W-2")
    (second,) = await grants(town, "courier")
    assert first.subject_id != second.subject_id


async def test_ending_a_delivery_ends_the_right_to_pass(world: World) -> None:
    town = await build_town(world)
    host, neighbour = await town.tenant("1-101"), await town.tenant("1-102")
    company, other = await admit(town), await admit(town, name="Meals")
    await (await company.courier()).accept()
    path = f"/resident/v1/homes/{town.community_id}/{host.home_id}/deliveries"
    await company.expected_by(host, "O-1")
    delivery = (await company.deliver("O-1")).json()["delivery_id"]
    for answer in (
        await other.actor.delete(f"/partner/v1/deliveries/{delivery}"),
        await neighbour.actor.delete(
            f"/resident/v1/homes/{town.community_id}/{neighbour.home_id}/deliveries/{delivery}"
        ),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "delivery-not-found")
    assert (await neighbour.actor.delete(f"{path}/{delivery}")).json()["code"] == "home-not-found"
    assert len(await grants(town, "courier")) == 1
    assert (await host.actor.delete(f"{path}/{delivery}")).status_code == 204
    assert await grants(town, "courier") == []
    assert (await company.deliver("O-1")).json()["code"] == "delivery-unexpected"

    await company.expected_by(host, "O-1")
    delivery = (await company.deliver("O-1")).json()["delivery_id"]
    assert (await company.actor.delete(f"/partner/v1/deliveries/{delivery}")).status_code == 204
    assert await grants(town, "courier") == []
    assert (await host.actor.get(path)).json() == {"deliveries": []}


async def test_the_same_announcement_twice_is_one_delivery(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    company = await admit(town)
    first, second = await company.expected_by(host, "O-1"), await company.expected_by(host, "O-1")
    assert first.json() == second.json()
    apart = await company.expected_by(host, "O-1", hours=5)
    assert (apart.status_code, apart.json()["code"]) == (409, "delivery-announced")


async def test_a_home_expects_so_many_and_only_from_companies_that_come(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    company = await admit(town)
    elsewhere = await admit(await build_town(world, office=town.office, name="Elsewhere"), name="Far")
    refused = await company.expected_by(host, "O-0", hours=73)
    assert (refused.status_code, refused.json()["code"]) == (422, "window-too-long")
    far = await host.actor.post(
        f"/resident/v1/homes/{town.community_id}/{host.home_id}/deliveries",
        json={
            "partner_id": str(elsewhere.partner_id),
            "order_ref": "O-0",
            "valid_from": world.clock().isoformat(),
            "valid_until": (world.clock() + timedelta(hours=1)).isoformat(),
        },
    )
    assert (far.status_code, far.json()["code"]) == (404, "partner-not-admitted")
    for number in range(OPEN_DELIVERIES_PER_HOME):
        assert (await company.expected_by(host, f"O-{number}")).status_code == 201
    answer = await company.expected_by(host, "O-more")
    assert (answer.status_code, answer.json()["code"]) == (409, "too-many-deliveries")
    path = f"/resident/v1/homes/{town.community_id}/{host.home_id}/deliveries"
    assert len((await host.actor.get(path)).json()["deliveries"]) == OPEN_DELIVERIES_PER_HOME


async def test_a_neighbour_who_guesses_the_order_takes_nothing_away(world: World) -> None:
    town = await build_town(world)
    host, neighbour = await town.tenant("1-101"), await town.tenant("1-102")
    company = await admit(town)
    await (await company.courier()).accept()
    await company.expected_by(neighbour, "O-1", begin=world.clock() + timedelta(days=1))
    assert (await company.expected_by(host, "O-1")).status_code == 201
    assert (await company.deliver("O-1")).json()["state"] == "granted"
    (granted,) = await grants(town, "courier")
    assert granted.until_us == us(world.clock() + timedelta(hours=1))


async def test_left_at_the_gate_lets_nobody_in_for_it(world: World) -> None:
    town = await build_town(world)
    host, neighbour = await town.tenant("1-101"), await town.tenant("1-102")
    company = await admit(town)
    await (await company.courier()).accept()
    await company.expected_by(host, "O-1", handover="gate")
    brought = (await company.deliver("O-1")).json()
    assert brought["state"] == "at_the_gate"
    assert await grants(town, "courier") == []
    path = f"/resident/v1/homes/{town.community_id}/{host.home_id}/deliveries"
    handover = f"{path}/{brought['delivery_id']}/handover"
    # He changes his mind, twice.
    answer = await host.actor.put(handover, json={"handover": "door"})
    assert (answer.status_code, answer.json()["handover"]) == (200, "door")
    assert len(await grants(town, "courier")) == 1
    assert (await host.actor.put(handover, json={"handover": "gate"})).json()["handover"] == "gate"
    assert await grants(town, "courier") == []
    assert (await company.deliver("O-1")).json()["state"] == "at_the_gate"
    # Another courier is not let in for it either.
    await (await company.courier("W-2")).accept()
    assert (await company.deliver("O-1", "W-2")).json()["state"] == "at_the_gate"
    assert await grants(town, "courier") == []
    apart = f"/resident/v1/homes/{town.community_id}/{neighbour.home_id}/deliveries/{brought['delivery_id']}/handover"
    assert (await neighbour.actor.put(apart, json={"handover": "door"})).json()["code"] == "delivery-not-found"
    assert (await host.actor.put(handover, json={"handover": "window"})).status_code == 400
    await host.actor.delete(f"{path}/{brought['delivery_id']}")
    assert (await host.actor.put(handover, json={"handover": "door"})).json()["code"] == "delivery-not-found"
    assert await grants(town, "courier") == []


async def test_a_company_brings_what_nobody_announced_to_a_home_that_it_names(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant("1-101")
    await town.home("1-102")
    company = await admit(town)
    await (await company.courier()).accept()
    assert (await company.deliver("O-1")).json()["code"] == "delivery-unexpected"
    for home in ("1-102", "9-999"):
        # A home that stands empty is none, as one that does not exist.
        answer = await company.deliver("O-1", home=home)
        assert (answer.status_code, answer.json()["code"]) == (404, "home-not-found")
    assert (await company.deliver("O-1", home="1-101", hours=5)).json()["code"] == "window-too-long"
    brought = await company.deliver("O-1", home="1-101")
    assert (brought.status_code, brought.json()["state"]) == (200, "granted")
    assert (await company.deliver("O-1", home="1-101")).json() == brought.json()
    assert len(await grants(town, "courier")) == 1
    path = f"/resident/v1/homes/{town.community_id}/{host.home_id}/deliveries"
    (shown,) = (await host.actor.get(path)).json()["deliveries"]
    assert (shown["announced"], shown["state"], shown["order_ref"]) == (False, "assigned", "O-1")
    # The household has the last word.
    assert (await host.actor.delete(f"{path}/{shown['delivery_id']}")).status_code == 204
    assert await grants(town, "courier") == []


async def test_a_home_that_is_named_takes_its_own_announcement(world: World) -> None:
    town = await build_town(world)
    host, neighbour = await town.tenant("1-101"), await town.tenant("1-102")
    company = await admit(town)
    await (await company.courier()).accept()
    now = world.clock()
    await company.expected_by(neighbour, "O-1", hours=4)
    await company.expected_by(host, "O-1", begin=now + timedelta(minutes=30))
    brought = (await company.deliver("O-1", home="1-101")).json()
    assert datetime.fromisoformat(brought["agreed"]["valid_from"]) == now + timedelta(minutes=30)


async def test_an_order_announced_again_as_the_first_ends_is_a_new_delivery(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    company = await admit(town)
    first = (await company.expected_by(host, "O-1")).json()["delivery_id"]
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        await service.end_delivery(
            conn,
            community_id=town.community_id,
            home_id=host.home_id,
            delivery_id=UUID(first),
            now=world.clock(),
        )
        again = asyncio.create_task(company.expected_by(host, "O-1"))
        # It finds the first one open, and waits to see what becomes of it.
        await asyncio.sleep(0.3)
        assert not again.done()
    answer = await again
    assert answer.status_code == 201, answer.text
    assert answer.json()["delivery_id"] != first

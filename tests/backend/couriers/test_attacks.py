"""A company that wants to know of a number what nobody told it: whether he works elsewhere, lives here, has a face."""

import re
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from tests.backend.couriers.company import Company, Visitor, admit, open_link
from tests.backend.households.town import Town, build_town
from tests.backend.privacy.faces import give_face
from tests.backend.privacy.test_joining import courier_with_face, join
from tests.backend.world import World

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")
_COUNTS = re.compile(r"r=\d+|\"seq\": ?\d+|\"next_cursor\": ?\"[^\"]*\"")


def told(answer: httpx.Response) -> tuple[int, list[tuple[str, str]], str]:
    """All of an answer but what is random or counts requests."""

    def plain(text: str) -> str:
        return _COUNTS.sub("#", _ID.sub("id", text))

    headers = sorted((name, plain(value)) for name, value in answer.headers.items() if name != "date")
    return answer.status_code, headers, plain(answer.text)


async def everything_told(company: Company, phone: str, worker_id: str) -> list[Any]:
    """What a company is told when it does with a number all that it can, in the order in which it can."""
    actor, town = company.actor, company.town
    path = f"/partner/v1/couriers/{worker_id}"
    line = msgspec.json.encode({"worker_id": worker_id, "phone": phone})
    ndjson = {"Content-Type": "application/x-ndjson"}
    begin = town.world.clock() + timedelta(minutes=5)
    first = [
        await company.name(worker_id, phone),
        await actor.get(path),
        await company.name(worker_id, phone, name="Name", language="en"),
        await actor.post("/partner/v1/couriers/bulk", content=line, headers=ndjson),
        await company.name(f"{worker_id}-2", phone),
    ]
    shift = await company.shift(worker_id, hours=2, begin=begin)
    delivery = await company.deliver(f"order-{worker_id}", worker_id, begin=begin, home="1-900")
    assert (shift.status_code, delivery.status_code) == (201, 200), delivery.text
    shifts = msgspec.json.encode(
        {
            "worker_id": worker_id,
            "community_ids": [str(town.community_id)],
            "starts_at": (begin + timedelta(hours=3)).isoformat(),
            "ends_at": (begin + timedelta(hours=4)).isoformat(),
        }
    )
    rest = [
        await actor.post("/partner/v1/shifts/bulk", content=shifts, headers=ndjson),
        await actor.get("/partner/v1/events"),
        await actor.delete(f"/partner/v1/shifts/{shift.json()['shift_id']}"),
        await actor.delete(f"/partner/v1/deliveries/{delivery.json()['delivery_id']}"),
        await actor.delete(path),
        await actor.get(path),
        await actor.get("/partner/v1/events"),
    ]
    return [told(answer) for answer in (*first, shift, delivery, *rest)]


async def works_elsewhere(town: Town, other: Company) -> str:
    phone = town.world.new_phone()
    await courier_with_face(town, other, phone)
    return phone


async def said_no_elsewhere(town: Town, other: Company) -> str:
    phone = town.world.new_phone()
    courier = await other.courier("N-1", phone)
    await courier.accept()
    assert (await courier.withdraw()).status_code == 200
    return phone


async def lives_here_with_a_face(town: Town, other: Company) -> str:
    del other
    tenant = await town.tenant("1-201")
    await give_face(town, tenant)
    return tenant.actor.phone


async def is_both(town: Town, other: Company) -> str:
    tenant = await town.tenant("1-301")
    await give_face(town, tenant)
    courier = await other.courier("B-1", tenant.actor.phone)
    assert (await join(tenant.actor, courier)).status_code == 200
    token = await town.world.api.post("/visitor/v1/token", json={"refresh_token": courier.actor.refresh_token})
    renewed = Visitor(msgspec.structs.replace(courier.actor, access_token=token.json()["access_token"]))
    assert (await renewed.accept()).status_code == 200
    assert (await other.shift("B-1")).json()["state"] == "granted"
    return tenant.actor.phone


@pytest.mark.parametrize("known", [works_elsewhere, said_no_elsewhere, lives_here_with_a_face, is_both])
async def test_a_company_is_told_the_same_of_a_number_that_is_known_and_of_one_that_is_not(
    world: World, known: Any
) -> None:
    town = await build_town(world)
    await town.tenant("1-900")
    other = await admit(town, name="Others")
    phone = await known(town, other)
    # Two companies that do the same, so that entity tags, which are made of what was answered, are the same too.
    of_known = await everything_told(await admit(town, name="Curious A"), phone, "X-1")
    of_nobody = await everything_told(await admit(town, name="Curious B"), world.new_phone(), "X-1")
    assert of_known == of_nobody
    assert [status for status, _, _ in of_known[:4]] == [200, 200, 200, 200]
    # What the number's owner does at the other company goes on, unseen.
    assert (await other.actor.get("/partner/v1/communities")).status_code == 200


async def test_a_courier_is_active_for_the_company_that_he_said_yes_to_and_pending_for_all_others(world: World) -> None:
    town = await build_town(world)
    phone = world.new_phone()
    one, other = await admit(town), await admit(town, name="Meals")
    await courier_with_face(town, one, phone)
    await other.name("M-1", phone)

    async def states() -> tuple[str, str]:
        answers = [await one.actor.get("/partner/v1/couriers/W-1"), await other.actor.get("/partner/v1/couriers/M-1")]
        return answers[0].json()["state"], answers[1].json()["state"]

    assert await states() == ("active", "pending")
    at_other = await open_link(world.api, other.link_sent_to(phone))
    assert (await other.shift("M-1")).json()["state"] == "waiting"
    assert (await at_other.accept()).status_code == 200
    assert await states() == ("active", "active")
    # And a no to one is a no to nobody else.
    assert (await at_other.withdraw()).status_code == 200
    assert await states() == ("active", "suspended")

"""The link goes to the guest's telephone: once, without names, and not as often as somebody likes."""

from datetime import timedelta
from typing import Any

import httpx

from backend.kit.db import Scope
from backend.notifications.templates import render
from backend.visitors.rules import LINKS_A_DAY, LINKS_A_DAY_TO_ONE
from tests.backend.couriers.company import open_link
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.visitors.test_passes import passes
from tests.backend.world import World


def window(world: World) -> dict[str, str]:
    now = world.clock()
    return {"valid_from": now.isoformat(), "valid_until": (now + timedelta(hours=4)).isoformat()}


async def invited(town: Town, host: Resident, **fields: Any) -> dict[str, Any]:
    answer = await host.actor.post(passes(town, host), json={"guest_name": "A Guest", **window(town.world), **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    # A home has so many open passes at once, which is another limit.
    assert (await host.actor.delete(f"{passes(town, host)}/{made['pass_id']}")).status_code == 204
    return made


async def test_the_link_is_sent_to_the_guests_number_and_opens_there(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    await host.actor.patch("/resident/v1/me", json={"name": "Host Name"})
    phone = world.new_phone()
    answer = await host.actor.post(
        passes(town, host), json={"guest_name": "A Guest", **window(world), "phone": phone, "language": "en"}
    )
    assert (answer.status_code, answer.json()["link_sent"]) == (201, True), answer.text
    (message,) = world.messages(phone)
    assert message["values"] == {"community": "Garden Court", "link": answer.json()["link"]}
    text = render(message["template"], message["values"], message["language"])
    for name in ("A Guest", "Host", "1-101", phone):
        assert name not in text
    guest = await open_link(world.api, message["values"]["link"].partition("#")[2])
    assert (await guest.accept()).status_code == 200
    # The number itself is nowhere.
    async with world.resources.db.transaction(Scope(community_id=town.community_id), read_only=True) as conn:
        assert phone.strip("+") not in str(dict(await conn.fetchrow("SELECT * FROM guest_pass")))


async def test_without_a_number_or_against_the_hosts_wish_nothing_is_sent(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    phone = world.new_phone()
    assert (await invited(town, host))["link_sent"] is False
    assert (await invited(town, host, phone=phone, send_link=False))["link_sent"] is False
    assert world.messages(phone) == []


async def test_one_number_is_not_written_to_again_and_again_whoever_asks(world: World) -> None:
    town = await build_town(world)
    hosts = [await town.tenant(f"1-10{n}") for n in range(LINKS_A_DAY_TO_ONE + 1)]
    phone = world.new_phone()
    sent = [(await invited(town, host, phone=phone))["link_sent"] for host in hosts]
    assert sent == [True] * LINKS_A_DAY_TO_ONE + [False]
    assert len(world.messages(phone)) == LINKS_A_DAY_TO_ONE
    # Written another way it is the same number; another one is another's.
    assert (await invited(town, hosts[0], phone=f"{phone[:2]} {phone[2:5]} {phone[5:]}"))["link_sent"] is False
    assert (await invited(town, hosts[0], phone=world.new_phone()))["link_sent"] is True
    world.clock.advance(hours=25)
    hosts[0] = await again(world, hosts[0])
    assert (await invited(town, hosts[0], phone=phone))["link_sent"] is True


async def again(world: World, resident: Resident) -> Resident:
    actor = await world.login(resident.actor.phone, surface="resident")
    return Resident(actor, resident.person_id, resident.member_id, resident.tenancy_id, resident.home_id)


async def test_one_host_does_not_write_to_ever_new_numbers(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    sent = [(await invited(town, host, phone=world.new_phone()))["link_sent"] for _ in range(LINKS_A_DAY + 1)]
    assert sent == [True] * LINKS_A_DAY + [False]
    assert (await invited(town, await town.tenant("1-102"), phone=world.new_phone()))["link_sent"] is True


async def test_a_number_that_is_none_makes_no_pass(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    for phone in ("12345", "+8613800138000000", "+1900555012a"):
        refused = await host.actor.post(
            passes(town, host), json={"guest_name": "A Guest", **window(world), "phone": phone}
        )
        assert refused.status_code == 422, refused.text


async def test_a_request_that_is_sent_twice_sends_one_message(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    phone = world.new_phone()
    body = {"guest_name": "A Guest", **window(world), "phone": phone}
    answers = [
        await host.actor.post(passes(town, host), json=body, headers={"Idempotency-Key": "one-and-the-same"})
        for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert len(world.messages(phone)) == 1


async def test_a_carrier_that_is_away_leaves_the_pass_and_its_link(world: World) -> None:
    town = await build_town(world)
    host = await town.tenant()
    # The console's own failure: its file cannot be written, as with a full disk.
    messages = world.settings.data_dir
    assert messages is not None
    file = messages / "messages.jsonl"
    kept = file.read_bytes()
    file.unlink()
    file.mkdir()
    try:
        answer: httpx.Response = await host.actor.post(
            passes(town, host), json={"guest_name": "A Guest", **window(world), "phone": world.new_phone()}
        )
    finally:
        file.rmdir()
        file.write_bytes(kept)
    assert (answer.status_code, answer.json()["link_sent"]) == (201, False), answer.text
    await open_link(world.api, answer.json()["link_token"])

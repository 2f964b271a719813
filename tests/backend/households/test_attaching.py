"""A member who was registered without a telephone gets one: who he is stays, and nobody else gets in by it."""

import asyncio
from datetime import date, timedelta
from uuid import UUID

import httpx
import pytest

from backend.kit.db import Scope
from tests.backend.gates.devices import Device
from tests.backend.guardians.children import Child, agree, child_of, ward, with_face
from tests.backend.households.town import Town, build_town
from tests.backend.world import Actor, World


class Place:
    """A household with a child who has a face on the gates, and no telephone."""

    def __init__(self, town: Town, child: Child, subject: UUID) -> None:
        self.town, self.child, self.subject = town, child, subject

    @classmethod
    async def of(cls, world: World) -> "Place":
        town = await build_town(world)
        tenant = await town.tenant()
        child = await child_of(town, tenant, date(2014, 5, 2))
        return cls(town, child, await with_face(town, child))

    async def offer(self, phone: str, *, by: Actor | None = None) -> httpx.Response:
        path = f"{self.town.staff_path}/members/{self.child.member_id}/account"
        return await (by or self.town.office).post(path, json={"phone": phone})

    async def code(self, phone: str) -> str:
        answer = await self.offer(phone)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["activation_code"])

    async def accounts(self) -> int:
        async with self.town.world.resources.db.transaction(Scope(platform=True), read_only=True) as conn:
            found: int = await conn.fetchval("SELECT count(*) FROM account WHERE person_id = $1", self.child.person_id)
        return found


async def join(actor: Actor, code: str) -> httpx.Response:
    return await actor.post("/resident/v1/join", json={"activation_code": code})


async def renewed(world: World, actor: Actor) -> Actor:
    answer = await world.api.post("/resident/v1/token", json={"refresh_token": actor.refresh_token})
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    return Actor(world.api, actor.phone, tokens["access_token"], tokens["refresh_token"])


async def known_at_gate(place: Place) -> dict[bytes, bytes | None]:
    """His entry as a gate gets it, by his pseudonym."""
    device = await Device.provisioned(
        place.town.world.api, place.town.office, place.town.community_id, place.town.world
    )
    await device.log_in()
    await device.sync()
    return {subject: item.body for subject, item in device.items.items()}


async def test_he_stays_who_he_is_with_face_consents_and_guardian(world: World) -> None:
    place = await Place.of(world)
    before = await known_at_gate(place)
    consents = (await place.child.tenant.actor.get(f"{place.child.path}/consents")).json()
    phone = world.new_phone()
    code = await place.code(phone)
    actor = await world.resident(phone)
    other_device = await world.resident(phone)
    joined = await join(actor, code)
    assert joined.status_code == 201, joined.text
    assert joined.json()["renew_tokens"] is True
    assert joined.json()["member_id"] == str(place.child.member_id)
    # What the number was before is nobody any more.
    assert (await actor.get("/resident/v1/me")).status_code == 401
    me = await renewed(world, actor)
    assert (await me.get("/resident/v1/me")).json()["person_id"] == str(place.child.person_id)
    (home,) = (await me.get("/resident/v1/homes")).json()["homes"]
    assert home["member_id"] == str(place.child.member_id)
    # The same entry, to the byte: the gates notice nothing.
    assert await known_at_gate(place) == before
    assert place.subject.bytes in before
    # What the guardian said for him stands, and he acts for him as before.
    assert (await place.child.tenant.actor.get(f"{place.child.path}/consents")).json() == consents
    found = await ward(place.child.tenant, place.child.member_id)
    assert found is not None
    assert found["person_id"] == str(place.child.person_id)
    # Whoever had logged in with the number elsewhere logs in anew.
    gone = await world.api.post("/resident/v1/token", json={"refresh_token": other_device.refresh_token})
    assert gone.status_code == 401
    assert (await world.resident(phone)).access_token


async def test_the_number_alone_opens_nothing(world: World) -> None:
    place = await Place.of(world)
    phone = world.new_phone()
    await place.code(phone)
    actor = await world.resident(phone)
    assert (await actor.get("/resident/v1/homes")).json() == {"homes": []}
    assert (await actor.get("/resident/v1/me")).json()["person_id"] != str(place.child.person_id)
    assert await place.accounts() == 0


async def test_the_code_alone_opens_nothing_for_another_number(world: World) -> None:
    place = await Place.of(world)
    phone = world.new_phone()
    code = await place.code(phone)
    finder = await world.resident()
    answer = await join(finder, code)
    assert (answer.status_code, answer.json()["code"]) == (409, "phone-differs")
    assert await place.accounts() == 0
    # And the code is still the right one's.
    assert (await join(await world.resident(phone), code)).status_code == 201


async def test_a_number_that_is_somebodys_already_takes_nobody_elses_person_over(world: World) -> None:
    place = await Place.of(world)
    neighbour = await place.town.tenant("1-102")
    code = await place.code(neighbour.actor.phone)
    answer = await join(neighbour.actor, code)
    assert (answer.status_code, answer.json()["code"]) == (409, "number-in-use")
    assert (await neighbour.actor.get("/resident/v1/me")).json()["person_id"] == str(neighbour.person_id)
    assert await place.accounts() == 0


async def test_who_has_agreed_to_something_is_somebody(world: World) -> None:
    place = await Place.of(world)
    actor = await world.resident()
    assert (await actor.put("/resident/v1/consents/face_access", json={"version": 1})).status_code == 200
    answer = await join(actor, await place.code(actor.phone))
    assert (answer.status_code, answer.json()["code"]) == (409, "number-in-use")
    assert len((await actor.get("/resident/v1/consents")).json()["consents"]) == 1


async def test_the_guardians_own_number_does_not_make_him_the_child(world: World) -> None:
    place = await Place.of(world)
    tenant = place.child.tenant
    answer = await join(tenant.actor, await place.code(tenant.actor.phone))
    assert (answer.status_code, answer.json()["code"]) == (409, "number-in-use")
    assert (await agree(place.child)).is_success


async def test_a_code_is_good_once_and_not_for_long(world: World) -> None:
    place = await Place.of(world)
    phone = world.new_phone()
    first = await place.code(phone)
    second = await place.code(phone)
    actor = await world.resident(phone)
    assert (await join(actor, first)).status_code == 404
    world.clock.advance(timedelta(days=15))
    actor = await world.resident(phone)
    assert (await join(actor, second)).json()["code"] == "activation-spent"
    assert await place.accounts() == 0


async def test_two_phones_with_one_code_at_once_are_one_account(world: World) -> None:
    place = await Place.of(world)
    phone = world.new_phone()
    code = await place.code(phone)
    actors = [await world.resident(phone), await world.resident(phone)]
    answers = await asyncio.gather(*(join(actor, code) for actor in actors))
    assert sorted(answer.status_code for answer in answers) in ([201, 401], [201, 410])
    assert await place.accounts() == 1


async def test_who_has_an_account_gets_no_other_by_a_code(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    answer = await town.office.post(
        f"{town.staff_path}/members/{tenant.member_id}/account", json={"phone": world.new_phone()}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "account-exists")


async def test_who_has_left_gets_none(world: World) -> None:
    place = await Place.of(world)
    phone = world.new_phone()
    code = await place.code(phone)
    ended = await place.town.office.post(f"{place.town.staff_path}/members/{place.child.member_id}/end")
    assert ended.is_success, ended.text
    assert (await join(await world.resident(phone), code)).status_code in (404, 410)
    assert (await place.offer(phone)).json()["code"] == "member-not-found"
    assert await place.accounts() == 0


@pytest.mark.parametrize("phone", ["", "12", "not a number", "+999999999999999999"])
async def test_what_is_no_number_is_refused(world: World, phone: str) -> None:
    place = await Place.of(world)
    assert (await place.offer(phone)).status_code in (400, 422)

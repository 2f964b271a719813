"""A resident who brings parcels is one person, in whichever order he became both; and no company can tell."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from backend.kit.auth import ResidentPrincipal, Surface
from backend.kit.db import Database, Scope
from backend.privacy.joining import service
from backend.privacy.saga import Saga
from tests.backend.couriers.company import Company, Visitor, admit, open_link
from tests.backend.couriers.roster import grants
from tests.backend.couriers.test_leaving import erased, renewed, templates_of
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.privacy.faces import give_face, store_face
from tests.backend.visitors.test_passes import invite
from tests.backend.world import Actor, World


@pytest.fixture
def saga(world: World, worker_db: Database) -> Saga:
    return Saga(worker_db, world.resources.keys, world.resources.objects, world.clock)


async def join(actor: Actor, courier: Visitor) -> httpx.Response:
    return await actor.post("/resident/v1/courier", json={"refresh_token": courier.actor.refresh_token})


async def seen(company: Company, worker_id: str = "W-1") -> list[Any]:
    """All that a company can read of a worker, and what naming him anew answers."""
    read = await company.actor.get(f"/partner/v1/couriers/{worker_id}")
    return [read.status_code, read.json(), sorted(read.headers)]


async def courier_person(world: World, worker_id: str = "W-1") -> UUID:
    async with world.resources.db.transaction(Scope(platform=True)) as conn:
        found: UUID = await conn.fetchval("SELECT person_id FROM courier_employment WHERE worker_id = $1", worker_id)
    return found


async def is_there(world: World, person_id: UUID) -> bool:
    async with world.resources.db.transaction(Scope(platform=True)) as conn:
        found: bool = await conn.fetchval("SELECT EXISTS (SELECT FROM person WHERE person_id = $1)", person_id)
    return found


async def courier_with_face(town: Town, company: Company, phone: str) -> tuple[Visitor, UUID]:
    courier = await company.courier("W-1", phone)
    assert (await courier.accept()).status_code == 200
    assert (await company.shift(hours=8)).json()["state"] == "granted"
    for purpose in ("face_access", "photo_retention"):
        assert (await courier.actor.put(f"/visitor/v1/consents/{purpose}", json={"version": 1})).status_code == 200
    person_id = await courier_person(town.world)
    await store_face(town, Resident(courier.actor, person_id, person_id, person_id, person_id))
    return courier, person_id


async def test_a_resident_who_is_named_as_courier_later_is_one_person(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    subject_id = await give_face(town, tenant)
    company = await admit(town)
    courier = await company.courier("W-1", tenant.actor.phone)
    apart = await courier_person(world)
    before = await seen(company)
    joined = await join(tenant.actor, courier)
    assert (joined.status_code, joined.json()["certificate_link"]) == (200, None)
    assert [one["partner_id"] for one in joined.json()["companies"]] == [str(company.partner_id)]
    # There was nothing of the other but his name in a link, so he went at once.
    assert not await is_there(world, apart)
    assert await seen(company) == before
    assert before[1]["state"] == "pending"
    assert (await (await renewed(courier)).accept()).status_code == 200
    assert (await company.shift(hours=8)).json()["state"] == "granted"
    # The gates know him by the one pseudonym, and by the face that he enrolled as a resident.
    assert {grant.subject_id for grant in await grants(town, "courier")} == {subject_id}
    assert {grant.subject_id for grant in await grants(town, "resident")} == {subject_id}
    # Again, as a phone does that lost the answer.
    assert (await join(tenant.actor, courier)).json() == {
        **joined.json(),
        "companies": [{**joined.json()["companies"][0], "state": "active"}],
    }


async def test_a_courier_who_becomes_a_resident_is_one_person_and_his_shift_goes_on(world: World, saga: Saga) -> None:
    town = await build_town(world)
    company = await admit(town)
    phone = world.new_phone()
    courier, apart = await courier_with_face(town, company, phone)
    (standing,) = await grants(town, "courier")
    tenant = await town.tenant(phone=phone)
    assert tenant.person_id != apart
    before = await seen(company)
    joined = await join(tenant.actor, courier)
    assert joined.status_code == 200, joined.text
    assert await seen(company) == before
    # His right passed from one pseudonym to the other; the face that a company's word had let in opens nothing more.
    (now,) = await grants(town, "courier")
    assert now.subject_id != standing.subject_id
    assert (now.from_us, now.until_us) == (standing.from_us, standing.until_us)
    assert {grant.subject_id for grant in await grants(town, "resident")} == {now.subject_id}
    assert await saga.resume(await erasure_of(world, apart))
    assert not await is_there(world, apart)
    assert await templates_of(world, tenant.person_id) == 0
    address, _, secret = joined.json()["certificate_link"].partition("#")
    paper = await world.api.post(f"/certificates/{address.rpartition('/')[2]}/document", json={"secret": secret})
    body = paper.json()["certificate"]
    assert (body["reason"], body["status"], body["kept_roles"]) == ("courier_joined", "complete", [])
    assert {one["kind"] for one in body["existed"]} >= {"template", "photograph", "key"}
    assert await grants(town, "courier") == [now]


async def test_whoever_dies_between_joining_and_handing_over_leaves_it_to_the_worker(world: World, saga: Saga) -> None:
    town = await build_town(world)
    company = await admit(town)
    phone = world.new_phone()
    courier, apart = await courier_with_face(town, company, phone)
    (standing,) = await grants(town, "courier")
    tenant = await town.tenant(phone=phone)
    resident = world.resources.tokens.verify(tenant.actor.access_token, surface=Surface.RESIDENT, now=world.clock())
    assert isinstance(resident, ResidentPrincipal)
    async with world.resources.db.transaction(Scope(platform=True)) as conn:
        joined = await service.join(
            conn,
            resident=resident,
            refresh_token=courier.actor.refresh_token,
            pepper=world.resources.pepper,
            now=world.clock(),
        )
    assert joined.begun is not None
    assert await grants(town, "courier") == [standing]
    assert await saga.resume(joined.begun.erasure_id)
    (now,) = await grants(town, "courier")
    assert {grant.subject_id for grant in await grants(town, "resident")} == {now.subject_id}
    assert not await is_there(world, apart)


async def test_a_link_alone_is_not_the_resident_and_neither_is_one_after_he_logged_out(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    company, other = await admit(town), await admit(town, name="Meals")
    courier = await company.courier("W-1", tenant.actor.phone)
    assert (await join(tenant.actor, courier)).status_code == 200
    courier = await renewed(courier)
    assert (await courier.actor.get("/visitor/v1/consents")).status_code == 200
    # Another company's link reaches whoever holds the number now: he may answer the company, and learns nothing more.
    await other.name("M-1", tenant.actor.phone)
    stranger = await open_link(world.api, other.link_sent_to(tenant.actor.phone))
    assert (await stranger.invitation()).status_code == 200
    for method, path in (
        ("GET", "/visitor/v1/consents"),
        ("GET", "/visitor/v1/erasures"),
        ("GET", "/visitor/v1/requests"),
        ("PUT", "/visitor/v1/consents/face_access"),
        ("POST", "/visitor/v1/enrolments"),
        ("POST", "/visitor/v1/consents/face_access/withdraw"),
    ):
        answer = await stranger.actor.request(method, path, json=None if method == "GET" else {"version": 1})
        assert (answer.status_code, answer.json()["code"]) == (403, "link-unproven"), path
    assert (await stranger.accept()).status_code == 200
    assert (await tenant.actor.post("/resident/v1/logout")).status_code == 204
    answer = await courier.actor.get("/visitor/v1/consents")
    assert (answer.status_code, answer.json()["code"]) == (403, "link-unproven")


async def test_nobody_joins_a_courier_whose_number_is_not_his(world: World) -> None:
    town = await build_town(world)
    tenant, neighbour = await town.tenant(), await town.tenant("1-102")
    company = await admit(town)
    courier = await company.courier("W-1", tenant.actor.phone)
    apart = await courier_person(world)
    refused = await join(neighbour.actor, courier)
    assert (refused.status_code, refused.json()["code"]) == (409, "number-differs")
    guest = await open_link(world.api, (await invite(town, tenant))["link_token"])
    refused = await join(tenant.actor, guest)
    assert (refused.status_code, refused.json()["code"]) == (404, "not-a-courier")
    unknown = await tenant.actor.post("/resident/v1/courier", json={"refresh_token": "nothing"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not-a-courier")
    assert await courier_person(world) == apart


async def test_a_number_that_was_somebody_elses_brings_nobody_his_work(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    number = tenant.actor.phone
    company = await admit(town)
    courier = await company.courier("W-1", number)
    assert (await join(tenant.actor, courier)).status_code == 200
    async with world.resources.db.transaction(Scope(platform=True)) as conn:
        await conn.execute("UPDATE account SET phone = $2 WHERE phone = $1", number, world.new_phone())
    newcomer = await world.resident(number)
    refused = await join(newcomer, courier)
    assert (refused.status_code, refused.json()["code"]) == (409, "courier-of-another")
    assert await courier_person(world) == tenant.person_id


async def test_what_ends_in_one_role_leaves_what_the_other_needs(world: World, saga: Saga, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    company = await admit(town)
    courier = await company.courier("W-1", tenant.actor.phone)
    assert (await join(tenant.actor, courier)).status_code == 200
    courier = await renewed(courier)
    await courier.accept()
    # The work ends: the face is the resident's, and no day ends that.
    assert (await courier.withdraw()).status_code == 200
    world.clock.advance(days=40)
    assert await erased(town, worker_db) == 0
    assert await templates_of(world, tenant.person_id) == 1
    # He works again, and moves out: the face is the courier's, and the certificate says so.
    company = await company.logged_in_again()
    assert (await company.name("W-1", tenant.actor.phone)).status_code == 200
    again = await open_link(world.api, company.link_sent_to(tenant.actor.phone))
    assert (await again.accept()).status_code == 200
    assert (await company.shift(hours=1)).json()["state"] == "granted"
    office = await world.login(town.office.phone, surface="staff")
    ended = await office.post(f"{town.staff_path}/tenancies/{tenant.tenancy_id}/end", json={})
    assert ended.status_code == 201, ended.text
    world.clock.advance(hours=2)
    assert await erased(town, worker_db) == 0
    async with world.resources.db.transaction(Scope(person_id=tenant.person_id)) as conn:
        kept = await conn.fetch("SELECT extent, kept_roles FROM erasure WHERE person_id = $1", tenant.person_id)
    assert [list(row) for row in kept] == []
    # The last company lets him go: seven days later the face goes too, and with it he.
    assert (await (await company.logged_in_again()).actor.delete("/partner/v1/couriers/W-1")).status_code == 204
    world.clock.advance(days=6, hours=22)
    assert await erased(town, worker_db) == 0
    world.clock.advance(hours=3)
    assert await erased(town, worker_db) == 1
    assert await saga.resume(await erasure_of(world, tenant.person_id))
    assert not await is_there(world, tenant.person_id)


async def erasure_of(world: World, person_id: UUID) -> UUID:
    async with world.resources.db.transaction(Scope(person_id=person_id)) as conn:
        found: UUID = await conn.fetchval(
            "SELECT erasure_id FROM erasure WHERE person_id = $1 AND completed_at IS NULL", person_id
        )
    return found


async def test_a_link_that_a_company_has_ended_joins_nobody(world: World) -> None:
    town = await build_town(world)
    company = await admit(town)
    phone = world.new_phone()
    courier, apart = await courier_with_face(town, company, phone)
    assert (await company.actor.delete("/partner/v1/couriers/W-1")).status_code == 204
    tenant = await town.tenant(phone=phone)
    refused = await join(tenant.actor, courier)
    assert (refused.status_code, refused.json()["code"]) == (410, "link-closed")
    assert await is_there(world, apart)

"""Whoever's data are kept has his rights by the link that he has, also when somebody else has ended it."""

import io
import zipfile
from typing import Any
from uuid import UUID

import httpx
import pytest

from backend.kit.db import Database
from backend.privacy.saga import Saga
from tests.backend.couriers.company import Company, Visitor, admit, open_link
from tests.backend.couriers.roster import grants
from tests.backend.couriers.test_leaving import renewed, templates_of, with_a_face
from tests.backend.households.town import Town, build_town
from tests.backend.privacy.test_joining import join
from tests.backend.world import World


@pytest.fixture
def saga(world: World, worker_db: Database) -> Saga:
    return Saga(worker_db, world.resources.keys, world.resources.objects, world.clock)


async def let_go(town: Town, company: Company) -> tuple[Visitor, UUID]:
    """A courier with a face whose company has ended his link."""
    courier, person_id = await with_a_face(town, company, town.world.new_phone())
    assert (await courier.actor.put("/visitor/v1/consents/face_access", json={"version": 1})).status_code == 200
    assert (await company.actor.delete("/partner/v1/couriers/W-1")).status_code == 204
    assert await grants(town, "courier") == []
    return courier, person_id


async def ask(courier: Visitor, **fields: Any) -> httpx.Response:
    return await courier.actor.post("/visitor/v1/requests", json=fields)


async def test_a_courier_whose_company_ended_his_link_takes_back_his_consent_there(world: World, saga: Saga) -> None:
    town = await build_town(world)
    courier, person_id = await let_go(town, await admit(town))
    world.clock.advance(days=3)
    courier = await renewed(courier)
    (given,) = (await courier.actor.get("/visitor/v1/consents")).json()["consents"]
    assert given["purpose"] == "face_access"
    answer = await courier.actor.post("/visitor/v1/consents/face_access/withdraw")
    assert (answer.status_code, answer.json()["withdrawn"]) == (201, True), answer.text
    erasure_id = UUID(answer.json()["erasures"][0]["erasure_id"])
    assert await saga.resume(erasure_id)
    assert await templates_of(world, person_id) == 0
    paper = await courier.actor.get(f"/visitor/v1/erasures/{erasure_id}/certificate")
    assert (paper.status_code, paper.json()["certificate"]["reason"]) == (200, "consent_withdrawn")


async def test_he_has_himself_erased_there(world: World, saga: Saga) -> None:
    town = await build_town(world)
    courier, person_id = await let_go(town, await admit(town))
    made = await ask(courier, kind="erasure")
    assert (made.status_code, made.json()["state"]) == (201, "granted")
    (erasure,) = (await courier.actor.get("/visitor/v1/erasures")).json()["erasures"]
    assert await saga.resume(UUID(erasure["erasure_id"]))
    assert await templates_of(world, person_id) == 0
    page = await courier.actor.get(f"/visitor/v1/erasures/{erasure['erasure_id']}/certificate/page?language=en")
    assert page.status_code == 200


async def test_he_gets_a_copy_asks_for_corrections_and_restricts_there(world: World) -> None:
    town = await build_town(world)
    courier, _ = await let_go(town, await admit(town))
    asked = (await ask(courier, kind="access")).json()
    copy = await courier.actor.get(f"/visitor/v1/requests/{asked['request_id']}/export")
    assert copy.status_code == 200
    assert "data/enrolment.json" in zipfile.ZipFile(io.BytesIO(copy.content)).namelist()
    assert (await ask(courier, kind="correction", name="Right Name")).json()["state"] == "granted"
    community = str(town.community_id)
    restricted = (await ask(courier, kind="restriction", community_id=community)).json()
    assert (await ask(courier, kind="objection", community_id=community, text="No.")).json()["state"] == "open"
    lifted = await courier.actor.post(f"/visitor/v1/requests/{restricted['request_id']}/lift")
    assert lifted.json()["state"] == "lifted"
    assert len((await courier.actor.get("/visitor/v1/requests")).json()["requests"]) == 4


async def test_he_leaves_there_whom_he_still_works_for_and_hears_again_who_let_him_go(world: World) -> None:
    town = await build_town(world)
    one, other = await admit(town), await admit(town, name="Meals")
    phone = world.new_phone()
    courier = await one.courier("W-1", phone)
    await courier.accept()
    await other.name("M-1", phone)
    assert (await one.actor.delete("/partner/v1/couriers/W-1")).status_code == 204
    answer = await courier.withdraw()
    assert (answer.status_code, answer.json()["state"], answer.json()["inviting"]) == (200, "withdrawn", "Parcels")
    (left,) = (await courier.actor.get("/visitor/v1/companies")).json()["companies"]
    assert left["company"] == "Meals"
    assert (await courier.actor.delete(f"/visitor/v1/companies/{left['partner_id']}")).status_code == 204
    assert (await other.actor.get("/partner/v1/couriers/M-1")).json()["state"] == "suspended"


async def test_a_courier_leaves_by_a_link_that_is_too_old_for_anything_else(world: World) -> None:
    town = await build_town(world)
    company = await admit(town)
    courier = await company.courier("W-1")
    await courier.accept()
    world.clock.advance(days=181)
    company = await company.logged_in_again()
    assert (await company.shift()).json()["state"] == "granted"
    courier = await renewed(courier)
    assert (await courier.invitation()).json()["code"] == "link-expired"
    assert (await courier.withdraw()).json()["state"] == "withdrawn"
    assert await grants(town, "courier") == []


async def test_a_lost_phone_has_no_rights_once_he_has_answered_on_another(world: World) -> None:
    town = await build_town(world)
    company = await admit(town)
    phone = world.new_phone()
    lost, _ = await with_a_face(town, company, phone)
    assert (await company.actor.delete("/partner/v1/couriers/W-1")).status_code == 204
    assert (await company.name("W-1", phone)).status_code == 200
    new = await open_link(world.api, company.link_sent_to(phone))
    # Until he answers, nobody knows that it was not he who opened it.
    assert (await lost.actor.get("/visitor/v1/consents")).status_code == 200
    assert (await new.accept()).status_code == 200
    for refused in (
        await lost.actor.get("/visitor/v1/consents"),
        await lost.actor.post("/visitor/v1/consents/face_access/withdraw"),
        await ask(lost, kind="access"),
        await lost.withdraw(),
        await lost.actor.get("/visitor/v1/companies"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (410, "link-closed")
    assert (await new.actor.get("/visitor/v1/consents")).status_code == 200


async def test_a_link_that_nobody_answered_leaves_no_rights(world: World) -> None:
    town = await build_town(world)
    company = await admit(town)
    courier = await company.courier("W-1")
    assert (await company.actor.delete("/partner/v1/couriers/W-1")).status_code == 204
    for refused in (await courier.actor.get("/visitor/v1/consents"), await ask(courier, kind="access")):
        assert (refused.status_code, refused.json()["code"]) == (410, "link-closed")


async def test_whoever_has_an_account_uses_it_where_his_phone_is_not_logged_in(world: World) -> None:
    town = await build_town(world)
    company, other = await admit(town), await admit(town, name="Meals")
    tenant = await town.tenant()
    courier = await company.courier("W-1", tenant.actor.phone)
    await courier.accept()
    assert (await join(tenant.actor, courier)).status_code == 200
    assert (await company.actor.delete("/partner/v1/couriers/W-1")).status_code == 204
    his = await renewed(courier)
    assert (await his.actor.get("/visitor/v1/consents")).status_code == 200
    # Whoever has the number now answers another company's link: a resident's data are not behind it.
    await other.name("M-1", tenant.actor.phone)
    stranger = await open_link(world.api, other.link_sent_to(tenant.actor.phone))
    await stranger.accept()
    assert (await other.actor.delete("/partner/v1/couriers/M-1")).status_code == 204
    for refused in (await stranger.actor.get("/visitor/v1/consents"), await ask(stranger, kind="access")):
        assert (refused.status_code, refused.json()["code"]) == (403, "link-unproven")

"""Certificates of erasure: what they say, who gets them, that nobody can change them; and who is gone with it."""

import asyncio
import json
from uuid import UUID, uuid4

import pytest

from backend.kit.db import Database
from backend.privacy.certificates.signing import read_keys, verify
from backend.privacy.saga import Saga
from tests.backend.couriers.company import admit
from tests.backend.households.town import build_town
from tests.backend.privacy.faces import acknowledge, attach, give_face, install_gate
from tests.backend.privacy.papers import KEYS, certificate, is_there, make_saga, move_out, own, query, remains
from tests.backend.world import World


@pytest.fixture
def saga(world: World, worker_db: Database) -> Saga:
    """Writes to people, too."""
    return make_saga(world, worker_db)


async def test_who_moves_out_is_gone_and_has_it_in_writing(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await tenant.actor.patch("/resident/v1/me", json={"name": "Nobody Real"})
    await give_face(town, tenant)
    gate_id = await install_gate(town)
    erasure_id = await move_out(town, tenant)
    awaited = await town.office.get(f"{town.staff_path}/erasures/{erasure_id}/certificate")
    assert (awaited.status_code, awaited.json()["code"]) == (409, "certificate-awaited")
    assert not await saga.resume(erasure_id)
    await acknowledge(town, gate_id)
    assert await saga.resume(erasure_id)

    assert not await is_there(world, tenant.person_id)
    for table in ("account", "consent", "subject", "enrolment", "template", "consent_hold"):
        assert await query(world, f"SELECT count(*) FROM {table} WHERE person_id IS NOT DISTINCT FROM $1",
                           tenant.person_id) == 0, table  # fmt: skip
    assert await query(world, "SELECT count(*) FROM account WHERE phone = $1", tenant.actor.phone) == 0
    assert await query(world, "SELECT name FROM member WHERE member_id = $1", tenant.member_id) == "—"
    assert await query(world, "SELECT count(*) FROM consent_proof WHERE person_id = $1", tenant.person_id) == 2
    assert (await tenant.actor.get("/resident/v1/me")).status_code == 401
    renewed = await world.api.post("/resident/v1/token", json={"refresh_token": tenant.actor.refresh_token})
    assert renewed.status_code == 401

    signed = await certificate(town, erasure_id)
    body = signed["certificate"]
    assert (body["status"], body["about"], body["gates_outstanding"]) == ("complete", "community", 0)
    assert {step["step"] for step in body["stores"]} == {
        "grants", "credentials", "templates", "photos", "key", "person"
    }  # fmt: skip
    assert all(step["confirmed_at"] for step in body["stores"])
    ((gate,),) = [place["gates"] for place in body["places"]]
    assert (gate["gate_id"], gate["state"], gate["digest"]) == (str(gate_id), "confirmed", bytes(32).hex())
    assert gate["version"] >= body["places"][0]["version"]
    assert {kind["kind"]: kind["count"] for kind in body["existed"]} == {"template": 1, "photograph": 3, "key": 1}
    assert body["backups_unreadable_by"] is not None
    personal = await own(tenant, erasure_id)
    assert [text["purpose"] for text in personal["consents"]] == ["face_access", "photo_retention"]
    assert {"consent_proof", "erasure_record", "audit_trail", "entries"} <= remains(personal)
    assert all(one["laws"] for one in personal["remains"])
    text = json.dumps(personal) + json.dumps(body)
    for private in ("Nobody Real", "Tenant", tenant.actor.phone, tenant.actor.phone[1:]):
        assert private not in text
    # His access token lasts some minutes longer, and does nothing.
    for answer in (
        await tenant.actor.put("/resident/v1/consents/face_access", json={"version": 1}),
        await tenant.actor.post("/resident/v1/enrolments", json={}),
        await tenant.actor.patch("/resident/v1/me", json={"name": "Again"}),
        await tenant.actor.delete("/resident/v1/me"),
    ):
        assert 400 < answer.status_code < 500, answer.text
    # Logging in with the number again is somebody new, who has nothing.
    again = await world.resident(tenant.actor.phone)
    assert (await again.get("/resident/v1/me")).json()["name"] is None
    assert (await again.get("/resident/v1/erasures")).json() == {"erasures": []}
    assert (await again.get(f"/resident/v1/erasures/{erasure_id}/certificate")).status_code == 404


async def test_who_is_gone_still_reads_his_certificate_by_the_link_in_his_message(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    assert await saga.resume(await move_out(town, tenant))
    (link,) = [m["values"]["link"] for m in world.messages(tenant.actor.phone) if m["template"] == "erasure_complete"]
    address, _, secret = link.partition("#")
    path = "/certificates/" + address.rpartition("/")[2]
    entrance = await world.api.get(path)
    assert entrance.status_code == 200
    english = await world.api.get(path, params={"language": "en"})
    assert "Show the certificate" in english.text
    # Nobody learns from it whether there is such a certificate.
    assert (await world.api.get(f"/certificates/{uuid4()}")).text == entrance.text
    assert "script-src 'sha256-" in entrance.headers["content-security-policy"]
    for language, word in (("zh-CN", "个人信息删除证明"), ("en", "Certificate of erasure")):
        page = await world.api.post(path, data={"secret": secret, "language": language})
        assert page.status_code == 200
        assert word in page.text
        assert page.headers["cache-control"] == "no-store"
    document = await world.api.post(f"{path}/document", json={"secret": secret})
    keys = read_keys((await world.api.get(KEYS)).content)
    assert verify(document.content, keys).about == "person"
    for wrong in ("x" * 43, secret[:-1], secret + "A", secret.lower()):
        assert (await world.api.post(f"{path}/document", json={"secret": wrong})).status_code == 404
        assert (await world.api.post(path, data={"secret": wrong})).status_code == 404
    assert (await world.api.post(f"/certificates/{uuid4()}/document", json={"secret": secret})).status_code == 404


async def test_a_gate_that_is_cut_off_makes_it_provisional_until_it_is_back(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    near, far = await install_gate(town, "Near"), await install_gate(town, "Far")
    erasure_id = await move_out(town, tenant)
    await acknowledge(town, near)
    assert not await saga.resume(erasure_id)
    await acknowledge(town, near)
    assert not await saga.resume(erasure_id)
    first = await certificate(town, erasure_id)
    body = first["certificate"]
    assert (body["status"], body["gates_outstanding"], body["completed_at"]) == ("provisional", 1, None)
    states = {gate["gate_id"]: gate["state"] for gate in body["places"][0]["gates"]}
    assert states == {str(near): "confirmed", str(far): "outstanding"}
    world.clock.advance(hours=1)
    assert not await saga.resume(erasure_id)
    # Nothing new to say, nothing new signed.
    assert await certificate(town, erasure_id) == first
    await acknowledge(town, far)
    assert await saga.resume(erasure_id)
    complete = await certificate(town, erasure_id)
    assert complete["certificate"]["status"] == "complete"
    assert complete["certificate"]["certificate_id"] == body["certificate_id"]


async def test_a_gate_that_never_returns_is_done_with_when_it_has_wiped_itself(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    await install_gate(town)
    erasure_id = await move_out(town, tenant)
    assert not await saga.resume(erasure_id)
    # What the gate does not hear of does not shorten its lease.
    await query(world, "UPDATE community SET wipe_after_s = 3600")
    ((gate,),) = [place["gates"] for place in (await certificate(town, erasure_id))["certificate"]["places"]]
    world.clock.advance(days=7)
    assert not await saga.resume(erasure_id)
    world.clock.advance(minutes=11)
    assert await saga.resume(erasure_id)
    body = (await certificate(town, erasure_id))["certificate"]
    ((wiped,),) = [place["gates"] for place in body["places"]]
    assert (body["status"], wiped["state"], wiped["digest"]) == ("complete", "wiped", None)
    assert wiped["confirmed_at"] == wiped["wiped_by"] == gate["wiped_by"]


async def test_a_revoked_gate_is_named_as_such(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    gate_id = await install_gate(town)
    erasure_id = await move_out(town, tenant)
    assert not await saga.resume(erasure_id)
    await town.office.post(f"{town.staff_path}/gates/{gate_id}/revoke", json={"reason": "stolen"})
    assert await saga.resume(erasure_id)
    body = (await certificate(town, erasure_id))["certificate"]
    assert [gate["state"] for place in body["places"] for gate in place["gates"]] == ["revoked"]


async def test_a_resident_who_is_a_courier_keeps_what_the_work_needs_and_no_more(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    company = await admit(town)
    visitor = await company.courier("W-1", tenant.actor.phone)
    await visitor.accept()
    joined = await tenant.actor.post("/resident/v1/courier", json={"refresh_token": visitor.actor.refresh_token})
    assert joined.status_code == 200, joined.text
    erasure_id = await move_out(town, tenant)
    assert await saga.resume(erasure_id)
    assert await is_there(world, tenant.person_id)
    assert await query(world, "SELECT count(*) FROM template WHERE person_id = $1", tenant.person_id) == 1
    # Not his account as a resident, nor his name in the register, nor his pseudonym there.
    assert await query(world, "SELECT count(*) FROM account WHERE phone = $1", tenant.actor.phone) == 0
    assert await query(world, "SELECT name FROM member WHERE member_id = $1", tenant.member_id) == "—"
    assert await query(world, "SELECT count(*) FROM subject WHERE person_id = $1", tenant.person_id) == 0
    personal = await own(tenant, erasure_id)
    assert (personal["extent"], personal["kept_roles"]) == ("community", ["courier"])
    assert {"role_courier", "face_elsewhere", "consents"} <= remains(personal)
    assert "consent_proof" not in remains(personal)
    assert (await certificate(town, erasure_id))["certificate"]["kept_roles"] == []


async def test_who_withdraws_his_consent_reads_that_his_right_stays(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    answer = await tenant.actor.post("/resident/v1/consents/face_access/withdraw")
    address, _, secret = answer.json()["certificate_link"].partition("#")
    path = f"/certificates/{address.rpartition('/')[2]}/document"
    early = await world.api.post(path, json={"secret": secret})
    assert (early.status_code, early.json()["code"]) == (409, "certificate-awaited")
    (begun,) = answer.json()["erasures"]
    assert await saga.resume(UUID(begun["erasure_id"]))
    body = (await world.api.post(path, json={"secret": secret})).json()["certificate"]
    assert (body["status"], body["reason"], body["kept_roles"]) == ("complete", "consent_withdrawn", ["resident"])
    assert {"role_resident", "consents", "destroyed_key_mark"} <= remains(body)
    assert "register_without_name" not in remains(body)
    assert [m["template"] for m in world.messages(tenant.actor.phone)][-1] == "erasure_complete"
    assert (await tenant.actor.get("/resident/v1/me")).status_code == 200


async def test_no_community_reads_of_another_in_its_certificate(world: World, saga: Saga) -> None:
    one = await build_town(world)
    other = await build_town(world, office=one.office, name="Other Court")
    tenant = await one.tenant()
    await give_face(one, tenant)
    created = await other.tenancy(await other.home(), tenant.actor.phone)
    await tenant.actor.post("/resident/v1/join", json={"activation_code": created["activation_code"]})
    await attach(other, tenant)
    await install_gate(one, "First gate")
    first = await move_out(one, tenant)
    assert not await saga.resume(first)
    assert await is_there(world, tenant.person_id)
    answer = await other.office.post(f"{other.staff_path}/tenancies/{created['tenancy_id']}/end", json={})
    second = UUID(answer.json()["erasures"][0]["erasure_id"])
    assert await saga.resume(second)
    assert not await is_there(world, tenant.person_id)
    text = json.dumps(await certificate(other, second))
    for foreign in (str(one.community_id), "Garden Court", "First gate"):
        assert foreign not in text
    foreign_path = f"{one.staff_path}/erasures/{second}/certificate"
    assert (await one.office.get(foreign_path)).status_code == 404
    assert (await one.office.get(f"{foreign_path}/page")).status_code == 404
    places = {place["community_id"] for place in (await own(tenant, first))["places"]}
    assert places == {str(one.community_id)}


async def test_two_workers_at_once_make_one_certificate(world: World, worker_db: Database, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    erasure_id = await move_out(town, tenant)
    other = make_saga(world, worker_db)
    await asyncio.gather(saga.resume(erasure_id), other.resume(erasure_id), saga.resume(erasure_id))
    assert await saga.resume(erasure_id)
    rows = await query(world, "SELECT count(*) FROM erasure_certificate WHERE erasure_id = $1", erasure_id)
    assert rows == 2
    first = await certificate(town, erasure_id)
    world.clock.advance(hours=1)
    assert await saga.resume(erasure_id)
    assert await certificate(town, erasure_id) == first

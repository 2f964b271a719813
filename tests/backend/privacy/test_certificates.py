"""Certificates of erasure: what they say, who gets them, that nobody can change them; and who is gone with it."""

import asyncio
import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from backend import cli
from backend.kit.db import Database
from backend.kit.messages import MessagesUnavailable
from backend.notifications.senders import ConsoleSender
from backend.privacy import jobs
from backend.privacy.certificates.errors import CertificateRefused
from backend.privacy.certificates.signing import read_keys, verify
from backend.privacy.forgetting.service import forget_pass_names
from backend.privacy.saga import Saga
from backend.worker import tick
from tests.backend.couriers.company import admit, open_link
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.privacy.faces import NOTHING, acknowledge, attach, give_face, install_gate, left_of
from tests.backend.visitors.test_passes import invite
from tests.backend.world import World

KEYS = "/.well-known/doorward-certificate-keys.json"


def make_saga(world: World, worker_db: Database) -> Saga:
    assert world.settings.data_dir is not None
    sender = ConsoleSender(world.settings.data_dir / "messages.jsonl")
    return Saga(worker_db, world.resources.keys, world.resources.objects, world.clock, sender=sender)


@pytest.fixture
def saga(world: World, worker_db: Database) -> Saga:
    return make_saga(world, worker_db)


async def move_out(town: Town, tenant: Resident) -> UUID:
    answer = await town.office.post(f"{town.staff_path}/tenancies/{tenant.tenancy_id}/end", json={})
    assert answer.status_code == 201, answer.text
    (begun,) = answer.json()["erasures"]
    return UUID(begun["erasure_id"])


async def certificate(town: Town, erasure_id: UUID) -> dict[str, Any]:
    """As the town's office reads it."""
    path = f"{town.staff_path}/erasures/{erasure_id}/certificate"
    answer = await town.office.get(path)
    if answer.status_code == 401:
        answer = await (await town.world.login(town.office.phone, surface="staff")).get(path)
    assert answer.status_code == 200, answer.text
    signed: dict[str, Any] = answer.json()
    return signed


async def query(world: World, sql: str, *args: object) -> Any:
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        return await conn.fetchval(sql, *args)
    finally:
        await conn.close()


async def is_there(world: World, person_id: UUID) -> bool:
    return bool(await query(world, "SELECT EXISTS (SELECT FROM person WHERE person_id = $1)", person_id))


async def own(resident: Resident, erasure_id: UUID) -> dict[str, Any]:
    """As the person himself reads it, while his access token lasts."""
    answer = await resident.actor.get(f"/resident/v1/erasures/{erasure_id}/certificate")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()["certificate"]
    return body


def remains(body: dict[str, Any]) -> set[str]:
    return {one["what"] for one in body["remains"]}


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
    visitor = await company.courier("W-1")
    await visitor.accept()
    # The same natural person, as a deployment that ties both would hold it.
    await query(world, "UPDATE courier_employment SET person_id = $1", tenant.person_id)
    await query(world, "UPDATE courier SET person_id = $1", tenant.person_id)
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


async def test_deleting_the_account_takes_all_that_nothing_else_needs(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    relative = await town.family(tenant)
    await give_face(town, relative)
    answer = await relative.actor.delete("/resident/v1/me")
    assert answer.status_code == 202, answer.text
    assert answer.json()["certificate_link"].partition("#")[2]
    renewed = await world.api.post("/resident/v1/token", json={"refresh_token": relative.actor.refresh_token})
    assert renewed.status_code == 401
    assert await saga.resume(UUID(answer.json()["erasure_id"]))
    assert await left_of(world.resources, relative.person_id, [town.community_id]) == NOTHING
    assert not await is_there(world, relative.person_id)
    members = await tenant.actor.get(f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/members")
    assert [member["relation"] for member in members.json()["members"]] == ["tenant"]
    assert (await own(relative, UUID(answer.json()["erasure_id"])))["kept_roles"] == []


async def test_a_tenant_who_deletes_his_account_stays_on_the_register_only(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    erasure_id = UUID((await tenant.actor.delete("/resident/v1/me")).json()["erasure_id"])
    assert await saga.resume(erasure_id)
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING
    assert await query(world, "SELECT count(*) FROM account WHERE phone = $1", tenant.actor.phone) == 0
    assert await query(world, "SELECT name FROM member WHERE member_id = $1", tenant.member_id) == "Tenant"
    personal = await own(tenant, erasure_id)
    assert personal["kept_roles"] == ["resident"]
    assert "role_resident" in remains(personal)
    # The end of the tenancy takes the rest.
    assert await saga.resume(await move_out(town, tenant))
    assert not await is_there(world, tenant.person_id)


async def test_an_account_is_deleted_only_just_after_logging_in(world: World) -> None:
    resident = await world.resident()
    world.clock.advance(minutes=4)
    renewed = (await world.api.post("/resident/v1/token", json={"refresh_token": resident.refresh_token})).json()
    world.clock.advance(minutes=2)
    stale = await world.api.delete("/resident/v1/me", headers={"Authorization": f"Bearer {renewed['access_token']}"})
    assert (stale.status_code, stale.json()["code"]) == (403, "fresh-log-in-needed")
    fresh = await world.resident(resident.phone)
    assert (await fresh.delete("/resident/v1/me")).status_code == 202
    assert (await fresh.delete("/resident/v1/me")).status_code == 403
    assert (await world.api.delete("/resident/v1/me")).status_code == 401


async def test_a_guest_without_a_face_is_gone_a_day_after_his_visit(
    world: World, worker_db: Database, saga: Saga
) -> None:
    town = await build_town(world)
    host = await town.tenant()
    token = (await invite(town, host))["link_token"]
    guest = await open_link(world.api, token)
    assert (await guest.accept()).status_code == 200
    await invite(town, host)
    world.clock.advance(hours=23)
    await tick(worker_db, world.clock)
    assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 0
    assert await forget_pass_names(worker_db, now=world.clock()) == 0
    world.clock.advance(days=2)
    assert await forget_pass_names(worker_db, now=world.clock()) == 2
    assert await query(world, "SELECT count(*) FROM guest_pass WHERE guest_name <> '—'") == 0
    assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 1
    assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 0
    erasure_id = await query(world, "SELECT erasure_id FROM erasure")
    assert await saga.resume(erasure_id)
    assert await query(world, "SELECT count(*) FROM visitor_link WHERE person_id IS NOT NULL") == 0
    assert await query(world, "SELECT array_agg(person_id) FROM person") == [host.person_id]
    assert await is_there(world, host.person_id)


async def test_whoever_joins_again_meanwhile_is_not_forgotten(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    erasure_id = await move_out(town, tenant)
    created = await town.tenancy(await town.home("2-201"), tenant.actor.phone)
    joined = await tenant.actor.post("/resident/v1/join", json={"activation_code": created["activation_code"]})
    assert joined.status_code == 201, joined.text
    assert await saga.resume(erasure_id)
    assert (await tenant.actor.get("/resident/v1/me")).status_code == 200
    assert (await own(tenant, erasure_id))["kept_roles"] == ["resident"]
    # And he may agree anew.
    given = await tenant.actor.put("/resident/v1/consents/face_access", json={"version": 1})
    assert given.status_code == 200, given.text


class _Mute:
    async def send(self, **_: object) -> None:
        raise MessagesUnavailable


async def test_a_carrier_that_is_away_delays_for_an_hour_and_no_longer(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    erasure_id = await move_out(town, tenant)
    resources = world.resources
    saga = Saga(worker_db, resources.keys, resources.objects, world.clock, sender=_Mute())
    assert not await saga.resume(erasure_id)
    assert await is_there(world, tenant.person_id)
    world.clock.advance(minutes=61)
    assert await saga.resume(erasure_id)
    assert not await is_there(world, tenant.person_id)


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


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list):
        yield path, value
        for number, inner in enumerate(value):
            yield from leaves(inner, (*path, number))
    else:
        yield path, value


def changed(value: Any) -> list[Any]:
    """What might stand there instead, of the same form where it can be."""
    if isinstance(value, bool):
        return [not value, None]
    if isinstance(value, int):
        return [value + 1, str(value), float(value) + 0.5]
    if value is None:
        return ["2026-01-01T00:00:00Z", 1]
    if isinstance(value, list):
        return [[*value, copy.deepcopy(value[0])] if value else ["courier"], value[:-1] if value else None]
    others: list[Any] = [value + " ", None, ""]
    if re.match(r"\d{4}-\d\d-\d\dT", value):
        others += [value.replace("2026", "2027"), value.replace("Z", "+00:00"), value[:-1] + "0Z"]
    if re.fullmatch(r"[0-9a-f-]{36}", value):
        others += [str(uuid4()), value.upper()]
    if len(value) == 86:
        # Bits that the encoding does not use.
        others += [value[:-1] + letter for letter in "ABQRghwx" if letter != value[-1]]
    return others


async def test_any_change_of_any_field_is_found(world: World, saga: Saga) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    near = await install_gate(town, "Near")
    await install_gate(town, "Far")
    erasure_id = await move_out(town, tenant)
    await saga.resume(erasure_id)
    await acknowledge(town, near)
    await saga.resume(erasure_id)
    answer = await tenant.actor.get(f"/resident/v1/erasures/{erasure_id}/certificate")
    keys = read_keys((await world.api.get(KEYS)).content)
    genuine = answer.json()
    verify(json.dumps(genuine, indent=4).encode(), keys)
    tried = 0
    for path, value in leaves(genuine):
        for other in changed(value):
            if other == value:
                continue
            forged = copy.deepcopy(genuine)
            place = forged
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = other
            with pytest.raises(CertificateRefused):
                verify(json.dumps(forged).encode(), keys)
            tried += 1
    assert tried > 150
    for name in genuine["certificate"]:
        short = copy.deepcopy(genuine)
        del short["certificate"][name]
        with pytest.raises(CertificateRefused):
            verify(json.dumps(short).encode(), keys)
    more = copy.deepcopy(genuine)
    more["certificate"]["note"] = "x"
    twice = json.dumps(genuine).replace('"status":', '"status": "complete", "status":', 1)
    for forged_bytes in (json.dumps(more).encode(), twice.encode(), b"", b"[]", b"{}", b"\xff", b"[" * 100_000):
        with pytest.raises(CertificateRefused):
            verify(forged_bytes, keys)
    with pytest.raises(CertificateRefused):
        verify(json.dumps(genuine).encode(), {})


async def test_anybody_checks_a_certificate_with_the_public_keys_and_no_network(
    world: World, saga: Saga, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    erasure_id = await move_out(town, tenant)
    assert await saga.resume(erasure_id)
    signed = await certificate(town, erasure_id)
    file, keys, other_keys = tmp_path / "certificate.json", tmp_path / "keys.json", tmp_path / "other.json"
    file.write_text(json.dumps(signed))
    keys.write_bytes((await world.api.get(KEYS)).content)
    assert cli.main(["verify-certificate", str(file), "--keys", str(keys)]) == 0
    assert "GENUINE, complete" in capsys.readouterr().out
    signed["certificate"]["extent"] = "photos"
    file.write_text(json.dumps(signed))
    assert cli.main(["verify-certificate", str(file), "--keys", str(keys)]) == 1
    assert "NOT GENUINE" in capsys.readouterr().out
    other_keys.write_text('{"keys": []}')
    assert cli.main(["verify-certificate", str(file), "--keys", str(other_keys)]) == 1
    assert cli.main(["verify-certificate", str(tmp_path / "none"), "--keys", str(keys)]) == 2
    assert cli.main(["verify-certificate", str(file), "--url", "http://127.0.0.1:9/keys"]) == 2
    with pytest.raises(SystemExit):
        cli.main(["verify-certificate", str(file)])
    capsys.readouterr()


async def test_the_page_speaks_both_languages_and_escapes_what_others_named(world: World, saga: Saga) -> None:
    town = await build_town(world, name="<b>Court</b>")
    tenant = await town.tenant()
    await give_face(town, tenant)
    await install_gate(town, "<script>alert(1)</script>")
    erasure_id = await move_out(town, tenant)
    await saga.resume(erasure_id)
    path = f"{town.staff_path}/erasures/{erasure_id}/certificate/page"
    for language in ("zh-CN", "en"):
        page = await town.office.get(path, params={"language": language})
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert "<script>alert" not in page.text
        assert "<b>Court" not in page.text
    assert (await town.office.get(path, params={"language": "fr"})).status_code == 400

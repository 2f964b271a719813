"""What people ask about their data: a copy with everything in it, corrections, restrictions, objections, erasure."""

import hashlib
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from backend.enrolment import service as enrolment
from backend.kit.db import Database, Scope
from backend.privacy.requests.export import gather
from backend.privacy.requests.rules import due_at
from tests.backend.couriers.company import Visitor, admit, open_link
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.privacy.faces import give_face
from tests.backend.test_row_level_security import SOMEBODY, fill, tables
from tests.backend.world import Actor, World


async def ask(actor: Actor, surface: str = "resident", **body: object) -> dict[str, Any]:
    answer = await actor.post(f"/{surface}/v1/requests", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def fetch(actor: Actor, request_id: str, surface: str = "resident") -> httpx.Response:
    return await actor.get(f"/{surface}/v1/requests/{request_id}/export")


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def opened(answer: httpx.Response) -> dict[str, bytes]:
    """The archive's files, after its own manifest was held against them."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert "no-store" in answer.headers["cache-control"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        assert packed.testzip() is None
        files = {name: packed.read(name) for name in packed.namelist()}
    manifest = json.loads(files["manifest.json"])
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256(files[name]).hexdigest() == digest
    assert set(files) == {*manifest["sha256"], "manifest.json"}
    return files


async def guest_of(town: Town, tenant: Resident) -> Visitor:
    window = {
        "valid_from": town.world.clock().isoformat(),
        "valid_until": (town.world.clock() + timedelta(hours=4)).isoformat(),
    }
    invited = await tenant.actor.post(
        f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/passes", json={"guest_name": "Guest", **window}
    )
    assert invited.status_code == 201, invited.text
    guest = await open_link(town.world.api, invited.json()["link_token"])
    assert (await guest.accept()).status_code == 200
    return guest


async def roster_body(town: Town, subject_id: UUID) -> dict[str, Any]:
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id), read_only=True) as conn:
        body = await conn.fetchval(
            "SELECT convert_from(body, 'UTF8') FROM roster WHERE community_id = $1 AND subject_id = $2",
            town.community_id, subject_id,
        )  # fmt: skip
    found: dict[str, Any] = json.loads(body)
    return found


async def in_gallery(town: Town, subject_id: UUID) -> bool:
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id), read_only=True) as conn:
        found: bool = await conn.fetchval(
            "SELECT EXISTS (SELECT FROM gallery WHERE community_id = $1 AND subject_id = $2)",
            town.community_id, subject_id,
        )  # fmt: skip
    return found


async def test_every_table_that_names_a_person_is_in_his_copy(
    world: World, owner: "asyncpg.Connection[asyncpg.Record]", worker_db: Database
) -> None:
    """One row about the same person in every table: whatever noun is added later must show its own."""
    found = await tables(owner)
    about_people = {
        table.name for table in found if any(name.endswith(("person_id", "subject_id")) for name, _ in table.columns)
    }
    await fill(owner, found)
    await owner.execute("UPDATE roster SET body = '{}'")
    await owner.execute("UPDATE erasure_certificate SET document = '{}'")

    async with world.resources.db.transaction(Scope(person_id=SOMEBODY, platform=True), read_only=True) as conn:
        copied = await gather(conn, person_id=SOMEBODY)

    shown = {name for noun in copied.values() for name, rows in noun.items() if rows}
    assert about_people - shown == set()
    assert len(about_people) > 20


async def test_a_resident_downloads_everything_with_his_photographs(world: World) -> None:
    town = await build_town(world)
    tenant, neighbour = await town.tenant(), await town.tenant("1-102")
    await give_face(town, tenant)
    await give_face(town, neighbour)
    await guest_of(town, tenant)

    made = await ask(tenant.actor, kind="access")
    assert made["state"] == "granted"
    files = opened(await fetch(tenant.actor, made["request_id"]))

    assert len([name for name in files if name.startswith("photographs/")]) == 3
    assert [len(data) for name, data in files.items() if name.startswith("photographs/")] == [100] * 3
    assert [len(data) for name, data in files.items() if name.startswith("templates/")] == [256]
    (account,) = json.loads(files["data/accounts.json"])["account"]
    assert account["phone"] == tenant.actor.phone
    (member,) = json.loads(files["data/households.json"])["member"]
    assert member["member_id"] == str(tenant.member_id)
    assert [one["guest_name"] for one in json.loads(files["data/visitors.json"])["guest_pass"]] == ["Guest"]
    assert {one["purpose"] for one in json.loads(files["data/consent.json"])["consent"]} == {
        "face_access",
        "photo_retention",
    }
    whole = b"".join(files.values())
    for stranger in (neighbour.actor.phone, str(neighbour.person_id), str(neighbour.member_id)):
        assert stranger.encode() not in whole
    assert tenant.actor.phone in files["index.html"].decode()
    # A second copy tells of the first: reading biometric data is an act.
    again = opened(await fetch(tenant.actor, made["request_id"]))
    acts = {one["action"] for one in json.loads(again["data/audit.json"])["audit_entry"]}
    assert {"request.access", "request.export"} <= acts
    assert b"staff:" not in again["data/audit.json"]


async def test_what_a_name_contains_does_not_become_part_of_the_page(world: World) -> None:
    resident = await world.resident(name="<script>alert(1)</script>")
    made = await ask(resident, kind="access")
    page = opened(await fetch(resident, made["request_id"]))["index.html"].decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


async def test_nothing_is_asked_with_an_old_log_in(world: World) -> None:
    resident = await world.resident()
    world.clock.advance(minutes=5, seconds=1)
    for body in ({"kind": "access"}, {"kind": "correction", "name": "Other"}, {"kind": "erasure"}):
        answer = await resident.post("/resident/v1/requests", json=body)
        assert refused(answer) == (403, "fresh-log-in-needed")
    again = await world.resident(resident.phone)
    assert (await ask(again, kind="access"))["state"] == "granted"


async def test_a_copy_is_for_the_session_that_asked_or_a_fresh_one_and_for_a_day(world: World) -> None:
    old = await world.resident()
    world.clock.advance(minutes=6)
    asking = await world.resident(old.phone)
    request_id = (await ask(asking, kind="access"))["request_id"]
    world.clock.advance(minutes=6)

    assert refused(await fetch(old, request_id)) == (401, "unauthorised")
    renewed = await world.api.post("/resident/v1/token", json={"refresh_token": old.refresh_token})
    old_session = Actor(world.api, old.phone, renewed.json()["access_token"], "")
    assert refused(await fetch(old_session, request_id)) == (403, "fresh-log-in-needed")
    opened(await fetch(asking, request_id))
    opened(await fetch(await world.resident(old.phone), request_id))

    world.clock.advance(hours=24)
    assert refused(await fetch(await world.resident(old.phone), request_id)) == (410, "export-expired")


async def test_a_copy_is_nobody_else_s(world: World) -> None:
    request_id = (await ask(await world.resident(), kind="access"))["request_id"]
    stranger = await world.resident()
    assert refused(await fetch(stranger, request_id)) == (404, "request-not-found")
    assert refused(await stranger.post(f"/resident/v1/requests/{request_id}/lift")) == (404, "request-not-found")


async def test_guests_and_couriers_download_theirs(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    guest = await guest_of(town, tenant)
    made = await ask(guest.actor, "visitor", kind="access")
    files = opened(await fetch(guest.actor, made["request_id"], "visitor"))
    assert [one["guest_name"] for one in json.loads(files["data/visitors.json"])["guest_pass"]] == ["Guest"]
    assert str(tenant.person_id).encode() not in b"".join(files.values())

    company = await admit(town)
    courier = await company.courier("w-1")
    assert (await courier.accept()).status_code == 200
    assert (await company.shift("w-1")).status_code == 201
    made = await ask(courier.actor, "visitor", kind="access")
    brought = json.loads(opened(await fetch(courier.actor, made["request_id"], "visitor"))["data/couriers.json"])
    assert [len(brought[name]) for name in ("courier", "courier_employment", "courier_shift", "partner_event")] == [
        1
    ] * 4


async def test_one_s_own_name_is_corrected_at_once_and_the_register_s_by_the_office(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    assert (await ask(tenant.actor, kind="correction", name="Right"))["state"] == "granted"
    assert (await tenant.actor.get("/resident/v1/me")).json()["name"] == "Right"

    community = str(town.community_id)
    made = await ask(tenant.actor, kind="correction", name="Right", community_id=community, text="As in my passport")
    assert made["state"] == "open"
    (waiting,) = (await town.office.get(f"{town.staff_path}/requests")).json()["requests"]
    assert (waiting["name"], waiting["text"], waiting["overdue"]) == ("Right", "As in my passport", False)
    path = f"{town.staff_path}/requests/{made['request_id']}/decide"
    decided = await town.office.post(path, json={"granted": True, "answer": "Done."})
    assert decided.status_code == 200, decided.text
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        name = await conn.fetchval("SELECT name FROM member WHERE member_id = $1", tenant.member_id)
    assert name == "Right"
    assert refused(await town.office.post(path, json={"granted": False, "answer": "No."})) == (409, "request-decided")
    own = (await tenant.actor.get("/resident/v1/requests")).json()["requests"]
    assert [one["answer"] for one in own if one["request_id"] == made["request_id"]] == ["Done."]
    trail = (await town.office.get(f"{town.staff_path}/audit")).json()["entries"]
    assert ("request.grant", f"request:{made['request_id']}") in {(one["action"], one["target"]) for one in trail}


async def test_a_restricted_face_is_used_by_no_gate_and_comes_back(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    subject_id = await give_face(town, tenant)
    assert (await roster_body(town, subject_id))["template"] is not None
    keys = world.resources.keys

    made = await ask(tenant.actor, kind="restriction", community_id=str(town.community_id))

    body = await roster_body(town, subject_id)
    assert body["template"] is None
    assert body["grants"]
    # What the worker does every minute does not bring it back.
    await enrolment.ensure_galleries(worker_db, keys)
    await enrolment.attach_waiting(worker_db, keys, now=world.clock())
    assert not await in_gallery(town, subject_id)
    assert (await roster_body(town, subject_id))["template"] is None

    lifted = await tenant.actor.post(f"/resident/v1/requests/{made['request_id']}/lift")
    assert (lifted.status_code, lifted.json()["state"]) == (200, "lifted")
    assert (await roster_body(town, subject_id))["template"] is not None
    await enrolment.ensure_galleries(worker_db, keys)
    assert await in_gallery(town, subject_id)
    again = await tenant.actor.post(f"/resident/v1/requests/{made['request_id']}/lift")
    assert refused(again) == (409, "request-decided")


async def test_objections_wait_in_order_and_show_when_they_are_overdue(world: World) -> None:
    town, other = await build_town(world), await build_town(world, name="Another Court")
    tenant, neighbour = await town.tenant(), await town.tenant("1-102")
    community = str(town.community_id)
    first = await ask(tenant.actor, kind="objection", community_id=community, text="Not at the pool")
    world.clock.advance(minutes=1)
    second = await ask(neighbour.actor, kind="objection", community_id=community)
    assert datetime.fromisoformat(first["due_at"]) - datetime.fromisoformat(first["opened_at"]) == timedelta(days=21)

    world.clock.advance(days=21)
    staff = await world.login(town.office.phone, surface="staff")
    page = (await staff.get(f"{town.staff_path}/requests", params={"limit": 1})).json()
    assert [(one["request_id"], one["overdue"]) for one in page["requests"]] == [(first["request_id"], True)]
    rest = (await staff.get(f"{town.staff_path}/requests", params={"cursor": page["next_cursor"]})).json()
    assert [(one["request_id"], one["overdue"]) for one in rest["requests"]] == [(second["request_id"], False)]

    stranger = await world.login(other.office.phone, surface="staff")
    assert (await stranger.get(f"{other.staff_path}/requests")).json()["requests"] == []
    body = {"granted": True, "answer": "Yes."}
    foreign = await stranger.post(f"{other.staff_path}/requests/{first['request_id']}/decide", json=body)
    assert refused(foreign) == (404, "request-not-found")


async def test_asking_for_erasure_begins_it(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    assert (await ask(tenant.actor, kind="erasure"))["state"] == "granted"
    erasures = (await tenant.actor.get("/resident/v1/erasures")).json()["erasures"]
    assert [(one["reason"], one["extent"]) for one in erasures] == [("consent_withdrawn", "everything")]
    # What the office keeps is the office's to decide.
    waits = await ask(tenant.actor, kind="erasure", community_id=str(town.community_id))
    assert waits["state"] == "open"


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "correction"},
        {"kind": "access", "name": "Name"},
        {"kind": "restriction"},
        {"kind": "objection", "text": "No"},
    ],
)
async def test_what_is_incomplete_is_refused(world: World, body: dict[str, str]) -> None:
    answer = await (await world.resident()).post("/resident/v1/requests", json=body)
    assert refused(answer) == (422, "request-incomplete")


async def test_a_community_that_does_not_know_him_is_not_found(world: World) -> None:
    town = await build_town(world)
    body = {"kind": "objection", "community_id": str(town.community_id)}
    assert refused(await (await world.resident()).post("/resident/v1/requests", json=body)) == (
        404,
        "community-not-found",
    )


async def test_ten_requests_are_enough_for_a_day(world: World) -> None:
    resident = await world.resident()
    for _ in range(10):
        await ask(resident, kind="access")
    answer = await resident.post("/resident/v1/requests", json={"kind": "access"})
    assert refused(answer) == (429, "too-many-requests-made")


@pytest.mark.parametrize(
    "opened_at, due",
    [
        # Monday to Monday, three weeks later.
        (datetime(2026, 11, 2, 2, tzinfo=UTC), datetime(2026, 11, 23, 2, tzinfo=UTC)),
        # Saturday in Shanghai, still Friday in Greenwich.
        (datetime(2026, 11, 6, 20, tzinfo=UTC), datetime(2026, 11, 26, 20, tzinfo=UTC)),
        (datetime(2026, 11, 8, 2, tzinfo=UTC), datetime(2026, 11, 27, 2, tzinfo=UTC)),
    ],
)
def test_requests_are_due_after_fifteen_working_days(opened_at: datetime, due: datetime) -> None:
    assert due_at(opened_at, "Asia/Shanghai") == due

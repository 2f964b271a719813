"""A guest's whole life here, from his host's invitation to the day on which nothing of him is left."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backend.kit.db import Database
from backend.privacy import jobs
from backend.privacy.forgetting.service import forget_pass_names
from backend.privacy.retention.jobs import enforce
from backend.privacy.saga import Saga
from backend.worker import tick
from gate_sdk import GateClient, Outcome, Reason, Via
from gate_sdk._face import FaceRecognition
from tests import data
from tests.backend.approvals.test_approvals import ring, said, settling
from tests.backend.codes.test_codes import has_all
from tests.backend.couriers.company import open_link
from tests.backend.enrolment.people import enrol
from tests.backend.enrolment.photographs import jpeg, portrait
from tests.backend.gates.devices import PUBLIC_URL
from tests.backend.gates.test_gate_client import Bridge, ServerClock, until
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.privacy.faces import NOTHING, left_of
from tests.backend.privacy.papers import query
from tests.backend.privacy.test_leaving import person_of
from tests.backend.visitors.test_passes import passes
from tests.backend.world import World


@pytest.fixture
async def town(world: World) -> Town:
    return await build_town(world)


@pytest.fixture
async def gate(town: Town, tmp_path: Path) -> AsyncIterator[GateClient]:
    """A gate with a camera and the real models."""
    made = await town.office.post(f"{town.staff_path}/gates", json={"name": "North"})
    api, clock = town.world.api, ServerClock(town.world.clock)
    once, always = Bridge(api), Bridge(api)

    def open_one() -> GateClient:
        GateClient.provision(PUBLIC_URL, made.json()["claim_code"], data_dir=tmp_path, transport=once).close()
        recognition = FaceRecognition(data.default_pack())
        client = GateClient(tmp_path, transport=always, clock=clock, recognition=recognition, liveness="off")
        client.load()
        assert client.start(20)
        return client

    client = await asyncio.to_thread(open_one)
    try:
        yield client
    finally:
        await asyncio.to_thread(client.close)


async def days_later(town: Town, host: Resident, **step: float) -> tuple[Town, Resident]:
    """Time passes; whoever goes on logs in again."""
    town.world.clock.advance(timedelta(**step))
    office = await town.world.login(town.office.phone, surface="staff")
    actor = await town.world.login(host.actor.phone, surface="resident")
    return msgspec.structs.replace(town, office=office), msgspec.structs.replace(host, actor=actor)


async def news_of(resident: Resident) -> list[str]:
    answer = await resident.actor.get("/resident/v1/notifications")
    return [one["kind"] for one in answer.json()["notifications"]]


async def entries_of(town: Town) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await town.office.get(f"{town.staff_path}/entries")).json()["entries"]
    return found


async def test_a_guests_life(  # noqa: PLR0915 - one life, told in its order
    town: Town, gate: GateClient, world: World, worker_db: Database
) -> None:
    host = await town.tenant()
    now = world.clock()
    keys, objects = world.resources.keys, world.resources.objects

    # He is invited for the afternoon; his host wants to be asked.
    phone = world.new_phone()
    made = await host.actor.post(
        passes(town, host),
        json={
            "guest_name": "Aunt",
            "valid_from": now.isoformat(),
            "valid_until": (now + timedelta(hours=4)).isoformat(),
            "phone": phone,
            "ask_first": True,
        },
    )
    assert (made.status_code, made.json()["state"]) == (201, "pending"), made.text
    pass_id = made.json()["pass_id"]

    # The link is on his telephone. He opens it, reads who invites him, and accepts for himself.
    (message,) = world.messages(phone)
    guest = await open_link(world.api, message["values"]["link"].partition("#")[2])
    invitation = (await guest.invitation()).json()
    assert (invitation["kind"], invitation["state"], invitation["inviting"]) == ("guest", "pending", "Garden Court")
    assert (await guest.accept()).json()["state"] == "accepted"
    assert "guest_accepted" in await news_of(host)

    # He agrees, and takes his three photographs; his host sees none of it.
    assert (await enrol(guest.actor, surface="visitor"))["state"] == "active"
    person_id = await person_of(town, pass_id)
    own = (await host.actor.get(f"{passes(town, host)}/{pass_id}")).json()
    assert own["state"] == "accepted"
    assert not {"photos", "template", "face", "subject_id", "person_id"} & own.keys()
    await has_all(gate, town)
    assert gate.status().matchable == 1

    # He stands at the gate. It knows him, and asks; his host says yes; the door opens.
    asked = await asyncio.to_thread(gate.decide, jpeg(portrait()))
    assert (asked.outcome, asked.reason, asked.via) == (Outcome.NEEDS_APPROVAL, Reason.ASK_FIRST, Via.FACE)
    waiting = settling(gate, asked)
    question = await ring(town, host)
    assert (question["guest_name"], question["gate"]) == ("Aunt", "North")
    assert (await said(town, host, question, "approve")).status_code == 200
    opened = await waiting
    assert (opened.allowed, opened.reason) == (True, Reason.APPROVED)
    await until(lambda: gate.status().pending == 0)
    (entry,) = await entries_of(town)
    assert (entry["outcome"], entry["reason"], entry["via"], entry["name"]) == ("allow", "approved", "face", "Aunt")

    # His host is told that he has come.
    assert {"approval_asked", "guest_arrived"} <= set(await news_of(host))
    await world.send_messages()
    assert [one["template"] for one in world.messages(host.actor.phone)][-1] == "guest_arrived"

    # The afternoon is over: the gate has forgotten his face.
    town, host = await days_later(town, host, hours=4, minutes=1)
    await tick(worker_db, world.clock)
    await has_all(gate, town)
    assert gate.status().matchable == 0
    assert (await asyncio.to_thread(gate.decide, jpeg(portrait()))).reason in (Reason.UNKNOWN, Reason.ROSTER_EMPTY)
    assert (await host.actor.get(f"{passes(town, host)}/{pass_id}")).json()["state"] == "expired"

    # The grace in which a visit may be prolonged without new photographs.
    assert (await left_of(world.resources, person_id, [town.community_id])).templates == 1
    town, host = await days_later(town, host, hours=23)
    assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 0

    # Then he is erased, by himself and everywhere.
    town, host = await days_later(town, host, hours=2)
    assert await jobs.begin_unused_erasures(worker_db, now=world.clock()) == 1
    erasure_id = await query(world, "SELECT erasure_id FROM erasure")
    saga = Saga(worker_db, keys, objects, world.clock)
    async with asyncio.timeout(180):
        while not await saga.resume(erasure_id):  # noqa: ASYNC110 - the gate says when it has the roster without him
            await asyncio.sleep(0.1)
    assert await left_of(world.resources, person_id, [town.community_id]) == NOTHING

    # The certificate names the stores and the gate.
    answer = await town.office.get(f"{town.staff_path}/erasures/{erasure_id}/certificate")
    assert answer.status_code == 200, answer.text
    body = answer.json()["certificate"]
    assert (body["status"], body["gates_outstanding"]) == ("complete", 0)
    ((place,),) = [place["gates"] for place in body["places"]]
    assert (place["gate_id"], place["state"]) == (str(gate.status().gate_id), "confirmed")
    for private in ("Aunt", phone, phone[1:]):
        assert private not in answer.text

    # What is left: that somebody came in and was approved; by a pseudonym that stands for nobody any more.
    await forget_pass_names(worker_db, now=world.clock())
    await enforce(worker_db, keys, objects, now=world.clock())
    (entry, *_) = [one for one in await entries_of(town) if one["reason"] == "approved"]
    assert (entry["name"], entry["outcome"]) == (None, "allow")
    for table in ("person", "subject", "consent", "enrolment"):
        assert await query(world, f"SELECT count(*) FROM {table} WHERE person_id = $1", person_id) == 0, table
    for table in ("template", "face_credential", "gallery", "approval", "visitor_token", "enrolment_photo"):
        assert await query(world, f"SELECT count(*) FROM {table}") == 0, table
    assert await query(world, "SELECT array_agg(guest_name) FROM guest_pass") == ["—"]

    # And that for its own time.
    town, host = await days_later(town, host, days=88)
    await enforce(worker_db, keys, objects, now=world.clock())
    assert [one["reason"] for one in await entries_of(town)].count("approved") == 1
    town, host = await days_later(town, host, days=2)
    await enforce(worker_db, keys, objects, now=world.clock())
    assert "approved" not in [one["reason"] for one in await entries_of(town)]
    assert await query(world, "SELECT count(*) FROM guest_pass") == 0

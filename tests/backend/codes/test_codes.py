"""The QR route from registration to the gate, over HTTP, with the SDK's own client at the gate."""

import asyncio
import io
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import numpy as np
import pytest
from PIL import Image

from backend.codes import tokens
from backend.codes.cards import new_pin
from backend.codes.service import MOST_PHONES
from backend.kit.auth import StaffRole
from backend.kit.db import Scope
from gate_sdk import Decision, GateClient, Outcome, Reason, Via
from gate_sdk._codes.reader import read_texts
from gate_sdk.testing import Phone
from gate_sdk.wire import EventKind, GateEvent, VisitorCode, parse_code
from tests.backend.couriers.company import Visitor, open_link
from tests.backend.gates.devices import PUBLIC_URL
from tests.backend.gates.test_gate_client import Bridge, ServerClock, until
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.world import Actor, World


def now_us(world: World) -> int:
    return int(world.clock().timestamp() * 1_000_000)


@pytest.fixture
async def town(world: World) -> Town:
    return await build_town(world)


OpenGate = Callable[[str], Any]


@pytest.fixture
async def open_gate(api: httpx.AsyncClient, town: Town, tmp_path: Path) -> AsyncIterator[OpenGate]:
    """A gate of the town at which the SDK's client runs."""
    clients: list[GateClient] = []

    async def open_one(name: str) -> GateClient:
        made = await town.office.post(f"{town.staff_path}/gates", json={"name": name})
        assert made.status_code == 201, made.text
        once, always, clock = Bridge(api), Bridge(api), ServerClock(town.world.clock)

        def run() -> GateClient:
            folder = tmp_path / name
            code = made.json()["claim_code"]
            GateClient.provision(PUBLIC_URL, code, data_dir=folder, transport=once).close()
            client = GateClient(folder, transport=always, clock=clock)
            clients.append(client)
            assert client.start(20)
            return client

        return await asyncio.to_thread(run)

    yield open_one
    for client in clients:
        await asyncio.to_thread(client.close)


async def register(
    actor: Actor, town: Town, phone: Phone, *, surface: str = "resident", **changes: Any
) -> httpx.Response:
    path = f"/{surface}/v1/communities/{town.community_id}/phones"
    asked = await actor.post(f"{path}/challenge")
    assert asked.status_code == 200, asked.text
    challenge = b64decode(asked.json()["challenge"])
    body = {
        "label": "My phone",
        "public_key": b64encode(phone.public_key).decode(),
        "challenge": b64encode(challenge).decode(),
        "proof": b64encode(phone.proof(challenge)).decode(),
        **changes,
    }
    return await actor.post(path, json=body)


async def has_all(gate: GateClient, town: Town) -> None:
    """Wait until the gate has the roster as it is now."""
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id), read_only=True) as conn:
        version = await conn.fetchval("SELECT version FROM roster_head")
    await until(lambda: gate.status().version == version)


async def shown(gate: GateClient, text: str, **options: Any) -> Decision:
    return await asyncio.to_thread(lambda: gate.decide_qr(text, **options))


async def guest_of(town: Town, host: Resident, **fields: Any) -> tuple[str, Visitor]:
    now = town.world.clock()
    created = await host.actor.post(
        f"/resident/v1/homes/{town.community_id}/{host.home_id}/passes",
        json={
            "guest_name": "A Guest",
            "valid_from": now.isoformat(),
            "valid_until": (now + timedelta(hours=4)).isoformat(),
            **fields,
        },
    )
    assert created.status_code == 201, created.text
    return created.json()["pass_id"], await open_link(town.world.api, created.json()["link_token"])


@pytest.mark.parametrize("algorithm", ["ed25519", "p256"])
async def test_a_resident_without_a_face_enters_with_his_phone(town: Town, open_gate: OpenGate, algorithm: str) -> None:
    resident = await town.tenant()
    gate = await open_gate("north")
    phone = Phone(town.community_id, algorithm)  # type: ignore[arg-type]  # pytest passes plain strings
    answer = await register(resident.actor, town, phone)
    assert answer.status_code == 201, answer.text
    assert answer.json()["key_id"] == phone.key.id.hex()
    await has_all(gate, town)
    decision = await shown(gate, phone.code(now_us(town.world)))
    assert (decision.outcome, decision.via) == (Outcome.ALLOW, Via.QR)
    await until(lambda: gate.status().pending == 0)
    own = await resident.actor.get("/resident/v1/entries")
    assert [(entry["outcome"], entry["via"]) for entry in own.json()["entries"]] == [("allow", "qr")]

    path = f"/resident/v1/communities/{town.community_id}/phones"
    listed = (await resident.actor.get(path)).json()
    assert [(one["key_id"], one["label"]) for one in listed["phones"]] == [(phone.key.id.hex(), "My phone")]
    assert listed["now_us"] == now_us(town.world)
    assert (await resident.actor.delete(f"{path}/{phone.key.id.hex()}")).status_code == 204
    await has_all(gate, town)
    town.world.clock.advance(seconds=30)
    assert (await shown(gate, phone.code(now_us(town.world)))).reason is Reason.CODE_UNKNOWN
    assert (await resident.actor.delete(f"{path}/{phone.key.id.hex()}")).status_code == 404


async def test_who_cannot_show_that_the_key_is_his_registers_nothing(town: Town) -> None:
    resident, other = await town.tenant(), await town.tenant("1-102")
    phone, stranger = Phone(town.community_id), Phone(town.community_id)
    wrong = [
        ({"proof": b64encode(bytes(64)).decode()}, 422, "proof-refused"),
        ({"public_key": b64encode(stranger.public_key).decode()}, 422, "proof-refused"),
        ({"public_key": b64encode(b"x" * 40).decode()}, 422, "public-key-invalid"),
        ({"challenge": b64encode(b"made up").decode()}, 401, "challenge-refused"),
    ]
    for changes, status, code in wrong:
        answer = await register(resident.actor, town, phone, **changes)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    # Somebody else's challenge, and one that lay about.
    path = f"/resident/v1/communities/{town.community_id}/phones"
    challenge = (await other.actor.post(f"{path}/challenge")).json()["challenge"]
    proof = b64encode(phone.proof(b64decode(challenge))).decode()
    answer = await register(resident.actor, town, phone, challenge=challenge, proof=proof)
    assert answer.json()["code"] == "challenge-refused"
    challenge = (await resident.actor.post(f"{path}/challenge")).json()["challenge"]
    town.world.clock.advance(minutes=6)
    proof = b64encode(phone.proof(b64decode(challenge))).decode()
    answer = await register(resident.actor, town, phone, challenge=challenge, proof=proof)
    assert answer.json()["code"] == "challenge-refused"
    assert (await resident.actor.get(path)).json()["phones"] == []


async def test_phones_are_few_and_ones_own(town: Town) -> None:
    resident, other = await town.tenant(), await town.tenant("1-102")
    phones = [Phone(town.community_id) for _ in range(MOST_PHONES)]
    for phone in phones:
        assert (await register(resident.actor, town, phone)).status_code == 201
    assert (await register(resident.actor, town, phones[0])).status_code == 201
    refused = await register(resident.actor, town, Phone(town.community_id))
    assert (refused.status_code, refused.json()["code"]) == (409, "too-many-phones")
    # The same key for somebody else, and somebody else's key.
    assert (await register(other.actor, town, phones[0])).json()["code"] == "proof-refused"
    path = f"/resident/v1/communities/{town.community_id}/phones/{phones[0].key.id.hex()}"
    assert (await other.actor.delete(path)).status_code == 404


async def test_in_a_community_where_one_has_no_right_nothing_is_registered(town: Town, world: World) -> None:
    elsewhere = await build_town(world, name="Other Court")
    resident = await town.tenant()
    answer = await resident.actor.post(f"/resident/v1/communities/{elsewhere.community_id}/phones/challenge")
    assert (answer.status_code, answer.json()["code"]) == (404, "nobody-here")
    nowhere = f"/resident/v1/communities/{uuid4()}/phones"
    assert (await resident.actor.get(nowhere)).status_code == 404
    assert (await resident.actor.delete(f"{nowhere}/{'0' * 16}")).status_code == 404


async def test_a_guests_code_from_invitation_to_cancellation(town: Town, open_gate: OpenGate) -> None:
    host = await town.tenant()
    gate = await open_gate("north")
    pass_id, guest = await guest_of(town, host)
    pending = await guest.actor.get("/visitor/v1/code")
    assert (pending.status_code, pending.json()["code"]) == (409, "pass-not-accepted")
    await guest.accept()
    answer = await guest.actor.get("/visitor/v1/code")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    text = answer.json()["code"]
    assert len(text) <= 200
    await has_all(gate, town)
    decision = await shown(gate, text)
    assert (decision.outcome, decision.subject is not None) == (Outcome.ALLOW, True)

    # The host has the same, to be printed; the picture says what the text says.
    path = f"/resident/v1/homes/{town.community_id}/{host.home_id}/passes/{pass_id}"
    assert (await host.actor.get(f"{path}/code")).json()["code"] == text
    picture = await guest.actor.get("/visitor/v1/code/image", params={"form": "png"})
    assert picture.headers["content-type"] == "image/png"
    assert drawn(picture.content) == text
    assert (await host.actor.get(f"{path}/code/image", params={"form": "svg"})).content.startswith(b"<?xml")
    assert (await host.actor.get(f"{path}/code/image", params={"form": "gif"})).status_code == 400
    other = await town.tenant("1-102")
    assert (await other.actor.get(f"{path}/code")).status_code == 404

    # Moved: the code before opens nothing, the new one does.
    later = (town.world.clock() + timedelta(hours=6)).isoformat()
    assert (await host.actor.patch(path, json={"valid_until": later})).status_code == 200
    town.world.clock.advance(seconds=30)
    moved = (await guest.actor.get("/visitor/v1/code")).json()["code"]
    assert moved != text
    town.world.clock.advance(seconds=30)
    await town.tenant("1-103")
    await has_all(gate, town)
    assert (await shown(gate, text)).reason is Reason.CODE_UNKNOWN
    assert (await shown(gate, moved)).allowed
    assert (await host.actor.delete(path)).status_code == 204
    await has_all(gate, town)
    assert not (await shown(gate, moved)).allowed


def drawn(picture: bytes) -> str:
    (text,) = read_texts(np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")))
    return text


async def test_a_code_for_two_times_is_counted_across_gates(town: Town, open_gate: OpenGate) -> None:
    host = await town.tenant()
    north, south = await open_gate("north"), await open_gate("south")
    _, guest = await guest_of(town, host, uses=2)
    await guest.accept()
    answer = (await guest.actor.get("/visitor/v1/code")).json()
    assert answer["uses"] == 2
    for gate, expected in ((north, Reason.MATCHED), (south, Reason.MATCHED), (north, Reason.CODE_USED_UP)):
        await has_all(gate, town)
        asked = await shown(gate, answer["code"])
        assert asked.reason is Reason.USE_UNCOUNTED
        settled = await asyncio.to_thread(gate.resolve, asked, 10)
        assert settled.reason is expected
    # Told again with the events, it still is two.
    await until(lambda: north.status().pending + south.status().pending == 0)
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id), read_only=True) as conn:
        assert await conn.fetchval("SELECT count(*) FROM visitor_token_use") == 2


async def test_couriers_and_guests_may_use_their_own_phones_key_too(town: Town, open_gate: OpenGate) -> None:
    host = await town.tenant()
    gate = await open_gate("north")
    _, guest = await guest_of(town, host)
    phone = Phone(town.community_id)
    early = await guest.actor.post(f"/visitor/v1/communities/{town.community_id}/phones/challenge")
    assert (early.status_code, early.json()["code"]) == (404, "nobody-here")
    assert (await guest.actor.get("/visitor/v1/communities")).json() == {"communities": []}
    await guest.accept()
    (place,) = (await guest.actor.get("/visitor/v1/communities")).json()["communities"]
    assert place["community_id"] == str(town.community_id)
    assert (await register(guest.actor, town, phone, surface="visitor")).status_code == 201
    await has_all(gate, town)
    assert (await shown(gate, phone.code(now_us(town.world)))).allowed


async def test_a_member_without_a_phone_gets_a_card(town: Town, open_gate: OpenGate) -> None:
    resident = await town.tenant()
    gate = await open_gate("north")
    path = f"{town.staff_path}/members/{resident.member_id}/card"
    answer = await town.office.post(path)
    assert answer.status_code == 201, answer.text
    card = answer.json()
    assert len(card["pin"]) == 6
    assert card["svg"].startswith("<?xml")
    await has_all(gate, town)
    asked = await shown(gate, card["code"])
    assert asked.reason is Reason.PIN_NEEDED
    assert (await asyncio.to_thread(lambda: gate.resolve(asked, 1, pin=card["pin"]))).allowed
    # Another one ends it; so does taking it back.
    second = (await town.office.post(path, json={"pin": "8264"})).json()
    await has_all(gate, town)
    assert (await shown(gate, card["code"], pin=card["pin"])).reason is Reason.CODE_UNKNOWN
    assert (await shown(gate, second["code"], pin="8264")).allowed
    assert (await town.office.delete(path)).status_code == 204
    await has_all(gate, town)
    assert (await shown(gate, second["code"], pin="8264")).reason is Reason.CODE_UNKNOWN
    assert (await town.office.delete(path)).json()["code"] == "card-not-found"


async def test_cards_that_are_not_issued(town: Town, world: World) -> None:
    resident = await town.tenant()
    path = f"{town.staff_path}/members/{resident.member_id}/card"
    for pin in ("1234", "0000", "9876"):
        refused = await town.office.post(path, json={"pin": pin})
        assert (refused.status_code, refused.json()["code"]) == (422, "pin-invalid")
    assert (await town.office.post(path, json={"pin": "12"})).status_code == 400
    assert (await town.office.post(f"{town.staff_path}/members/{uuid4()}/card")).status_code == 404
    assert (await resident.actor.post(path)).status_code == 401
    desk = await world.staff(town.office, StaffRole.FRONT_DESK, community_id=town.community_id)
    assert (await desk.post(path)).status_code == 403


def test_pins_that_are_made_are_not_obvious() -> None:
    pins = {new_pin() for _ in range(200)}
    assert len(pins) > 190
    assert not pins & {"000000", "123456", "654321"}


async def test_everything_goes_with_the_person(town: Town, world: World) -> None:
    resident = await town.tenant()
    await register(resident.actor, town, Phone(town.community_id))
    await town.office.post(f"{town.staff_path}/members/{resident.member_id}/card")
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        subject = await conn.fetchval("SELECT subject_id FROM subject WHERE person_id = $1", resident.person_id)
        body = await conn.fetchval("SELECT body FROM roster WHERE subject_id = $1", subject)
        assert b'"keys"' in body
        assert b'"card"' in body
        await conn.execute("DELETE FROM subject WHERE subject_id = $1", subject)
        assert await conn.fetchval("SELECT count(*) FROM phone_key") == 0
        assert await conn.fetchval("SELECT count(*) FROM pin_card") == 0
        assert await conn.fetchval("SELECT body FROM roster WHERE subject_id = $1", subject) is None


async def test_who_has_no_code_keeps_the_bytes_that_he_had(town: Town, world: World) -> None:
    await town.tenant()
    async with world.resources.db.transaction(Scope(community_id=town.community_id), read_only=True) as conn:
        body = await conn.fetchval("SELECT body FROM roster")
    assert not {b'"keys"', b'"tokens"', b'"card"'} & {
        word for word in (b'"keys"', b'"tokens"', b'"card"') if word in body
    }


async def test_a_guest_whom_an_offline_gate_could_not_name_is_named_when_it_tells(town: Town, world: World) -> None:
    host = await town.tenant()
    _, guest = await guest_of(town, host)
    await guest.accept()
    token = parse_code((await guest.actor.get("/visitor/v1/code")).json()["code"])
    assert isinstance(token, VisitorCode)
    event = GateEvent(
        1, 1, EventKind.ENTRY, now_us(world), Outcome.ALLOW, Reason.MATCHED, via=Via.QR,
        credential=f"token:{token.token_id.hex()}",
    )  # fmt: skip
    stranger = msgspec.structs.replace(event, seq=2, credential="token:" + "0" * 16)
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        known, unknown = await tokens.named(conn, community_id=town.community_id, events=[event, stranger])
        wanted = await conn.fetchval("SELECT subject_id FROM guest_pass")
    assert (known.subject, unknown.subject) == (wanted, None)

"""How a device becomes a gate, and who does not."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backend.gates import repository
from backend.gates.claims import repository as claim_codes
from backend.kit.auth import StaffRole
from backend.kit.db import Scope
from backend.resources import Resources
from gate_sdk.wire import ProvisionResponse, provision_statement
from tests.backend.gates.devices import Device, provision
from tests.backend.world import Actor, World


async def _claim(manager: Actor, community_id: UUID, name: str = "North") -> tuple[str, str]:
    made = await manager.post(f"/staff/v1/communities/{community_id}/gates", json={"name": name})
    assert made.status_code == 201, made.text
    return made.json()["gate_id"], made.json()["claim_code"]


async def test_a_claim_code_makes_one_device_into_the_gate(
    api: httpx.AsyncClient, manager: Actor, community_id: UUID
) -> None:
    gate_id, code = await _claim(manager, community_id)
    # As typed by hand at the gate.
    answer = await provision(api, Ed25519PrivateKey.generate(), f" {code.lower()} ")
    assert answer.status_code == 201, answer.text
    identity = msgspec.json.decode(answer.content, type=ProvisionResponse)
    assert (str(identity.gate_id), identity.community_id, identity.name) == (gate_id, community_id, "North")
    assert identity.pack == "yunet-sface-1"
    assert len(identity.server_keys[0].public_key) == 32

    another = await provision(api, Ed25519PrivateKey.generate(), code)
    assert (another.status_code, another.json()["code"]) == (410, "claim-code-ended")


async def test_a_device_whose_answer_was_lost_asks_again(
    api: httpx.AsyncClient, manager: Actor, community_id: UUID, world: World
) -> None:
    _, code = await _claim(manager, community_id)
    key = Ed25519PrivateKey.generate()
    first = await provision(api, key, code)
    world.clock.advance(minutes=5)
    again = await provision(api, key, code)
    assert again.status_code == 201
    assert again.json() == first.json()
    world.clock.advance(minutes=26)
    assert (await provision(api, key, code)).status_code == 410


async def test_two_devices_with_one_code_at_once(api: httpx.AsyncClient, manager: Actor, community_id: UUID) -> None:
    _, code = await _claim(manager, community_id)
    answers = await asyncio.gather(*(provision(api, Ed25519PrivateKey.generate(), code) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 410, 410, 410]


async def test_an_old_code_has_ended_and_a_new_one_ends_those_before(
    api: httpx.AsyncClient, manager: Actor, community_id: UUID, world: World
) -> None:
    gate_id, first = await _claim(manager, community_id)
    renewed = await manager.post(f"/staff/v1/communities/{community_id}/gates/{gate_id}/claims")
    assert renewed.status_code == 201
    assert (await provision(api, Ed25519PrivateKey.generate(), first)).status_code == 410
    world.clock.advance(minutes=30)
    expired = await provision(api, Ed25519PrivateKey.generate(), renewed.json()["claim_code"])
    assert (expired.status_code, expired.json()["code"]) == (410, "claim-code-ended")


async def test_a_device_that_comes_while_its_code_is_replaced_waits_and_is_refused(
    api: httpx.AsyncClient, manager: Actor, community_id: UUID, world: World
) -> None:
    gate_id, code = await _claim(manager, community_id)
    async with world.resources.db.transaction(Scope(community_id=community_id)) as conn:
        await repository.lock_gate(conn, community_id=community_id, gate_id=UUID(gate_id))
        coming = asyncio.create_task(provision(api, Ed25519PrivateKey.generate(), code))
        await asyncio.sleep(0.2)
        # Had it the code in hand while it waits for the gate, this would be a deadlock.
        await claim_codes.expire_claims(conn, community_id=community_id, gate_id=UUID(gate_id), now=world.clock())
    answer = await coming
    assert (answer.status_code, answer.json()["code"]) == (410, "claim-code-ended")


async def test_an_unknown_code(api: httpx.AsyncClient) -> None:
    answer = await provision(api, Ed25519PrivateKey.generate(), "2222-3333-4444")
    assert (answer.status_code, answer.json()["code"]) == (404, "claim-code-unknown")


async def test_guessing_codes_is_slowed(api: httpx.AsyncClient, world: World) -> None:
    key = Ed25519PrivateKey.generate()
    tried = [await provision(api, key, f"CODE-{n}") for n in range(11)]
    assert [answer.status_code for answer in tried] == [404] * 10 + [429]
    assert int(tried[-1].headers["retry-after"]) == 60
    world.clock.advance(seconds=60)
    assert (await provision(api, key, "CODE")).status_code == 404


async def test_a_proof_that_does_not_fit_leaves_the_code_unused(
    api: httpx.AsyncClient, manager: Actor, community_id: UUID
) -> None:
    _, code = await _claim(manager, community_id)
    key, thief = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    for proof in (
        thief.sign(provision_statement(code, public)),
        key.sign(provision_statement("ANOTHER", public)),
        b"",
        b"\0" * 64,
    ):
        answer = await provision(api, key, code, proof=proof)
        assert (answer.status_code, answer.json()["code"]) == (422, "proof-invalid")
    short = await provision(api, key, code, public_key=b"\0" * 31)
    assert short.status_code == 422
    assert (await provision(api, key, code)).status_code == 201


@pytest.mark.parametrize(
    "changed",
    [{"public_key": 5}, {"public_key": "%%%"}, {"claim_code": None}, {"packs": "x"}, {"sdk": ["x"]}],
)
async def test_a_malformed_request_is_refused(api: httpx.AsyncClient, changed: dict[str, Any]) -> None:
    answer = await provision(api, Ed25519PrivateKey.generate(), "2222-3333-4444", **changed)
    assert answer.status_code == 400, answer.text


async def test_what_a_device_says_of_itself_is_bounded(
    api: httpx.AsyncClient, manager: Actor, community_id: UUID
) -> None:
    _, code = await _claim(manager, community_id)
    answer = await provision(api, Ed25519PrivateKey.generate(), code, sdk="a\0\n" * 200, packs=["\0p" * 60] * 30)
    assert answer.status_code == 201, answer.text
    listed = (await manager.get(f"/staff/v1/communities/{community_id}/gates")).json()["gates"]
    assert listed[0]["sdk"] == "a" * 100
    huge = await provision(api, Ed25519PrivateKey.generate(), code, sdk="a" * 20_000)
    assert huge.status_code == 413


async def test_only_a_hash_of_the_code_is_kept(
    api: httpx.AsyncClient, manager: Actor, community_id: UUID, resources: Resources
) -> None:
    _, code = await _claim(manager, community_id)
    async with resources.db.transaction(Scope(community_id=community_id)) as conn:
        (row,) = await conn.fetch("SELECT * FROM gate_claim")
    assert code not in repr(dict(row))
    assert code.encode() not in row["code_hash"]


async def test_a_replaced_device_is_locked_out(
    api: httpx.AsyncClient, manager: Actor, community_id: UUID, device: Device
) -> None:
    await device.sync()
    path = f"/staff/v1/communities/{community_id}/gates/{device.identity.gate_id}/claims"
    code = (await manager.post(path)).json()["claim_code"]
    # Until the code is used, the old device goes on.
    await device.log_in()
    assert (await provision(api, Ed25519PrivateKey.generate(), code)).status_code == 201
    assert (await device.ask_token(device.assertion())).status_code == 401
    listed = (await manager.get(f"/staff/v1/communities/{community_id}/gates")).json()["gates"]
    # What the old device had acknowledged says nothing about the new one.
    assert listed[0]["behind"] is None


async def test_a_gate_s_assertion_gets_a_token_once(device: Device, world: World) -> None:
    assertion = device.assertion()
    answer = await device.ask_token(assertion)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["token_type"] == "Bearer"
    assert answer.json()["expires_in"] == 600
    replayed = await device.ask_token(assertion)
    assert (replayed.status_code, replayed.json()["code"]) == (401, "assertion-refused")
    # Long after, too: it has expired by then.
    world.clock.advance(minutes=3)
    assert (await device.ask_token(assertion)).status_code == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "http://doorward.test/gate/v1/token"},
        {"aud": "http://127.0.0.1:8480/staff/v1/token"},
        {"aud": ["http://127.0.0.1:8480/gate/v1/token"]},
        {"iss": str(uuid4())},
        {"sub": str(uuid4())},
        {"iss": "nobody", "sub": "nobody"},
        {"jti": ""},
        {"jti": "a" * 201},
        {"jti": "a\0b"},
        {"jti": "\ud800"},
        {"jti": 5},
        {"exp": "soon"},
        {"exp": 2**70},
        {"exp": None},
    ],
)
async def test_an_assertion_that_is_not_quite_right_is_refused(device: Device, changed: dict[str, Any]) -> None:
    answer = await device.ask_token(device.assertion(**changed))
    assert (answer.status_code, answer.json()["code"]) == (401, "assertion-refused"), answer.text


@pytest.mark.parametrize("offset, status", [(-91, 401), (-89, 200), (0, 200), (29, 200), (31, 401)])
async def test_a_device_s_clock_may_be_half_a_minute_off(
    device: Device, world: World, offset: int, status: int
) -> None:
    now = int(world.clock().timestamp())
    answer = await device.ask_token(device.assertion(exp=now + 60 + offset))
    assert answer.status_code == status
    if status == 401:
        # What the device sets its clock by.
        assert answer.headers["date"] == "Mon, 02 Nov 2026 02:00:00 GMT"


@pytest.mark.parametrize(
    "assertion",
    ["", "x", "a.b.c", "e30.e30.", "." * 500, "eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0."],
)
async def test_what_is_no_assertion_at_all(device: Device, assertion: str) -> None:
    answer = await device.ask_token(assertion)
    assert answer.status_code == 401, answer.text


async def test_another_key_and_another_algorithm_are_refused(device: Device) -> None:
    claims = jwt.decode(device.assertion(), options={"verify_signature": False})
    forged = jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA")
    public = device.key.public_key().public_bytes_raw()
    confused = jwt.encode(claims, public, algorithm="HS256")
    unsigned = jwt.encode(claims, "", algorithm="none")
    for assertion in (forged, confused, unsigned):
        assert (await device.ask_token(assertion)).status_code == 401


async def test_a_gate_without_a_device_has_no_token(device: Device, manager: Actor, community_id: UUID) -> None:
    gate_id, _ = await _claim(manager, community_id)
    answer = await device.ask_token(device.assertion(iss=gate_id, sub=gate_id))
    assert answer.status_code == 401


async def test_a_revoked_gate_hears_so_everywhere_and_at_once(
    api: httpx.AsyncClient, device: Device, manager: Actor, community_id: UUID
) -> None:
    other = await Device.provisioned(api, manager, community_id, device.world)
    await device.sync()
    await other.sync()
    waiting = asyncio.create_task(device.ask(wait=25))
    unconcerned = asyncio.create_task(other.ask(wait=3))
    await asyncio.sleep(0.2)
    path = f"/staff/v1/communities/{community_id}/gates/{device.identity.gate_id}"
    revoked = await manager.post(f"{path}/revoke", json={"reason": "stolen"})
    assert revoked.status_code == 200, revoked.text
    assert revoked.json()["revoke_reason"] == "stolen"
    for answer in (
        await asyncio.wait_for(waiting, 20),
        await device.ask(),
        await device.ask_token(device.assertion()),
        await device.deliver(),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "gate-revoked")
    assert (await unconcerned).status_code == 200
    again = await manager.post(f"{path}/revoke", json={"reason": "twice"})
    assert again.json()["revoke_reason"] == "stolen"
    assert (await manager.post(f"{path}/claims")).json()["code"] == "gate-out-of-service"


async def test_who_may_handle_gates(world: World, manager: Actor, community_id: UUID, device: Device) -> None:
    gates = f"/staff/v1/communities/{community_id}/gates"
    desk = await world.staff(manager, StaffRole.FRONT_DESK, community_id=community_id)
    assert (await desk.get(gates)).status_code == 200
    assert (await desk.post(gates, json={"name": "South"})).status_code == 403
    gate = f"{gates}/{device.identity.gate_id}"
    assert (await desk.post(f"{gate}/claims")).status_code == 403
    assert (await desk.post(f"{gate}/revoke", json={"reason": "x"})).status_code == 403
    stranger = await world.administrator("Another Authority")
    for answer in (
        await stranger.get(gates),
        await stranger.post(gates, json={"name": "South"}),
        await stranger.post(f"{gate}/claims"),
        await stranger.post(f"{gate}/revoke", json={"reason": "x"}),
    ):
        assert answer.status_code == 404
    elsewhere = await world.community(manager, name="Lake Court")
    for path in ("claims", "revoke"):
        answer = await manager.post(
            f"/staff/v1/communities/{elsewhere}/gates/{device.identity.gate_id}/{path}",
            **({"json": {"reason": "x"}} if path == "revoke" else {}),
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "gate-not-found")
    for body in ({}, {"name": ""}, {"name": "x" * 101}, {"name": "a\0"}, {"name": "a", "more": 1}):
        assert (await manager.post(gates, json=body)).status_code == 400


async def test_health_says_how_far_behind_a_gate_is(
    device: Device, manager: Actor, community_id: UUID, world: World, rosters: Any
) -> None:
    async def health() -> dict[str, Any]:
        listed = await manager.get(f"/staff/v1/communities/{community_id}/gates")
        gate: dict[str, Any] = listed.json()["gates"][0]
        return gate

    assert (await health())["behind"] is None
    await rosters.people(3)
    await device.sync()
    # Only its next poll says that it has what it was sent.
    await device.sync()
    assert (await health())["behind"] == 0
    await rosters.people(2)
    now = await health()
    assert (now["behind"], now["acked_version"], now["diverged_at"]) == (2, 3, None)
    seen = now["last_seen_at"]
    world.clock.advance(timedelta(minutes=2))
    await device.sync()
    later = await health()
    assert later["behind"] == 2
    assert later["last_seen_at"] > seen

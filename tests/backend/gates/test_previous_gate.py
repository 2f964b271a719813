"""A gate of the protocol's first release at today's server: it syncs, reports, and is told of every purge."""

from uuid import UUID

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backend.kit.db import Scope
from backend.resources import Resources
from tests.backend.gates.devices import Device, Rosters, provision
from tests.backend.world import Actor, World
from tests.gate_sdk import previous

_MSGPACK = {"Content-Type": "application/vnd.msgpack"}


class Previous:
    """The frozen gate, over HTTP."""

    def __init__(self, api: httpx.AsyncClient, device: Device) -> None:
        self.api = api
        self.headers = device.headers
        identity = device.identity
        self.gate = previous.Gate(identity.community_id, {key.kid: key.public_key for key in identity.server_keys})

    async def sync(self) -> None:
        answers: list[bytes] = []
        cursor: dict[str, str] = {}
        while True:
            answer = await self.api.get(
                "/gate/v1/sync", params={**self.gate.query, **cursor}, headers=self.headers, timeout=60
            )
            assert answer.status_code == 200, answer.text
            answers.append(answer.content)
            following = msgspec.msgpack.decode(answer.content, type=previous.Page).next
            if following is None:
                self.gate.take(answers)
                return
            cursor = {"cursor": following}


@pytest.fixture
def old(api: httpx.AsyncClient, device: Device) -> Previous:
    return Previous(api, device)


async def test_it_is_provisioned_by_the_request_that_it_sends(
    api: httpx.AsyncClient, manager: Actor, community_id: UUID
) -> None:
    made = await manager.post(f"/staff/v1/communities/{community_id}/gates", json={"name": "Old"})
    answer = await provision(api, Ed25519PrivateKey.generate(), made.json()["claim_code"])
    assert answer.status_code == 201
    assert set(answer.json()) >= {"gate_id", "community_id", "name", "pack", "server_keys"}


async def test_it_follows_a_roster_with_everything_that_came_since(
    old: Previous, rosters: Rosters, resources: Resources, community_id: UUID
) -> None:
    """Look-alikes, a second pack's template, phones' keys, thresholds: read over, and hashed as they were sent."""
    plain, changing = await rosters.people(2)
    await old.sync()
    template = await rosters.set_template(changing, [0.6, 0.8])
    async with resources.db.transaction(Scope(community_id=community_id)) as conn:
        await conn.execute(
            """
            UPDATE face_credential SET lookalike = true, next_template_id = gen_random_uuid(), next_pack = 'next-pack',
                next_sha256 = sha256('next') WHERE community_id = $1 AND subject_id = $2
            """,
            community_id, changing,
        )  # fmt: skip
        await conn.execute(
            """
            INSERT INTO community_threshold (community_id, pack, threshold, estimate, uncertainty, tail_from,
                exceedances, probes, gallery_size, fpir, fitted_at)
            SELECT $1, pack, 0.6, 0.6, 0, 0.2, 100, 1000, 10, 0.001, now() FROM unnest($2::text[]) AS pack
            """,
            community_id, ["test-pack", "next-pack"],
        )  # fmt: skip
        await conn.execute(
            """
            INSERT INTO phone_key (community_id, subject_id, key_id, public_key, label, created_at)
            VALUES ($1, $2, '\\x0102030405060708', sha256('key'), 'phone', now())
            """,
            community_id, plain,
        )  # fmt: skip
    await old.sync()
    body = old.gate.items[changing.bytes].body or b""
    assert b"next_template" in body
    assert b"lookalike" in body
    entry = old.gate.entry(changing)
    assert entry.template is not None
    assert (entry.template.pack, template) == ("test-pack", template)
    assert b"keys" in (old.gate.items[plain.bytes].body or b"")
    assert set(old.gate.items) == {plain.bytes, changing.bytes}


async def test_it_hears_of_a_removal_and_its_receipt_counts(
    old: Previous, rosters: Rosters, manager: Actor, community_id: UUID
) -> None:
    stays, leaves = await rosters.people(2)
    await old.sync()
    await rosters.remove(leaves)
    await old.sync()
    await old.sync()
    assert set(old.gate.items) == {stays.bytes}
    (gate,) = (await manager.get(f"/staff/v1/communities/{community_id}/gates")).json()["gates"]
    assert gate["behind"] == 0


async def test_its_events_are_taken_and_counted_once(
    old: Previous, world: World, manager: Actor, community_id: UUID, rosters: Rosters
) -> None:
    subject = await rosters.subject()
    await rosters.admit(subject)
    at_us = int(world.clock().timestamp()) * 1_000_000
    batch = previous.Batch(
        (
            previous.Event(7, 1, "entry", at_us, "allow", "matched", subject, 0.8, 1.0),
            previous.Event(7, 2, "alarm", at_us, detail="roster-damaged"),
        )
    )
    for _ in range(2):
        answer = await old.api.post(
            "/gate/v1/events", content=msgspec.msgpack.encode(batch), headers={**old.headers, **_MSGPACK}
        )
        assert answer.status_code == 200, answer.text
        assert msgspec.msgpack.decode(answer.content, type=previous.Receipt) == previous.Receipt(7, 2)
    entries = (await manager.get(f"/staff/v1/communities/{community_id}/entries")).json()["entries"]
    assert len(entries) == 2

"""What gates acknowledge, and what we make of it."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import msgspec
import pytest

from backend.access.service import RosterVersion
from backend.enrolment.gallery import repository as gallery
from backend.gates import repository
from backend.gates.repository import GateReceiptRow
from backend.kit.db import Connection, Scope
from backend.resources import Resources
from gate_sdk.wire import SyncPage
from tests.backend.gates.devices import Device, Rosters
from tests.backend.world import Actor, World


async def _receipts(resources: Resources, community_id: UUID) -> list[dict[str, Any]]:
    async with resources.db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        rows = await conn.fetch("SELECT * FROM roster_receipt ORDER BY version")
    return [dict(row) for row in rows]


async def _confirmations(conn: Connection, community_id: UUID, at: RosterVersion) -> list[GateReceiptRow]:
    return await repository.list_receipts(conn, community_id=community_id, epoch=at.epoch, version=at.version)


async def test_a_gate_s_next_poll_is_its_receipt(device: Device, rosters: Rosters, resources: Resources) -> None:
    subject = await rosters.subject()
    await rosters.admit(subject)
    await device.sync()
    assert await _receipts(resources, rosters.community_id) == []

    await rosters.remove(subject)
    gone = await rosters.version()
    await device.sync()
    (first,) = await _receipts(resources, rosters.community_id)
    # It said that it had the version before, which was still known and compared.
    assert (first["version"], first["verified"]) == (gone.version - 1, True)

    await device.sync()
    last = (await _receipts(resources, rosters.community_id))[-1]
    assert device.head is not None
    assert (last["version"], last["digest"], last["verified"]) == (gone.version, device.head.digest, True)


async def test_idle_polls_write_nothing(
    device: Device, rosters: Rosters, resources: Resources, database_urls: Any
) -> None:
    await rosters.admit(await rosters.subject())
    await device.sync()
    await device.sync()

    async def written() -> int:
        conn = await asyncpg.connect(database_urls.superuser)
        try:
            # The number of transactions that were given an id: those that wrote.
            return int(await conn.fetchval("SELECT txid_snapshot_xmax(txid_current_snapshot())"))
        finally:
            await conn.close()

    before = await written()
    for _ in range(5):
        await device.sync()
    assert await written() == before
    assert len(await _receipts(resources, rosters.community_id)) == 1


async def test_which_gates_have_confirmed_a_removal(
    api: httpx.AsyncClient, device: Device, manager: Actor, rosters: Rosters, resources: Resources, world: World
) -> None:
    other = await Device.provisioned(api, manager, rosters.community_id, world)
    subject = await rosters.subject()
    await rosters.admit(subject)
    for gate in (device, other):
        await gate.sync()
    await rosters.remove(subject)
    gone = await rosters.version()

    async def confirmed() -> set[UUID]:
        async with resources.db.transaction(Scope(community_id=rosters.community_id), read_only=True) as conn:
            rows = await _confirmations(conn, rosters.community_id, gone)
        assert {row.gate_id for row in rows} == {device.identity.gate_id, other.identity.gate_id}
        return {row.gate_id for row in rows if row.confirmed_at is not None}

    await device.sync()
    assert await confirmed() == set()
    await device.sync()
    assert await confirmed() == {device.identity.gate_id}
    # A later version confirms the earlier one, too.
    await rosters.admit(await rosters.subject())
    await other.sync()
    await other.sync()
    assert await confirmed() == {device.identity.gate_id, other.identity.gate_id}


async def test_a_roster_that_is_not_ours_is_refused_and_written_down(
    device: Device, manager: Actor, rosters: Rosters, resources: Resources
) -> None:
    await rosters.people(3)
    await device.sync()
    state = {**device.state, "digest": "00" * 32}
    for wait in ("0", "25"):
        answer = await device.api.get("/gate/v1/sync", params={**state, "wait": wait}, headers=device.headers)
        assert (answer.status_code, answer.json()["code"]) == (409, "roster-diverged")
    listed = (await manager.get(f"/staff/v1/communities/{rosters.community_id}/gates")).json()["gates"]
    assert listed[0]["diverged_at"] is not None
    assert await _receipts(resources, rosters.community_id) == []
    # From nothing it comes back into step.
    device.head, device.items = None, {}
    await device.sync()
    await device.sync()
    assert len(await _receipts(resources, rosters.community_id)) == 1


async def test_a_version_of_another_epoch_is_no_receipt(device: Device, rosters: Rosters, resources: Resources) -> None:
    await rosters.people(1)
    await device.sync()
    assert device.head is not None
    device.head = msgspec.structs.replace(device.head, epoch=device.head.epoch + 1)
    await device.ask()
    assert await _receipts(resources, rosters.community_id) == []


async def test_templates_come_out_of_the_gallery_as_their_hash_says(
    device: Device, rosters: Rosters, resources: Resources
) -> None:
    subject = await rosters.subject()
    await rosters.admit(subject)
    template = await rosters.set_template(subject, [0.6, 0.8, -0.0, 0.00006])
    async with resources.db.transaction(Scope(community_id=rosters.community_id)) as conn:
        await gallery.ensure_partition(conn)
        template_id = await conn.fetchval("SELECT template_id FROM face_credential")
        await gallery.put_row(
            conn,
            community_id=rosters.community_id,
            subject_id=subject,
            template_id=template_id,
            pack="test-pack",
            template=template,
        )
    await device.sync()
    assert device.items[subject.bytes].template == template


async def test_polls_survive_the_loss_of_the_listening_connection(
    device: Device, rosters: Rosters, database_urls: Any
) -> None:
    await device.sync()
    waiting = asyncio.create_task(device.ask(wait=25))
    await asyncio.sleep(0.2)
    conn = await asyncpg.connect(database_urls.superuser)
    try:
        ended = await conn.fetch(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'doorward-listen' AND datname = current_database()
            """
        )
        # One for what gates poll for, one for the answers that gates wait for.
        assert len(ended) == 2
    finally:
        await conn.close()
    # Said while nobody listens: only looking again after the reconnection can find it.
    await rosters.admit(await rosters.subject())
    page = msgspec.msgpack.decode((await asyncio.wait_for(waiting, 20)).content, type=SyncPage)
    assert len(page.items) == 1


@pytest.mark.parametrize("version", [0, 1])
async def test_receipts_of_a_community_without_gates(rosters: Rosters, resources: Resources, version: int) -> None:
    async with resources.db.transaction(Scope(community_id=rosters.community_id), read_only=True) as conn:
        at = RosterVersion(epoch=1, version=version)
        assert await _confirmations(conn, rosters.community_id, at) == []

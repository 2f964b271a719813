"""What gates are told when the roster no longer remembers a removal that they have not heard of."""

from datetime import timedelta

import asyncpg

from backend.kit.db import Database
from backend.privacy.retention.jobs import enforce_in_community
from gate_sdk.wire import PageKind
from tests.backend.gates.devices import Device, Rosters


async def test_a_gate_from_before_a_forgotten_removal_gets_a_snapshot(
    device: Device, rosters: Rosters, worker_db: Database, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    stays, leaves = await rosters.subject(), await rosters.subject()
    await rosters.admit(stays)
    await rosters.admit(leaves)
    await device.sync()
    await rosters.remove(leaves)
    removed_at = await owner.fetchval("SELECT max(changed_at) FROM roster WHERE body IS NULL")

    await enforce_in_community(worker_db, community_id=rosters.community_id, now=removed_at + timedelta(days=7))
    assert await owner.fetchval("SELECT count(*) FROM roster WHERE body IS NULL") == 1
    await enforce_in_community(
        worker_db, community_id=rosters.community_id, now=removed_at + timedelta(days=8, hours=1)
    )
    assert await owner.fetchval("SELECT count(*) FROM roster WHERE body IS NULL") == 0

    (page,) = await device.sync()
    assert page.kind is PageKind.SNAPSHOT
    assert set(device.items) == {stays.bytes}
    (page,) = await device.sync()
    assert page.kind is PageKind.DELTA


async def test_a_community_that_lets_gates_live_longer_keeps_removals_longer(
    device: Device, rosters: Rosters, worker_db: Database, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    subject = await rosters.subject()
    await rosters.admit(subject)
    await device.sync()
    await rosters.remove(subject)
    await owner.execute("UPDATE community SET wipe_after_s = 86400 * 20")
    removed_at = await owner.fetchval("SELECT max(changed_at) FROM roster WHERE body IS NULL")

    await enforce_in_community(worker_db, community_id=rosters.community_id, now=removed_at + timedelta(days=20))
    assert await owner.fetchval("SELECT count(*) FROM roster WHERE body IS NULL") == 1

"""How long gates took to hear of a change, and which are not heard of, as numbers for operators."""

import asyncio
from datetime import timedelta

from prometheus_client import Metric

from backend.kit.db import Database
from backend.kit.metrics import REGISTRY
from backend.measures.service import Gauges
from gate_sdk.wire import EventKind, GateEvent, Outcome
from tests.backend.gates.devices import Device, Rosters
from tests.backend.world import World


def numbers(name: str) -> dict[str, float]:
    families: list[Metric] = [family for family in REGISTRY.collect() if family.name == name]
    return {sample.name + "".join(sample.labels.values()): sample.value for one in families for sample in one.samples}


async def test_a_removal_is_timed_from_its_commit_to_the_gate_s_acknowledgement(
    device: Device, rosters: Rosters
) -> None:
    subject = await rosters.subject()
    await rosters.admit(subject)
    await device.sync()
    await device.sync()
    before = numbers("doorward_revocation_seconds")
    await rosters.remove(subject)
    await asyncio.sleep(0.6)
    await device.sync()
    # It has the change now, but only its next poll says so.
    assert numbers("doorward_revocation_seconds")["doorward_revocation_seconds_count"] == before.get(
        "doorward_revocation_seconds_count", 0
    )
    await device.sync()
    after = numbers("doorward_revocation_seconds")
    assert after["doorward_revocation_seconds_count"] - before["doorward_revocation_seconds_count"] == 1
    assert after["doorward_revocation_seconds_sum"] - before["doorward_revocation_seconds_sum"] >= 0.6
    await device.sync()
    assert numbers("doorward_revocation_seconds") == after


async def test_what_joins_the_roster_is_lag_and_no_revocation(device: Device, rosters: Rosters) -> None:
    await rosters.admit(await rosters.subject())
    await device.sync()
    await device.sync()
    revocations, lags = numbers("doorward_revocation_seconds"), numbers("doorward_sync_lag_seconds")
    await rosters.people(3)
    await device.sync()
    await device.sync()
    assert numbers("doorward_revocation_seconds") == revocations
    after = numbers("doorward_sync_lag_seconds")
    assert after["doorward_sync_lag_seconds_count"] - lags["doorward_sync_lag_seconds_count"] == 3


async def test_a_decision_that_is_delivered_twice_is_counted_once(device: Device, world: World) -> None:
    event = GateEvent(
        store_epoch=1, seq=1, kind=EventKind.ENTRY, at_us=int(world.clock().timestamp() * 1e6), outcome=Outcome.DENY
    )
    before = numbers("doorward_decisions").get("doorward_decisions_totaldeny", 0)
    await device.delivered(event)
    await device.delivered(event)
    assert numbers("doorward_decisions")["doorward_decisions_totaldeny"] == before + 1


async def test_a_gate_that_is_silent_for_ten_minutes_is_stale(
    device: Device, world: World, worker_db: Database
) -> None:
    await device.sync()

    async def stale() -> tuple[float, float]:
        gauges = Gauges()
        await gauges.measure(worker_db, world.resources.schema, now=world.clock())
        shown = {family.name: family.samples[0].value for family in gauges.collect()}
        return shown["doorward_gates_in_service"], shown["doorward_gates_stale"]

    world.clock.advance(timedelta(minutes=9))
    assert await stale() == (1, 0)
    world.clock.advance(timedelta(minutes=3))
    assert await stale() == (1, 1)

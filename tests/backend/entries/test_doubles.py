"""One code at two gates within moments: an alarm where the server sees both events, once, and not for the innocent."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from backend.entries.service import TWO_GATES_WITHIN
from gate_sdk.wire import EventKind, GateEvent, Outcome, Reason, Via
from tests.backend.gates.devices import Device
from tests.backend.world import Actor, World

CODE = "token:0123456789abcdef"
OTHERS = "key:fedcba9876543210"


@pytest.fixture
async def there(api: httpx.AsyncClient, manager: Actor, community_id: UUID, world: World) -> Device:
    return await Device.provisioned(api, manager, community_id, world)


def opened(world: World, seq: int = 1, after: timedelta = timedelta(0), **fields: Any) -> GateEvent:
    fields = {"credential": CODE, "outcome": Outcome.ALLOW, **fields}
    return GateEvent(
        store_epoch=4711,
        seq=seq,
        kind=EventKind.ENTRY,
        at_us=int((world.clock() - timedelta(hours=1) + after).timestamp() * 1_000_000),
        reason=Reason.MATCHED,
        subject=uuid4(),
        via=Via.QR,
        **fields,
    )


async def alarms(manager: Actor, community_id: UUID) -> list[tuple[str, str]]:
    answer = await manager.get(f"/staff/v1/communities/{community_id}/entries", params={"kind": "alarm"})
    assert answer.status_code == 200, answer.text
    return [(one["gate_id"], one["detail"]) for one in answer.json()["entries"]]


async def test_one_code_opening_two_gates_within_moments_is_an_alarm(
    device: Device, there: Device, manager: Actor, community_id: UUID, world: World
) -> None:
    await device.delivered(opened(world))
    assert await alarms(manager, community_id) == []
    second = opened(world, after=timedelta(seconds=9))
    await there.delivered(second)
    expected = [(str(there.identity.gate_id), f"code-at-two-gates:{CODE}")]
    assert await alarms(manager, community_id) == expected
    # Told again, by either, it is that one.
    await there.delivered(second)
    await device.delivered(opened(world))
    assert await alarms(manager, community_id) == expected


async def test_the_order_in_which_they_are_told_does_not_matter(
    device: Device, there: Device, manager: Actor, community_id: UUID, world: World
) -> None:
    # The gate where it was shown first was without a network.
    await there.delivered(opened(world, after=timedelta(seconds=9)))
    await device.delivered(opened(world))
    assert await alarms(manager, community_id) == [(str(device.identity.gate_id), f"code-at-two-gates:{CODE}")]


async def test_two_gates_that_tell_at_the_same_moment(
    device: Device, there: Device, manager: Actor, community_id: UUID, world: World
) -> None:
    for seq in range(1, 9):
        code = f"token:{seq:016x}"
        await asyncio.gather(
            device.delivered(opened(world, seq, credential=code)), there.delivered(opened(world, seq, credential=code))
        )
    assert len({detail for _, detail in await alarms(manager, community_id)}) == 8


@pytest.mark.parametrize(
    "fields",
    [
        {"after": TWO_GATES_WITHIN + timedelta(seconds=1)},
        {"credential": OTHERS},
        {"credential": None},
        {"outcome": Outcome.DENY, "credential": None},
    ],
)
async def test_what_is_no_alarm(
    device: Device, there: Device, manager: Actor, community_id: UUID, world: World, fields: dict[str, Any]
) -> None:
    await device.delivered(opened(world))
    await there.delivered(opened(world, **fields))
    # The same gate twice is somebody who comes and goes.
    await device.delivered(opened(world, 2, after=timedelta(seconds=-5)))
    assert await alarms(manager, community_id) == []

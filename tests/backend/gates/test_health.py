"""How gates are doing, as staff see it: what is wrong stands first."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from backend.gates.health.repository import HealthRow
from backend.gates.health.rules import Trouble, troubles
from backend.kit.clock import utc_now
from gate_sdk.wire import GateHealth
from tests.backend.gates.devices import Device, Rosters
from tests.backend.world import Actor, World

_MSGPACK = {"Content-Type": "application/vnd.msgpack"}
_NOW = datetime(2026, 11, 2, tzinfo=UTC)
_WELL = GateHealth(at_us=1, packs=("test-pack",), entries=3, entry_ms=400, entry_p95_ms=600, dark_s=0, stale_s=2)


async def _tell(device: Device, health: object) -> httpx.Response:
    return await device.api.post(
        "/gate/v1/health", content=msgspec.msgpack.encode(health), headers={**device.headers, **_MSGPACK}
    )


async def _shown(manager: Actor, community_id: UUID) -> list[dict[str, object]]:
    answer = await manager.get(f"/staff/v1/communities/{community_id}/gate-health")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["gates"])


async def test_what_a_gate_tells_is_shown_and_the_last_word_counts(
    device: Device, manager: Actor, community_id: UUID
) -> None:
    for queue in (9, 2):
        answer = await _tell(device, msgspec.structs.replace(_WELL, queue=queue))
        assert answer.status_code == 204, answer.text
    await device.sync()
    await device.sync()
    (gate,) = await _shown(manager, community_id)
    assert gate["troubles"] == []
    figures = ("entries", "entry_ms", "entry_p95_ms", "dark_s", "stale_s", "queue", "behind", "lag_s")
    assert [gate[name] for name in figures] == [3, 400, 600, 0, 2, 2, 0, 0]
    assert gate["packs"] == ["test-pack"]


async def test_the_worst_stands_first(
    world: World, api: httpx.AsyncClient, manager: Actor, community_id: UUID, rosters: Rosters
) -> None:
    devices = {
        name: await Device.provisioned(api, manager, community_id, world, name=name)
        for name in ("a well", "b slow", "c dark", "d behind", "e silent")
    }
    for name, device in devices.items():
        await device.sync()
        if name != "e silent":
            await device.sync()
    await rosters.people(1)
    # The roster is dated by the database, whose clock is the machine's.
    world.clock.now = utc_now() + timedelta(minutes=10)
    told = {
        "b slow": msgspec.structs.replace(_WELL, entry_p95_ms=4000),
        "c dark": msgspec.structs.replace(_WELL, dark_s=500),
    }
    for name in ("a well", "b slow", "c dark", "d behind"):
        device = devices[name]
        await device.log_in()
        await _tell(device, told.get(name, _WELL))
        if name != "d behind":
            await device.sync()
            await device.sync()
        else:
            await device.ask(version="0", epoch="1", digest="00" * 32)
    found = await _shown(await world.login(manager.phone, surface="staff"), community_id)
    assert [one["name"] for one in found] == ["e silent", "d behind", "c dark", "b slow", "a well"]
    assert [one["troubles"][:1] for one in found[2:]] == [["camera_dark"], ["slow"], []]  # type: ignore[index]  # JSON


async def test_a_gate_of_an_earlier_release_that_tells_nothing_is_shown_as_mute(
    device: Device, manager: Actor, community_id: UUID
) -> None:
    await device.sync()
    await device.sync()
    (gate,) = await _shown(manager, community_id)
    assert (gate["troubles"], gate["told_at"], gate["behind"]) == (["mute"], None, 0)


@pytest.mark.parametrize(
    "body",
    [
        {"at_us": 1, "queue": -1},
        {"at_us": 1, "packs": ["x"] * 17},
        {"at_us": 1, "packs": ["\x00"]},
        {"at_us": 1, "entry_ms": 2**40},
    ],
)
async def test_figures_that_cannot_be_are_refused(device: Device, body: dict[str, object]) -> None:
    answer = await _tell(device, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "health-invalid")


async def test_a_revoked_gate_is_told_so(device: Device, manager: Actor, community_id: UUID) -> None:
    path = f"/staff/v1/communities/{community_id}/gates/{device.identity.gate_id}/revoke"
    assert (await manager.post(path, json={"reason": "stolen"})).status_code == 200
    answer = await _tell(device, _WELL)
    assert (answer.status_code, answer.json()["code"]) == (403, "gate-revoked")


def _row(**changed: object) -> HealthRow:
    well: dict[str, object] = {
        "gate_id": uuid4(), "name": "North", "provisioned_at": _NOW, "last_seen_at": _NOW, "behind": 0,
        "behind_since": None, "told_at": _NOW, "packs": ["a"], "entries": 1, "entry_ms": 300, "entry_p95_ms": 600,
        "dark_s": 0, "stale_s": 1, "queue": 0, "queue_s": 0, "dropped": 0, "refused": 0,
    }  # fmt: skip
    return msgspec.convert({**well, **changed}, HealthRow)


@pytest.mark.parametrize(
    "changed, expected",
    [
        ({}, ()),
        ({"last_seen_at": None}, (Trouble.SILENT,)),
        ({"last_seen_at": _NOW - timedelta(minutes=4)}, (Trouble.SILENT,)),
        ({"provisioned_at": None, "last_seen_at": None}, (Trouble.NOT_PROVISIONED,)),
        ({"behind": 3, "behind_since": _NOW - timedelta(minutes=2)}, (Trouble.BEHIND,)),
        ({"behind": 1, "behind_since": _NOW - timedelta(seconds=5)}, ()),
        ({"dark_s": 121, "refused": 1}, (Trouble.CAMERA_DARK, Trouble.EVENTS_LOST)),
        ({"queue": 5, "queue_s": 400}, (Trouble.EVENTS_WAIT,)),
        ({"packs": ["old"]}, (Trouble.PACK_MISSING,)),
        ({"packs": []}, ()),
        ({"entry_p95_ms": 1501}, (Trouble.SLOW,)),
        ({"told_at": _NOW - timedelta(minutes=6)}, (Trouble.MUTE,)),
    ],
)
def test_what_is_wrong_is_named(changed: dict[str, object], expected: tuple[Trouble, ...]) -> None:
    assert troubles(_row(**changed), packs={"a"}, now=_NOW) == expected

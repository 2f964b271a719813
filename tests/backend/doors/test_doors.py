"""Doors, hours and emergencies over HTTP, as staff set them and gates hear of them."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from backend.doors.plans import service as plans
from backend.kit.auth import StaffRole
from backend.kit.db import Database, Scope
from gate_sdk import EmergencyMode, GateClient, Reason
from gate_sdk.wire import GrantKind, Plan, SyncPage, decode_plan, plan_hash
from tests.backend.gates.devices import Device
from tests.backend.gates.test_gate_client import Bridge
from tests.backend.world import Actor, World


class WorldsClock:
    """A device's clock that is right."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now_us(self) -> int:
        return int(self._world.clock().timestamp() * 1e6)

    def monotonic(self) -> float:
        return time.monotonic()


class Town:
    """A community's doors, as its manager sets them."""

    def __init__(self, manager: Actor, community_id: UUID) -> None:
        self.manager = manager
        self.path = f"/staff/v1/communities/{community_id}"

    async def made(self, what: str, **fields: Any) -> str:
        answer = await self.manager.post(f"{self.path}/{what}", json=fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def set(self, what: str, **fields: Any) -> httpx.Response:
        present = await self.manager.get(f"{self.path}/{what}")
        answer = await self.manager.put(
            f"{self.path}/{what}", json=fields, headers={"If-Match": present.headers["etag"]}
        )
        assert answer.is_success, answer.text
        return answer

    async def declare(self, **fields: Any) -> httpx.Response:
        return await self.manager.post(f"{self.path}/emergencies", json=fields)


# Whatever it is now.
ANY = {"If-Match": "*"}


@pytest.fixture
def town(manager: Actor, community_id: UUID) -> Town:
    return Town(manager, community_id)


async def poll(device: Device, plan: str = "none", *, wait: int = 0) -> tuple[SyncPage, Plan | None]:
    answer = await device.ask(wait=wait, plan=plan)
    assert answer.status_code == 200, answer.text
    page = msgspec.msgpack.decode(answer.content, type=SyncPage)
    assert page.head is not None
    device.take([page])
    assert device.head is not None
    if isinstance(page.plan, msgspec.UnsetType):
        return page, None
    assert device.head.plan is not None
    assert plan_hash(page.plan) == device.head.plan.sha256
    return page, decode_plan(page.plan)


def soon(world: World, **parts: float) -> str:
    return (world.clock() + timedelta(**parts)).isoformat()


async def test_a_community_without_doors_has_no_plan(device: Device) -> None:
    _, plan = await poll(device)
    assert plan is None
    assert device.head is not None
    assert device.head.plan is None


async def test_a_gate_hears_of_its_groups_and_hours(town: Town, device: Device) -> None:
    garden = await town.made("door-groups", name="Gardens")
    door = await town.made("doors", name="South door", groups=[garden])
    week = [{"day": "mon", "begin": "09:00", "until": "18:00"}, {"day": "fri", "begin": "22:00", "until": "02:00"}]
    schedule = await town.made("schedules", name="Office", week=week)
    await town.set("hours", hours=[{"kind": "guest", "schedule_id": schedule, "group_id": garden}])
    await town.set(f"gates/{device.identity.gate_id}/door", door_id=door)
    _, plan = await poll(device)
    assert plan is not None
    rules = plan.rules_of(device.identity.gate_id)
    assert rules.groups == (UUID(garden),)
    assert [one.kind for one in rules.hours] == [GrantKind.GUEST]
    bounds = rules.hours[0].bounds
    assert {bounds[1] - bounds[0], bounds[3] - bounds[2]} == {9 * 3_600_000_000, 4 * 3_600_000_000}
    assert plan.elsewhere.hours == ()
    assert plan.until_us is not None
    assert device.head is not None
    assert plan.until_us - device.head.issued_at_us > (device.head.policy.wipe_after_s + 21 * 86_400) * 1_000_000
    listed = (await town.manager.get(f"{town.path}/schedules")).json()["schedules"]
    assert listed[0]["week"] == week


async def test_the_plan_is_sent_once_and_acknowledged(town: Town, device: Device, world: World) -> None:
    made = await town.declare(mode="lockdown", reason="drill", until=soon(world, hours=1))
    assert made.status_code == 201, made.text
    _, plan = await poll(device)
    assert plan is not None
    assert plan.revision == made.json()["plan"] == 1
    assert device.head is not None
    assert device.head.plan is not None
    held = device.head.plan.sha256.hex()
    _, again = await poll(device, held)
    assert again is None
    (gate,) = (await town.manager.get(f"{town.path}/gates")).json()["gates"]
    assert gate["plan"] == 1


async def test_a_gate_that_knows_no_plans_is_sent_none(town: Town, device: Device, world: World) -> None:
    await town.declare(mode="unlock", reason="fire", until=soon(world, hours=1))
    (page,) = await device.sync()
    assert page.plan is msgspec.UNSET
    assert device.head is not None
    assert device.head.plan is not None


async def test_an_emergency_wakes_a_poll_that_waits(town: Town, device: Device, world: World) -> None:
    await device.sync()
    waiting = asyncio.create_task(poll(device, wait=20))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    made = await town.declare(
        mode="lockdown", reason="intrusion", until=soon(world, hours=2), admits=["staff", "resident"]
    )
    _, plan = await asyncio.wait_for(waiting, 15)
    assert plan is not None
    (order,) = plan.elsewhere.emergencies
    assert order.mode is EmergencyMode.LOCKDOWN
    assert order.admits == (GrantKind.RESIDENT, GrantKind.STAFF)
    ended = await town.manager.post(f"{town.path}/emergencies/{made.json()['emergency_id']}/end")
    assert ended.status_code == 204, ended.text
    _, plan = await poll(device)
    assert plan is not None
    assert plan.elsewhere.emergencies == ()
    again = await town.manager.post(f"{town.path}/emergencies/{made.json()['emergency_id']}/end")
    assert (again.status_code, again.json()["code"]) == (409, "emergency-over")
    trail = (await town.manager.get(f"{town.path}/audit")).json()
    assert "emergency.lockdown" in str(trail)


async def test_an_order_for_a_group_goes_for_its_doors_alone(town: Town, device: Device, world: World) -> None:
    garage = await town.made("door-groups", name="Garage")
    made = await town.declare(mode="unlock", reason="fire", until=soon(world, hours=1), group_id=garage)
    assert made.status_code == 201, made.text
    _, plan = await poll(device)
    assert plan is None
    door = await town.made("doors", name="Garage door", groups=[garage])
    await town.set(f"gates/{device.identity.gate_id}/door", door_id=door)
    _, plan = await poll(device)
    assert plan is not None
    assert plan.elsewhere.emergencies == ()
    assert len(plan.rules_of(device.identity.gate_id).emergencies) == 1
    in_use = await town.manager.delete(f"{town.path}/door-groups/{garage}")
    assert (in_use.status_code, in_use.json()["code"]) == (409, "door-group-in-use")


@pytest.mark.parametrize(
    "changed, status, code",
    [
        ({"until": {"hours": 25}}, 422, "window-too-long"),
        ({"until": {"hours": -1}}, 422, "window-empty"),
        ({"group_id": str(uuid4())}, 422, "door-group-unknown"),
        ({"reason": "boredom"}, 400, None),
        ({"note": "x" * 201}, 400, None),
    ],
)
async def test_orders_that_are_refused(
    town: Town, world: World, changed: dict[str, Any], status: int, code: str | None
) -> None:
    fields = {"mode": "unlock", "reason": "fire", "until": {"hours": 1}, **changed}
    answer = await town.declare(**{**fields, "until": soon(world, **fields["until"])})
    assert answer.status_code == status, answer.text
    assert code is None or answer.json()["code"] == code


async def test_who_may_declare(town: Town, world: World, manager: Actor, community_id: UUID) -> None:
    desk = await world.staff(manager, StaffRole.FRONT_DESK, community_id=community_id)
    body = {"mode": "unlock", "reason": "fire", "until": soon(world, hours=1)}
    assert (await desk.post(f"{town.path}/emergencies", json=body)).status_code == 201
    assert (await desk.post(f"{town.path}/doors", json={"name": "Mine"})).status_code == 403
    auditor = await world.staff(manager, StaffRole.AUDITOR, community_id=community_id)
    assert (await auditor.post(f"{town.path}/emergencies", json=body)).status_code == 403
    stranger = await world.administrator("Elsewhere")
    assert (await stranger.post(f"{town.path}/emergencies", json=body)).status_code == 404


async def test_what_is_named_twice_used_or_not_there(town: Town, device: Device) -> None:
    async def code(answer: httpx.Response) -> str:
        return str(answer.json()["code"])

    group = await town.made("door-groups", name="Gardens")
    door = await town.made("doors", name="South door", groups=[group])
    schedule = await town.made("schedules", name="Office", week=[])
    await town.set("hours", hours=[{"kind": "courier", "schedule_id": schedule}])
    await town.set(f"gates/{device.identity.gate_id}/door", door_id=door)
    post, put, delete = town.manager.post, town.manager.put, town.manager.delete
    nobody = uuid4()
    rule = {"kind": "guest", "schedule_id": schedule}
    assert await code(await post(f"{town.path}/doors", json={"name": "South door"})) == "door-exists"
    assert await code(await post(f"{town.path}/door-groups", json={"name": "Gardens"})) == "door-group-exists"
    assert await code(await post(f"{town.path}/schedules", json={"name": "Office", "week": []})) == "schedule-exists"
    assert await code(await delete(f"{town.path}/doors/{door}")) == "door-in-use"
    assert await code(await delete(f"{town.path}/doors/{nobody}")) == "door-not-found"
    assert await code(await delete(f"{town.path}/schedules/{schedule}")) == "schedule-in-use"
    assert await code(await put(f"{town.path}/hours", json={"hours": [rule, rule]}, headers=ANY)) == "hours-repeated"
    unknown = {"kind": "guest", "schedule_id": str(nobody)}
    assert await code(await put(f"{town.path}/hours", json={"hours": [unknown]}, headers=ANY)) == "schedule-unknown"
    place = f"{town.path}/gates/{device.identity.gate_id}/door"
    assert await code(await put(place, json={"door_id": str(nobody)})) == "door-not-found"
    twice = {"days": 2 * [{"day": "2026-10-01", "name": "National Day"}]}
    assert await code(await put(f"{town.path}/calendar/2026", json=twice, headers=ANY)) == "schedule-invalid"
    holiday = {"name": "Odd", "week": [{"day": "holiday", "begin": "09:00", "until": "10:00"}]}
    assert await code(await post(f"{town.path}/schedules", json=holiday)) == "schedule-invalid"


async def test_hours_are_expanded_anew_before_they_run_out_and_when_the_zone_changes(
    town: Town, device: Device, world: World, worker_db: Database
) -> None:
    schedule = await town.made("schedules", name="Day", week=[{"day": "mon", "begin": "09:00", "until": "18:00"}])
    await town.set("hours", hours=[{"kind": "courier", "schedule_id": schedule}])
    _, first = await poll(device)
    assert await plans.renew_due(worker_db, world.clock) == 0
    changed = await town.manager.patch(town.path, json={"time_zone": "Europe/London"})
    assert changed.status_code == 200, changed.text
    assert await plans.renew_due(worker_db, world.clock) == 1
    _, second = await poll(device)
    assert first is not None
    assert second is not None
    assert second.elsewhere.hours[0].bounds[0] - first.elsewhere.hours[0].bounds[0] == 8 * 3_600_000_000
    world.clock.advance(days=9)
    assert await plans.renew_due(worker_db, world.clock) == 1
    assert await plans.renew_due(worker_db, world.clock) == 0


async def test_two_who_change_the_doors_at_once_leave_both_changes(
    town: Town, device: Device, world: World, community_id: UUID
) -> None:
    orders = [town.declare(mode="lockdown", reason="drill", until=soon(world, hours=1)) for _ in range(4)]
    answers = await asyncio.gather(*orders)
    assert {answer.json()["plan"] for answer in answers} == {1, 2, 3, 4}
    _, plan = await poll(device)
    assert plan is not None
    assert len(plan.elsewhere.emergencies) == 4


async def test_the_sdk_obeys_an_order_over_http(
    api: httpx.AsyncClient, town: Town, world: World, tmp_path: Path
) -> None:
    """The client's own threads, this server, one order from its declaration to its end."""
    made = await town.manager.post(f"{town.path}/gates", json={"name": "North"})
    first, bridge = Bridge(api), Bridge(api)

    def provisioned() -> GateClient:
        code = made.json()["claim_code"]
        GateClient.provision("http://127.0.0.1:8480", code, data_dir=tmp_path, transport=first).close()
        client = GateClient(tmp_path, transport=bridge, clock=WorldsClock(world))
        client.start(wait=60)
        return client

    client = await asyncio.to_thread(provisioned)
    try:
        order = await town.declare(mode="unlock", reason="fire", until=soon(world, hours=20))
        assert order.status_code == 201, order.text
        async with asyncio.timeout(60):
            # Until the gate's own next poll says that the plan is on its disk.
            while (await town.manager.get(f"{town.path}/gates")).json()["gates"][0]["plan"] != 1:  # noqa: ASYNC110 - a gate tells nobody here
                await asyncio.sleep(0.05)
        assert client.status().plan == 1
        decision = client.decide(b"no picture, no models")
        assert decision.allowed
        assert decision.reason is Reason.EMERGENCY_UNLOCK
        # On its own from here: the order ends by the gate's clock.
        world.clock.advance(hours=21)
        assert client.emergency is None
    finally:
        await asyncio.to_thread(client.close)


async def test_nobody_sees_another_communitys_doors(town: Town, world: World, manager: Actor) -> None:
    await town.made("doors", name="South door")
    other = await world.community(manager, name="Other")
    async with world.resources.db.transaction(Scope(community_id=other)) as conn:
        assert await conn.fetchval("SELECT count(*) FROM door") == 0

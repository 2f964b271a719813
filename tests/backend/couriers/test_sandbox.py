"""A company that tries its system out: answered as in life, and nobody but itself notices."""

from typing import Any

import asyncpg
import httpx
import pytest

from backend.couriers.settling import settle
from backend.kit.db import Database
from backend.worker import tick
from tests.backend.couriers.company import Company, admit
from tests.backend.couriers.roster import grants
from tests.backend.couriers.test_events import told
from tests.backend.couriers.test_suspensions import version
from tests.backend.households.town import build_town
from tests.backend.world import World


async def simulate(company: Company, kind: str, worker_id: str = "W-1", **fields: object) -> httpx.Response:
    body = {"type": kind, "worker_id": worker_id, **fields}
    return await company.actor.post("/partner/v1/sandbox/events", json=body)


async def rows(world: World, sql: str) -> list[dict[str, Any]]:
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        return [dict(row) for row in await conn.fetch(sql)]
    finally:
        await conn.close()


async def test_a_whole_day_in_a_sandbox_moves_no_roster_and_writes_to_nobody(world: World, worker_db: Database) -> None:
    town = await build_town(world)
    host = await town.tenant()
    company = await admit(town, sandbox=True)
    here = {"community_id": str(town.community_id)}
    before, messages = await version(town), len(world.messages())
    phone = world.new_phone()
    assert (await company.name("W-1", phone)).json() == {"worker_id": "W-1", "state": "pending"}
    waiting = await company.shift()
    assert (waiting.status_code, waiting.json()["state"]) == (201, "waiting")
    assert (await simulate(company, "courier.entry", **here)).json()["code"] == "nothing-to-simulate"
    for _ in range(2):
        assert (await simulate(company, "courier.active")).status_code == 204
    assert (await company.actor.get("/partner/v1/couriers/W-1")).json()["state"] == "active"
    again = await company.shift()
    assert (again.status_code, again.json()["state"]) == (200, "granted")
    brought = await company.deliver("O-1", home="nowhere")
    assert (brought.status_code, brought.json()["state"]) == (200, "granted")
    assert (await company.deliver("O-1", home="nowhere")).json() == brought.json()
    assert (await company.deliver("O-2")).json()["code"] == "delivery-unexpected"
    world.clock.advance(seconds=1)
    assert (await simulate(company, "courier.entry", outcome="deny", **here)).status_code == 204
    world.clock.advance(seconds=1)
    assert (await simulate(company, "courier.suspended", reason="rules", **here)).status_code == 204
    bulk = await company.actor.post(
        "/partner/v1/couriers/bulk",
        content=f'{{"worker_id":"W-2","phone":"{world.new_phone()}"}}\n',
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert bulk.status_code == 200
    assert '"state":"pending"' in bulk.text
    # The worker has nothing to do either, whatever time it is.
    assert await settle(worker_db, world.resources.keys, now=world.clock()) == 0
    await tick(worker_db, world.clock)
    assert await grants(town, "courier") == []
    assert await rows(world, "SELECT FROM access_grant WHERE kind = 'courier'") == []
    world.clock.advance(seconds=1)
    assert (await simulate(company, "courier.left")).status_code == 204
    assert (await company.shift(hours=2)).json()["state"] == "waiting"
    assert (await company.actor.delete(f"/partner/v1/shifts/{again.json()['shift_id']}")).status_code == 204
    delivery = f"/partner/v1/deliveries/{brought.json()['delivery_id']}"
    assert (await company.actor.delete(delivery)).status_code == 204
    assert (await company.actor.delete("/partner/v1/couriers/W-1")).status_code == 204
    assert await version(town) == before
    assert len(world.messages()) == messages
    path = f"/resident/v1/homes/{town.community_id}/{host.home_id}/deliveries"
    assert (await host.actor.get(path)).json() == {"deliveries": []}
    assert await told(company, worker_db) == [
        ("courier.active", {"worker_id": "W-1"}),
        ("courier.entry", {"worker_id": "W-1", **here, "gate": "Sandbox", "outcome": "deny"}),
        ("courier.suspended", {"worker_id": "W-1", **here, "reason": "rules"}),
        ("courier.left", {"worker_id": "W-1"}),
    ]


async def test_a_sandbox_and_life_never_meet_though_they_name_the_same_number(
    world: World, worker_db: Database
) -> None:
    town = await build_town(world)
    host = await town.tenant()
    real, sandbox = await admit(town), await admit(town, name="Parcels (trial)", sandbox=True)
    second = await admit(town, name="Another trial", sandbox=True)
    phone = world.new_phone()
    await (await real.courier(phone=phone)).accept()
    shift = await real.shift()
    before, messages = await version(town), len(world.messages(phone))
    # Neither his state nor his yes is to be had in the sandbox, nor does anything there reach him.
    for company in (sandbox, second):
        assert (await company.name("W-1", phone)).json()["state"] == "pending"
    assert (await simulate(sandbox, "courier.active")).status_code == 204
    assert (await simulate(sandbox, "courier.left")).status_code == 204
    assert (await second.actor.get("/partner/v1/couriers/W-1")).json()["state"] == "pending"
    assert (await real.actor.get("/partner/v1/couriers/W-1")).json()["state"] == "active"
    gone = await sandbox.actor.delete(f"/partner/v1/shifts/{shift.json()['shift_id']}")
    assert (gone.status_code, gone.json()["code"]) == (404, "shift-not-found")
    assert (await version(town), len(world.messages(phone))) == (before, messages)
    assert len(await rows(world, "SELECT FROM courier")) == 3
    assert [kind for kind, _ in await told(real, worker_db)] == ["courier.active"]
    assert [data for _, data in await told(second, worker_db)] == []
    # Residents do not hear of sandboxes, and cannot expect anything of one; the office tells them apart.
    listed = (await host.actor.get(f"/resident/v1/partners?community_id={town.community_id}")).json()["partners"]
    assert [one["partner_id"] for one in listed] == [str(real.partner_id)]
    assert (await sandbox.expected_by(host, "O-1")).json()["code"] == "partner-not-admitted"
    office = (await town.office.get(f"{town.staff_path}/partners")).json()["partners"]
    assert sorted(one["sandbox"] for one in office) == [False, True, True]
    # A home's real announcement is nothing that a sandbox could bring.
    await real.expected_by(host, "O-9")
    assert (await sandbox.deliver("O-9")).json()["code"] == "delivery-unexpected"


async def test_in_life_nothing_is_simulated(world: World) -> None:
    town = await build_town(world)
    company = await admit(town)
    await company.courier()
    answer = await simulate(company, "courier.active")
    assert (answer.status_code, answer.json()["code"]) == (404, "sandbox-only")
    assert (await company.actor.get("/partner/v1/couriers/W-1")).json()["state"] == "pending"


async def test_what_a_sandbox_cannot_simulate(world: World) -> None:
    town = await build_town(world)
    elsewhere = await world.community(town.office, name="Elsewhere")
    company = await admit(town, sandbox=True)
    assert (await simulate(company, "courier.active")).json()["code"] == "worker-not-found"
    await company.name("W-1", world.new_phone())
    for fields in ({}, {"community_id": str(elsewhere)}):
        assert (await simulate(company, "courier.entry", **fields)).json()["code"] == "partner-not-admitted"
    for kind in ("webhook.test", "company.suspended", "x"):
        assert (await simulate(company, kind)).status_code == 400


async def test_the_database_refuses_a_grant_for_what_is_simulated(world: World) -> None:
    town = await build_town(world)
    company = await admit(town, sandbox=True)
    await company.name("W-1", world.new_phone())
    await simulate(company, "courier.active")
    await company.shift()
    with pytest.raises(asyncpg.CheckViolationError):
        await rows(world, "UPDATE courier_shift SET subject_id = gen_random_uuid() RETURNING shift_id")

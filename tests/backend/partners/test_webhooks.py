"""Webhooks: what a company's system gets and can check."""

import asyncio
import base64
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from backend.kit.clock import utc_now
from backend.kit.crypto import SealBroken
from backend.kit.db import Scope
from backend.partners.events.kinds import EventKind
from backend.partners.publishing import publish
from backend.partners.webhooks.rules import MOST_ENDPOINTS
from backend.settings import Settings
from tests.backend.couriers.company import admit
from tests.backend.households.town import build_town
from tests.backend.notifications.pushing import HOST
from tests.backend.partners.receiving import PATH, Receiver, verified
from tests.backend.processes import Workers, until
from tests.backend.world import World

ACTIVE, LEFT = EventKind.COURIER_ACTIVE, EventKind.COURIER_LEFT


async def test_the_library_verifies_what_arrives_and_it_is_what_the_feed_shows(hooks: Receiver) -> None:
    await hooks.happen(ACTIVE, LEFT)
    assert await hooks.send() == 2
    feed = (await hooks.company.actor.get("/partner/v1/events")).json()["events"]
    got = [verified(one, hooks.secret) for one in hooks.service.received]
    assert sorted(got, key=lambda one: int(one["seq"])) == feed
    assert [one.headers["webhook-id"] for one in hooks.service.received] == [one["id"] for one in got]
    assert {one.headers["host"] for one in hooks.service.received} == {HOST}
    # Once each.
    hooks.world.clock.advance(hours=1)
    assert await hooks.send() == 0


async def test_what_is_older_than_five_minutes_or_of_another_secret_is_refused_by_the_receiver(
    hooks: Receiver,
) -> None:
    now = hooks.world.clock.now
    hooks.world.clock.now = now - timedelta(minutes=6)
    await hooks.happen(ACTIVE)
    await hooks.send()
    hooks.world.clock.now = now
    await hooks.happen(LEFT)
    await hooks.send()
    late, good = hooks.service.received
    with pytest.raises(WebhookVerificationError):
        verified(late, hooks.secret)
    _, other = await hooks.add("two")
    with pytest.raises(WebhookVerificationError):
        verified(good, other)
    assert verified(good, hooks.secret)["type"] == "courier.left"


async def test_types_that_a_webhook_does_not_take_do_not_go_there(hooks: Receiver) -> None:
    await hooks.add("left", types=["courier.left"])
    await hooks.happen(ACTIVE, LEFT)
    await hooks.send()
    assert [one["type"] for one in hooks.bodies("/left")] == ["courier.left"]
    assert len(hooks.bodies("/one")) == 2
    assert (await hooks.company.actor.post(f"{hooks.path}/test")).status_code == 204
    await publish(hooks.worker_db, now=hooks.world.clock())
    await hooks.send()
    assert hooks.bodies("/one")[-1]["data"] == {"endpoint_id": str(hooks.endpoint_id)}
    assert len(hooks.bodies("/left")) == 1


async def test_the_secret_is_shown_once_and_lies_sealed(hooks: Receiver) -> None:
    assert hooks.secret not in (await hooks.company.actor.get(PATH)).text + str(await hooks.shown())
    (row,) = await hooks.stored("SELECT * FROM webhook_endpoint")
    assert base64.b64decode(hooks.secret.removeprefix("whsec_")) not in row["secret_sealed"]
    # A row that was moved to another endpoint opens nothing.
    other, _ = await hooks.add("two")
    conn = await asyncpg.connect(hooks.world.urls.superuser)
    try:
        await conn.execute("UPDATE webhook_endpoint SET secret_sealed = $1", row["secret_sealed"])
    finally:
        await conn.close()
    await hooks.happen(ACTIVE)
    with pytest.raises(SealBroken):
        await hooks.webhooks.send(partner_id=hooks.company.partner_id, endpoint_id=other)


async def test_during_a_rotation_both_secrets_verify_and_afterwards_the_new_one_alone(hooks: Receiver) -> None:
    rotated = await hooks.company.actor.post(f"{hooks.path}/rotate")
    assert rotated.status_code == 201, rotated.text
    new = rotated.json()["secret"]
    await hooks.happen(ACTIVE)
    await hooks.send()
    (both,) = hooks.service.received
    assert verified(both, hooks.secret) == verified(both, new)
    hooks.service.received.clear()
    # The library reads the machine's clock: let the day be over by moving its end.
    await hooks.stored("UPDATE webhook_endpoint SET previous_until = now() - interval '1 hour' RETURNING 1")
    await hooks.happen(LEFT)
    await hooks.send()
    (one,) = hooks.service.received
    assert verified(one, new)["type"] == "courier.left"
    with pytest.raises(WebhookVerificationError):
        verified(one, hooks.secret)


async def test_two_workers_at_once_send_one_message(hooks: Receiver) -> None:
    await hooks.happen(ACTIVE)
    sent = await asyncio.gather(
        *(hooks.webhooks.send(partner_id=hooks.company.partner_id, endpoint_id=hooks.endpoint_id) for _ in range(4))
    )
    assert sum(sent) == len(hooks.service.received) == 1


async def test_a_webhook_is_its_company_s_and_there_are_ten_at_most(hooks: Receiver) -> None:
    other = await admit(hooks.company.town, name="Other")
    for method, path in (
        ("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/rotate"), ("POST", "/test"),
        ("GET", "/dead-letters"), ("POST", "/replay"),
    ):  # fmt: skip
        body = {"url": f"https://{HOST}/x"} if method == "PUT" else {}
        answer = await other.actor.request(method, hooks.path + path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "webhook-not-found"), path
    made = await asyncio.gather(
        *(hooks.company.actor.post(PATH, json={"url": f"https://{HOST}/{n}"}) for n in range(MOST_ENDPOINTS + 1))
    )
    assert sorted(one.status_code for one in made) == [201] * (MOST_ENDPOINTS - 1) + [409] * 2
    assert (await hooks.company.actor.delete(hooks.path)).status_code == 204
    await hooks.happen(ACTIVE)
    await hooks.send()
    assert hooks.bodies("/one") == []
    async with hooks.worker_db.transaction(Scope(platform=True), read_only=True) as conn:
        assert await conn.fetchval("SELECT count(*) FROM webhook_delivery") == MOST_ENDPOINTS - 1


async def test_a_sandbox_s_events_go_to_its_own_webhooks_alone(hooks: Receiver) -> None:
    sandbox = await admit(hooks.company.town, name="Trial", sandbox=True)
    made = await sandbox.actor.post(PATH, json={"url": f"https://{HOST}/trial"})
    assert made.status_code == 201, made.text
    await sandbox.name("W-1", hooks.world.new_phone())
    await sandbox.actor.post("/partner/v1/sandbox/events", json={"type": "courier.active", "worker_id": "W-1"})
    await hooks.happen(LEFT)
    assert await hooks.send() == 2
    assert [one["type"] for one in hooks.bodies("/trial")] == ["courier.active"]
    assert [one["type"] for one in hooks.bodies("/one")] == ["courier.left"]


async def test_a_running_worker_numbers_what_happens_and_sends_it(
    world: World, settings: Settings, tmp_path: Path
) -> None:
    world.clock.now = utc_now()
    company = await admit(await build_town(world))
    made = await company.actor.post(PATH, json={"url": f"https://{HOST}/one"})
    assert made.status_code == 201, made.text
    owner = await asyncpg.connect(world.urls.superuser)
    workers = Workers(settings, tmp_path / "worker.log")
    try:
        # An address that no test may look up is none for the worker either: it refuses this one by itself.
        await owner.execute("UPDATE webhook_endpoint SET url = 'https://127.0.0.1/one'")
        await workers.start()
        await (await company.courier()).accept()

        async def tried() -> bool:
            return bool(await owner.fetchval("SELECT EXISTS (SELECT FROM webhook_delivery WHERE attempts > 0)"))

        await until(tried, workers)
        (event,) = (await company.actor.get("/partner/v1/events")).json()["events"]
        assert event["type"] == "courier.active"
        assert "duty-failed" not in workers.log()
    finally:
        await workers.stop()
        await owner.close()

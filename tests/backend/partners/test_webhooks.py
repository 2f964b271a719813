"""Webhooks: what a company's system gets and can check, and what happens when it does not answer."""

import asyncio
import base64
import os
import signal
import ssl
import sys
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from backend.kit.clock import utc_now
from backend.kit.crypto import SealBroken
from backend.kit.db import Scope
from backend.kit.outgoing import Outgoing
from backend.partners.events.kinds import EventKind
from backend.partners.publishing import publish
from backend.partners.webhooks.rules import DISABLE_AFTER, JOB, MOST_ENDPOINTS, RETRIES
from backend.partners.webhooks.sending.service import Webhooks, enqueue_due
from backend.settings import Settings
from tests.backend.couriers.company import admit
from tests.backend.households.town import build_town
from tests.backend.notifications.pushing import HOST
from tests.backend.partners.receiving import PATH, Receiver, verified
from tests.backend.processes import Workers, until
from tests.backend.world import World

ACTIVE, LEFT = EventKind.COURIER_ACTIVE, EventKind.COURIER_LEFT


async def stored(hooks: Receiver, sql: str) -> list[dict[str, Any]]:
    conn = await asyncpg.connect(hooks.world.urls.superuser)
    try:
        return [dict(row) for row in await conn.fetch(sql)]
    finally:
        await conn.close()


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
    (row,) = await stored(hooks, "SELECT * FROM webhook_endpoint")
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
    await stored(hooks, "UPDATE webhook_endpoint SET previous_until = now() - interval '1 hour' RETURNING 1")
    await hooks.happen(LEFT)
    await hooks.send()
    (one,) = hooks.service.received
    assert verified(one, new)["type"] == "courier.left"
    with pytest.raises(WebhookVerificationError):
        verified(one, hooks.secret)


async def test_what_fails_is_tried_for_three_days_then_listed_and_replayed_under_its_id(hooks: Receiver) -> None:
    hooks.service.answers["/one"] = (500, {})
    await hooks.happen(ACTIVE)
    assert sum(RETRIES, timedelta()) >= timedelta(days=3)
    for number, wait in enumerate(RETRIES, start=1):
        assert await hooks.send() == 0
        assert len(hooks.service.received) == number
        hooks.world.clock.advance(wait - timedelta(seconds=1))
        assert await hooks.send() == 0
        assert len(hooks.service.received) == number
        hooks.world.clock.advance(seconds=1)
    assert await hooks.send() == 0
    assert len({(one.headers["webhook-id"], one.body) for one in hooks.service.received}) == 1
    hooks = await hooks.again()
    (dead,) = await hooks.dead()
    assert (dead["event"]["type"], dead["last_status"], dead["attempts"]) == ("courier.active", 500, len(RETRIES) + 1)
    shown = await hooks.shown()
    assert (shown["enabled"], shown["disabled_by"]) == (False, "failures")
    # Switched off: the feed says so, and replaying needs it on again.
    await publish(hooks.worker_db, now=hooks.world.clock())
    feed = (await hooks.company.actor.get("/partner/v1/events")).json()["events"]
    assert (feed[-1]["type"], feed[-1]["data"]) == ("webhook.disabled", {"endpoint_id": str(hooks.endpoint_id)})
    refused = await hooks.company.actor.post(f"{hooks.path}/replay", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "webhook-disabled")
    hooks.service.answers.clear()
    on = await hooks.company.actor.put(hooks.path, json={"url": f"https://{HOST}/one"})
    assert (on.json()["enabled"], on.json()["failing_since"]) == (True, None)
    replayed = await hooks.company.actor.post(f"{hooks.path}/replay", json={"event_ids": [dead["event"]["id"]]})
    assert replayed.json() == {"replayed": 1}
    assert await hooks.send() == 1
    assert hooks.service.received[-1].headers["webhook-id"] == dead["event"]["id"]
    assert await hooks.dead() == []
    assert (await hooks.company.actor.post(f"{hooks.path}/replay", json={})).json() == {"replayed": 0}


async def test_an_endpoint_that_fails_for_days_is_switched_off_and_what_waits_can_be_replayed(
    hooks: Receiver,
) -> None:
    hooks.service.answers["/one"] = (503, {})
    await hooks.happen(ACTIVE)
    await hooks.send()
    hooks.world.clock.advance(DISABLE_AFTER)
    hooks = await hooks.again()
    await hooks.happen(*[LEFT] * 12)
    other, _ = await hooks.add("two")
    await hooks.send()
    # One at a time where it has failed before.
    assert len(hooks.bodies()) == 2
    assert (await hooks.shown())["disabled_by"] == "failures"
    assert len(await hooks.dead()) == 13
    # The others are told.
    await publish(hooks.worker_db, now=hooks.world.clock())
    await hooks.send()
    assert [one["type"] for one in hooks.bodies("/two")] == ["webhook.disabled"]
    assert other != hooks.endpoint_id
    # Nothing new goes to it meanwhile.
    await hooks.happen(ACTIVE)
    await hooks.send()
    assert len(hooks.bodies()) == 2


async def test_an_endpoint_that_recovers_counts_anew(hooks: Receiver) -> None:
    hooks.service.answers["/one"] = (503, {})
    await hooks.happen(ACTIVE)
    await hooks.send()
    assert (await hooks.shown())["failing_since"] is not None
    hooks.service.answers.clear()
    hooks.world.clock.advance(RETRIES[0])
    assert await hooks.send() == 1
    assert (await hooks.shown())["failing_since"] is None


async def test_an_endpoint_that_says_it_is_gone_is_believed(hooks: Receiver) -> None:
    hooks.service.answers["/one"] = (410, {})
    await hooks.happen(ACTIVE)
    await hooks.send()
    assert (await hooks.shown())["disabled_by"] == "gone"
    assert len(await hooks.dead()) == 1


async def test_a_redirect_is_a_failure_and_is_not_followed(hooks: Receiver) -> None:
    hooks.service.answers["/one"] = (307, {"Location": f"https://{HOST}/elsewhere"})
    await hooks.happen(ACTIVE)
    assert await hooks.send() == 0
    assert [one.path for one in hooks.service.received] == ["/one"]


async def test_an_answer_that_never_ends_is_not_read(hooks: Receiver) -> None:
    hooks.service.endless.add("/one")
    await hooks.happen(ACTIVE)
    assert await hooks.send() == 1


async def test_an_answer_that_does_not_come_is_given_up(hooks: Receiver) -> None:
    held = hooks.service.held["/one"] = threading.Event()
    await hooks.happen(ACTIVE)
    outgoing = hooks.service.outgoing(whole_s=0.5)
    try:
        webhooks = Webhooks(hooks.worker_db, outgoing, pepper=hooks.world.resources.pepper, clock=hooks.world.clock)
        assert await webhooks.send(partner_id=hooks.company.partner_id, endpoint_id=hooks.endpoint_id) == 0
    finally:
        held.set()
        await outgoing.aclose()
    (row,) = await stored(hooks, "SELECT attempts, last_status, outcome FROM webhook_delivery")
    assert row == {"attempts": 1, "last_status": None, "outcome": None}


async def test_a_slow_endpoint_delays_no_other(hooks: Receiver) -> None:
    held = hooks.service.held["/one"] = threading.Event()
    quick, _ = await hooks.add("quick")
    await hooks.happen(ACTIVE)
    # A job of its own for each.
    jobs = await stored(hooks, f"SELECT payload FROM jobs.pgqueuer WHERE entrypoint = '{JOB}'")
    assert len(jobs) == 2
    partner_id = hooks.company.partner_id
    slow = asyncio.create_task(hooks.webhooks.send(partner_id=partner_id, endpoint_id=hooks.endpoint_id))
    try:
        await asyncio.to_thread(hooks.service.arrived.wait, 20)
        assert await hooks.webhooks.send(partner_id=partner_id, endpoint_id=quick) == 1
        assert not slow.done()
    finally:
        held.set()
    assert await slow == 1


async def test_two_workers_at_once_send_one_message(hooks: Receiver) -> None:
    await hooks.happen(ACTIVE)
    sent = await asyncio.gather(
        *(hooks.webhooks.send(partner_id=hooks.company.partner_id, endpoint_id=hooks.endpoint_id) for _ in range(4))
    )
    assert sum(sent) == len(hooks.service.received) == 1


WORKER = """
import asyncio, ssl, sys
from uuid import UUID
from backend.kit.clock import utc_now
from backend.kit.db import Database
from backend.kit.outgoing import Outgoing
from backend.partners.webhooks.sending.service import Webhooks

async def resolve(host, port):
    return ["127.0.0.1"]

async def main():
    url, pepper, port, certificate, partner_id, endpoint_id = sys.argv[1:]
    db = Database(url)
    await db.open()
    outgoing = Outgoing(
        is_allowed=lambda address: address == "127.0.0.1", resolve=resolve, connect_to=int(port),
        trusted=ssl.create_default_context(cafile=certificate),
    )
    webhooks = Webhooks(db, outgoing, pepper=bytes.fromhex(pepper), clock=utc_now)
    await webhooks.send(partner_id=UUID(partner_id), endpoint_id=UUID(endpoint_id))

asyncio.run(main())
"""


async def test_what_a_killed_worker_was_sending_is_sent_again_under_the_same_id(hooks: Receiver) -> None:
    held = hooks.service.held["/one"] = threading.Event()
    await hooks.happen(ACTIVE)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, hooks.world.urls.worker, hooks.world.resources.pepper.hex(),
        str(hooks.service.port), str(hooks.service.certificate), str(hooks.company.partner_id),
        str(hooks.endpoint_id), env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )  # fmt: skip
    async with asyncio.timeout(60):
        while not hooks.service.received:
            assert process.returncode is None
            await asyncio.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    held.set()
    # It had arrived, and nobody knows.
    hooks.world.clock.advance(minutes=1)
    assert await enqueue_due(hooks.worker_db, now=hooks.world.clock()) == 1
    assert await hooks.send() == 1
    first, second = hooks.service.received
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert verified(second, hooks.secret)["type"] == "courier.active"


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.7"],
        ["169.254.169.254"],
        ["127.0.0.2"],
        ["::1"],
        ["fe80::1"],
        ["fd00::1"],
        ["::ffff:10.0.0.7"],
        ["::ffff:93.184.216.34"],
        ["64:ff9b::a00:7"],
        ["2002:a00:7::1"],
        ["100.64.0.1"],
        ["93.184.216.34", "10.0.0.7"],
        [],
    ],
)
async def test_a_name_that_means_a_machine_of_ours_gets_nothing(hooks: Receiver, addresses: list[str]) -> None:
    await hooks.happen(ACTIVE)
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(f"{host}:{port}")
        return addresses

    # What is allowed stands as in life.
    outgoing = Outgoing(resolve=resolve, connect_to=hooks.service.port)
    try:
        webhooks = Webhooks(hooks.worker_db, outgoing, pepper=hooks.world.resources.pepper, clock=hooks.world.clock)
        assert await webhooks.send(partner_id=hooks.company.partner_id, endpoint_id=hooks.endpoint_id) == 0
    finally:
        await outgoing.aclose()
    assert asked == [f"{HOST}:443"]
    assert hooks.service.received == []


async def test_a_name_that_means_another_machine_a_moment_later_gains_nothing(hooks: Receiver) -> None:
    await hooks.happen(ACTIVE)
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(f"{host}:{port}")
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    outgoing = Outgoing(
        is_allowed=lambda address: address == "127.0.0.1",
        resolve=resolve,
        connect_to=hooks.service.port,
        trusted=ssl.create_default_context(cafile=str(hooks.service.certificate)),
    )
    try:
        webhooks = Webhooks(hooks.worker_db, outgoing, pepper=hooks.world.resources.pepper, clock=hooks.world.clock)
        assert await webhooks.send(partner_id=hooks.company.partner_id, endpoint_id=hooks.endpoint_id) == 1
    finally:
        await outgoing.aclose()
    # Looked up once; connected to what was checked, by the certificate and under the name that was given.
    assert asked == [f"{HOST}:443"]
    assert hooks.service.received[0].headers["host"] == HOST


async def test_addresses_that_a_webhook_cannot_have(hooks: Receiver) -> None:
    for url in (
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://localhost/x",
        "https://a.example:8443/x",
        "https://user:secret@a.example/x",
        "https://0x7f.1/xx",
        "https://2130706433/",
    ):
        for answer in (
            await hooks.company.actor.post(PATH, json={"url": url}),
            await hooks.company.actor.put(hooks.path, json={"url": url}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (422, "webhook-url-refused"), url
    for url in ("http://a.example/x", "file:///etc/passwd", "https://a.example/ x", "x"):
        assert (await hooks.company.actor.post(PATH, json={"url": url})).status_code == 400, url


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

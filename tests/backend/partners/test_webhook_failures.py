"""Webhooks: what happens when a company's system does not answer, or answers something else."""

import asyncio
import os
import signal
import sys
import threading
from datetime import timedelta

from backend.partners.events.kinds import EventKind
from backend.partners.publishing import publish
from backend.partners.webhooks.rules import DISABLE_AFTER, JOB, RETRIES
from backend.partners.webhooks.sending.service import Webhooks, enqueue_due
from tests.backend.notifications.pushing import HOST
from tests.backend.partners.receiving import Receiver, verified

ACTIVE, LEFT = EventKind.COURIER_ACTIVE, EventKind.COURIER_LEFT


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
    (row,) = await hooks.stored("SELECT attempts, last_status, outcome FROM webhook_delivery")
    assert row == {"attempts": 1, "last_status": None, "outcome": None}


async def test_a_slow_endpoint_delays_no_other(hooks: Receiver) -> None:
    held = hooks.service.held["/one"] = threading.Event()
    quick, _ = await hooks.add("quick")
    await hooks.happen(ACTIVE)
    # A job of its own for each.
    jobs = await hooks.stored(f"SELECT payload FROM jobs.pgqueuer WHERE entrypoint = '{JOB}'")
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

"""Sending to telephones: browsers that decrypt what they get, text messages, and what goes wrong with each."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from backend.kit.db import Database, Scope
from backend.kit.messages import MessagesUnavailable
from backend.notifications.kinds import RETRIES, Kind
from backend.notifications.push import Browser, PushAnswer, PushService
from backend.notifications.sending.service import Sending, enqueue_due
from backend.notifications.texts import LOCKED
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.notifications.pushing import HOST, TestBrowser, TestPushService
from tests.backend.notifications.test_notifications import NOTIFICATIONS, tell, told
from tests.backend.world import World, send_waiting

SUBSCRIPTIONS = f"{NOTIFICATIONS}/subscriptions"


class _Killed:
    """A carrier whose process is killed whenever it sends."""

    async def send(self, browser: Browser, payload: bytes, *, topic: str, urgent: bool) -> PushAnswer:
        del browser, payload, topic, urgent
        raise asyncio.CancelledError


async def subscribed(who: Resident, name: str = "one") -> TestBrowser:
    """A browser of his that is told."""
    browser = TestBrowser(name)
    answer = await who.actor.put(SUBSCRIPTIONS, json=browser.subscription())
    assert answer.status_code == 200, answer.text
    return browser


async def deliveries(world: World) -> list[dict[str, Any]]:
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        return [dict(row) for row in await conn.fetch("SELECT * FROM notification_delivery ORDER BY delivery_id")]
    finally:
        await conn.close()


async def someone(world: World) -> tuple[Town, Resident]:
    town = await build_town(world)
    return town, await town.tenant()


async def test_every_browser_gets_what_it_alone_can_read_and_no_more_than_that_there_is_something(
    world: World, worker_db: Database, sending: Sending, service: TestPushService
) -> None:
    town, tenant = await someone(world)
    browsers = [await subscribed(tenant, "one"), await subscribed(tenant, "two")]
    await tell(town, tenant)
    (shown,) = await told(tenant.actor)
    assert await send_waiting(sending, worker_db, now=world.clock()) == 2
    key = (await tenant.actor.get(f"{SUBSCRIPTIONS}/key")).json()["application_server_key"]
    by_path = {one.path: one for one in service.received}
    assert len(by_path) == len(service.received) == 2
    for browser in browsers:
        received = by_path[browser.endpoint.removeprefix(f"https://{HOST}")]
        assert browser.open(received.body) == {
            "notification_id": shown["notification_id"],
            "text": LOCKED["zh-CN"],
        }
        claims = received.claims()
        assert (claims["sub"], claims["k"]) == ("mailto:office@doorward.test", key)
        assert received.headers["host"] == HOST
        assert received.headers["content-encoding"] == "aes128gcm"
        assert (received.headers["ttl"], received.headers["urgency"]) == ("86400", "normal")
        assert received.headers["topic"] == UUID(shown["notification_id"]).hex
    # Once each.
    world.clock.advance(hours=1)
    assert await send_waiting(sending, worker_db, now=world.clock()) == 0
    assert {one["outcome"] for one in await deliveries(world)} == {"sent"}


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_its_push_service_has_forgotten_is_dropped_and_the_others_stay(
    world: World, worker_db: Database, sending: Sending, service: TestPushService, status: int
) -> None:
    town, tenant = await someone(world)
    await subscribed(tenant, "one")
    await subscribed(tenant, "gone")
    service.answers["/send/gone"] = (status, {})
    await tell(town, tenant)
    assert await send_waiting(sending, worker_db, now=world.clock()) == 1
    assert len((await tenant.actor.get(SUBSCRIPTIONS)).json()["subscriptions"]) == 1
    await tell(town, tenant)
    await send_waiting(sending, worker_db, now=world.clock())
    assert [one.path for one in service.received].count("/send/gone") == 1


async def test_what_a_push_service_cannot_take_now_is_sent_again_later_and_given_up_in_the_end(
    world: World, worker_db: Database, sending: Sending, service: TestPushService
) -> None:
    town, tenant = await someone(world)
    await subscribed(tenant)
    service.answers["/send/one"] = (503, {})
    await tell(town, tenant)
    for number, wait in enumerate(RETRIES, start=1):
        assert await send_waiting(sending, worker_db, now=world.clock()) == 0
        assert len(service.received) == number
        # Not before its time.
        world.clock.advance(wait - timedelta(seconds=1))
        await send_waiting(sending, worker_db, now=world.clock())
        assert len(service.received) == number
        world.clock.advance(seconds=1)
    await send_waiting(sending, worker_db, now=world.clock())
    assert len(service.received) == len(RETRIES)
    (delivery,) = await deliveries(world)
    assert delivery["outcome"] == "given_up"


async def test_a_push_service_that_asks_for_time_gets_it(
    world: World, worker_db: Database, sending: Sending, service: TestPushService
) -> None:
    town, tenant = await someone(world)
    await subscribed(tenant)
    service.answers["/send/one"] = (429, {"Retry-After": "3600"})
    await tell(town, tenant)
    await send_waiting(sending, worker_db, now=world.clock())
    service.answers.clear()
    world.clock.advance(minutes=59)
    assert await send_waiting(sending, worker_db, now=world.clock()) == 0
    world.clock.advance(minutes=2)
    assert await send_waiting(sending, worker_db, now=world.clock()) == 1


async def test_a_redirect_is_not_followed(
    world: World, worker_db: Database, sending: Sending, service: TestPushService
) -> None:
    town, tenant = await someone(world)
    await subscribed(tenant)
    service.answers["/send/one"] = (307, {"Location": f"https://{HOST}/elsewhere"})
    await tell(town, tenant)
    assert await send_waiting(sending, worker_db, now=world.clock()) == 0
    assert [one.path for one in service.received] == ["/send/one"]
    (delivery,) = await deliveries(world)
    assert delivery["outcome"] == "refused"


async def test_a_name_that_comes_to_mean_a_machine_of_our_own_gets_nothing(
    world: World, worker_db: Database, service: TestPushService
) -> None:
    town, tenant = await someone(world)
    await subscribed(tenant)
    await tell(town, tenant)
    # One of its addresses is enough.
    outgoing = service.outgoing(addresses=["127.0.0.1", "10.0.0.7"])
    push = PushService(outgoing, pepper=world.resources.pepper, contact="a@doorward.test")
    try:
        sending = Sending(worker_db, world.resources.sender, push, world.clock)
        assert await send_waiting(sending, worker_db, now=world.clock()) == 0
    finally:
        await outgoing.aclose()
    assert service.received == []


async def test_what_was_killed_while_it_sent_is_sent_again_under_the_same_topic(
    world: World, worker_db: Database, sending: Sending, service: TestPushService
) -> None:
    town, tenant = await someone(world)
    await subscribed(tenant)
    await tell(town, tenant)
    with pytest.raises(asyncio.CancelledError):
        await send_waiting(
            Sending(worker_db, world.resources.sender, _Killed(), world.clock), worker_db, now=world.clock()
        )
    # Somebody may be sending it still.
    assert await send_waiting(sending, worker_db, now=world.clock()) == 0
    world.clock.advance(RETRIES[0])
    assert await enqueue_due(worker_db, now=world.clock()) == 1
    assert await send_waiting(sending, worker_db, now=world.clock()) == 1


async def test_two_workers_at_once_send_one_message(
    world: World, worker_db: Database, sending: Sending, service: TestPushService
) -> None:
    town, tenant = await someone(world)
    await subscribed(tenant)
    await tell(town, tenant)
    (shown,) = await told(tenant.actor)
    notification_id = UUID(shown["notification_id"])
    sent = await asyncio.gather(
        *(sending.send(person_id=tenant.person_id, notification_id=notification_id) for _ in range(4))
    )
    assert sum(sent) == len(service.received) == 1


async def test_a_browser_belongs_to_its_log_in_and_ends_with_it(
    world: World, worker_db: Database, sending: Sending, service: TestPushService
) -> None:
    town, tenant = await someone(world)
    await subscribed(tenant)
    elsewhere = await world.login(tenant.actor.phone, surface="resident")
    assert (await elsewhere.delete("/resident/v1/me/sessions")).status_code == 204
    await tell(town, tenant)
    await send_waiting(sending, worker_db, now=world.clock())
    assert service.received == []
    assert (await elsewhere.get(SUBSCRIPTIONS)).json() == {"subscriptions": []}
    # Nor does a token that is left of it bring it back.
    late = await tenant.actor.put(SUBSCRIPTIONS, json=TestBrowser("two").subscription())
    assert late.status_code == 401


async def test_a_browser_that_changes_hands_tells_its_new_owner_only(
    world: World, worker_db: Database, sending: Sending, service: TestPushService
) -> None:
    town, tenant = await someone(world)
    other = await town.tenant("1-102")
    await subscribed(tenant, "shared")
    await tell(town, tenant)
    await subscribed(other, "shared")
    await send_waiting(sending, worker_db, now=world.clock())
    assert service.received == []
    await tell(town, other)
    assert await send_waiting(sending, worker_db, now=world.clock()) == 1
    assert (await tenant.actor.get(SUBSCRIPTIONS)).json() == {"subscriptions": []}


async def test_browsers_are_listed_renewed_and_taken_off(world: World) -> None:
    town, tenant = await someone(world)
    other = await town.tenant("1-102")
    first = (await tenant.actor.put(SUBSCRIPTIONS, json=TestBrowser().subscription())).json()
    renewed = (await tenant.actor.put(SUBSCRIPTIONS, json=TestBrowser().subscription())).json()
    assert renewed["subscription_id"] == first["subscription_id"]
    assert renewed["current"] is True
    path = f"{SUBSCRIPTIONS}/{first['subscription_id']}"
    assert (await other.actor.delete(path)).json()["code"] == "push-subscription-not-found"
    assert (await tenant.actor.delete(path)).status_code == 204
    assert (await tenant.actor.delete(path)).status_code == 404
    for number in range(10):
        await subscribed(tenant, f"n{number}")
    more = await tenant.actor.put(SUBSCRIPTIONS, json=TestBrowser("more").subscription())
    assert (more.status_code, more.json()["code"]) == (409, "push-subscriptions-too-many")


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.doorward.test/send",
        "https://push.doorward.test:8443/send",
        "https://user@push.doorward.test/send",
        "https://user:pass@push.doorward.test/send",
        "https://localhost/send",
        "https://127.0.0.1/send",
        "https://127.1/send",
        "https://0x7f.0x1/send",
        "https://2130706433/send",
        "https://[::1]/send",
        "https://[::ffff:10.0.0.1]/send",
        "https://push.doorward.test\\@10.0.0.1/send",
        "https://push.doorward.test /send",
        "ftp://push.doorward.test/send",
        "https:///send-to-nobody",
    ],
)
async def test_no_address_is_taken_that_could_be_a_machine_of_our_own(world: World, endpoint: str) -> None:
    resident = await world.resident()
    answer = await resident.put(SUBSCRIPTIONS, json=TestBrowser().subscription(endpoint=endpoint))
    assert (answer.status_code, answer.json()["code"]) == (422, "push-subscription-refused")


@pytest.mark.parametrize(
    "keys",
    [
        {"p256dh": "AAAA", "auth": "LS0tLS0tLS0tLS0tLS0tLQ"},
        {"p256dh": "BA" + "A" * 85, "auth": "LS0tLS0tLS0tLS0tLS0tLQ"},
        {"p256dh": TestBrowser().subscription()["keys"]["p256dh"], "auth": "AAAA"},  # type: ignore[index]  # a dict
    ],
)
async def test_keys_that_nothing_could_be_encrypted_for_are_refused(world: World, keys: dict[str, str]) -> None:
    resident = await world.resident()
    answer = await resident.put(SUBSCRIPTIONS, json=TestBrowser().subscription(keys=keys))
    assert (answer.status_code, answer.json()["code"]) == (422, "push-subscription-refused")


async def test_text_messages_go_out_unless_refused_and_say_nothing_of_whom(
    world: World, worker_db: Database, sending: Sending
) -> None:
    town, tenant = await someone(world)
    await tell(town, tenant, kind=Kind.GUEST_ARRIVED)
    assert await send_waiting(sending, worker_db, now=world.clock()) == 1
    message = world.messages(tenant.actor.phone)[-1]
    assert (message["template"], message["values"], message["language"]) == ("guest_arrived", {}, "zh-CN")
    assert "Garden Court" not in message["text"]
    answer = await tenant.actor.put(f"{NOTIFICATIONS}/preferences/guest_arrived", json={"sms": False})
    assert answer.status_code == 200
    await tell(town, tenant, kind=Kind.GUEST_ARRIVED)
    assert await send_waiting(sending, worker_db, now=world.clock()) == 0


async def test_a_carrier_that_is_away_gets_the_message_later_with_the_same_key(
    world: World, worker_db: Database, service: TestPushService
) -> None:
    class Away:
        """Takes nothing at first, and then what it is given."""

        def __init__(self) -> None:
            self.keys: list[object] = []

        async def send(self, **message: object) -> None:
            self.keys.append(message["key"])
            if len(self.keys) == 1:
                raise MessagesUnavailable

    away = Away()
    town, tenant = await someone(world)
    await tell(town, tenant, kind=Kind.GUEST_ARRIVED)
    sending = Sending(worker_db, away, _Killed(), world.clock)
    assert await send_waiting(sending, worker_db, now=world.clock()) == 0
    world.clock.advance(RETRIES[0])
    assert await send_waiting(sending, worker_db, now=world.clock()) == 1
    assert len(set(away.keys)) == 1


async def test_what_is_on_its_way_goes_with_the_person(
    world: World, worker_db: Database, sending: Sending, service: TestPushService
) -> None:
    town, tenant = await someone(world)
    await subscribed(tenant)
    await tell(town, tenant)
    (shown,) = await told(tenant.actor)
    async with worker_db.transaction(Scope(platform=True)) as conn:
        await conn.execute("DELETE FROM notification WHERE person_id = $1", tenant.person_id)
    assert await sending.send(person_id=tenant.person_id, notification_id=UUID(shown["notification_id"])) == 0
    assert service.received == []

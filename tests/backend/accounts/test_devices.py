"""Sessions: where somebody is logged in, seen and ended by himself, and told of."""

import asyncio

import pytest

from backend.accounts import service
from backend.accounts.sessions.devices import device_label
from backend.kit.db import Scope
from backend.kit.language import preferred_language
from tests.backend.world import Actor, World

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 "
    "Mobile/15E148 Safari/604.1"
)
SESSIONS = "/resident/v1/me/sessions"


async def log_in(world: World, phone: str, **headers: str) -> Actor:
    asked = await world.api.post("/resident/v1/login", json={"phone": phone})
    body = {"challenge_id": asked.json()["challenge_id"], "code": world.code_sent_to(phone)}
    answer = (await world.api.post("/resident/v1/login/verify", json=body, headers=headers)).json()
    return Actor(world.api, phone, answer["access_token"], answer["refresh_token"])


@pytest.mark.parametrize(
    "header, label",
    [
        (IPHONE, "iPhone, Safari"),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/124 Mobile Safari MicroMessenger/8.0", "Android, WeChat"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/124.0 Safari/537.36 Edg/124.0", "Windows, Edge"),
        ("<script>alert(1)</script>", None),
        ("a" * 100_000 + "iPhone", None),
        ("\x00\x01", None),
        (None, None),
    ],
)
def test_of_a_device_only_known_words_are_kept(header: str | None, label: str | None) -> None:
    assert device_label(header) == label


@pytest.mark.parametrize(
    "header, language",
    [
        ("en-GB,en;q=0.9", "en"),
        ("zh-TW", "zh-CN"),
        ("fr, en;q=0.5, zh;q=0.8", "zh-CN"),
        ("fr", None),
        ("en;q=0", None),
        ("en;q=nan, zh;q=x", None),
        ("", None),
        (None, None),
    ],
)
def test_the_language_is_the_one_that_the_request_prefers(header: str | None, language: str | None) -> None:
    assert preferred_language(header) == language


async def test_a_resident_sees_his_devices_and_logs_one_out(world: World) -> None:
    phone = world.new_phone()
    lost = await log_in(world, phone, **{"User-Agent": IPHONE})
    world.clock.advance(minutes=1)
    mine = await log_in(world, phone, **{"User-Agent": "curl/8"})
    listed = (await mine.get(SESSIONS)).json()["sessions"]
    assert [(one["device"], one["current"]) for one in listed] == [(None, True), ("iPhone, Safari", False)]
    assert (await mine.delete(f"{SESSIONS}/{listed[1]['session_id']}")).status_code == 204
    assert (await mine.delete(f"{SESSIONS}/{listed[1]['session_id']}")).status_code == 204
    renewed = await world.api.post("/resident/v1/token", json={"refresh_token": lost.refresh_token})
    assert renewed.json()["code"] == "session-ended"
    assert len((await mine.get(SESSIONS)).json()["sessions"]) == 1


async def test_all_other_devices_are_logged_out_at_once(world: World) -> None:
    phone = world.new_phone()
    others = [await log_in(world, phone) for _ in range(3)]
    world.clock.advance(minutes=1)
    mine = await log_in(world, phone)
    first = (await mine.get(SESSIONS, params={"limit": 3})).json()
    rest = (await mine.get(SESSIONS, params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert (len(first["sessions"]), len(rest["sessions"]), rest["next_cursor"]) == (3, 1, None)
    assert (await mine.delete(SESSIONS)).status_code == 204
    assert [one["current"] for one in (await mine.get(SESSIONS)).json()["sessions"]] == [True]
    for other in others:
        # An access token that is left must not end its owner's sessions.
        assert (await other.delete(SESSIONS)).status_code == 401
        assert (await other.get(SESSIONS)).status_code == 401


async def test_nobody_else_s_session_is_found(world: World) -> None:
    mine, other = await world.resident(), await world.resident()
    theirs = (await other.get(SESSIONS)).json()["sessions"][0]["session_id"]
    answer = await mine.delete(f"{SESSIONS}/{theirs}")
    assert (answer.status_code, answer.json()["code"]) == (404, "session-not-found")
    assert (await other.get(SESSIONS)).status_code == 200


async def test_staff_see_and_end_their_own_sessions_too(world: World) -> None:
    admin = await world.administrator()
    other = await world.login(admin.phone, surface="staff", second_factor=False)
    assert (await admin.delete("/staff/v1/me/sessions")).status_code == 204
    assert (await other.get("/staff/v1/staff")).status_code == 401
    assert len((await admin.get("/staff/v1/me/sessions")).json()["sessions"]) == 1


async def test_who_is_logged_in_is_told_of_another_device(world: World) -> None:
    phone = world.new_phone()
    first = await log_in(world, phone)
    assert [message["template"] for message in world.messages(phone)] == ["login_code"]
    assert (await first.patch("/resident/v1/me", json={"language": "en"})).status_code == 200
    await log_in(world, phone, **{"User-Agent": IPHONE, "Accept-Language": "zh-CN"})
    await world.send_messages()
    told = world.messages(phone)[-1]
    assert (told["template"], told["language"]) == ("new_device", "en")
    assert "iPhone" in told["text"]
    world.clock.advance(days=31)
    await log_in(world, phone)
    await world.send_messages()
    assert [message["template"] for message in world.messages(phone)].count("new_device") == 1


async def test_codes_come_in_the_language_of_the_request_else_in_the_chosen_one(world: World) -> None:
    phone = world.new_phone()
    await world.api.post("/resident/v1/login", json={"phone": phone})
    assert world.messages(phone)[-1]["language"] == "zh-CN"
    await world.api.post("/resident/v1/login", json={"phone": phone}, headers={"Accept-Language": "en-US"})
    assert world.messages(phone)[-1]["language"] == "en"
    mine = await log_in(world, phone, **{"Accept-Language": "en-US"})
    assert (await mine.get("/resident/v1/me")).json()["language"] == "en"
    await world.api.post("/resident/v1/login", json={"phone": phone})
    assert world.messages(phone)[-1]["language"] == "en"


async def test_a_log_in_at_the_instant_of_being_forgotten_makes_a_new_account_or_is_refused(world: World) -> None:
    for _ in range(6):
        phone = world.new_phone()
        mine = await log_in(world, phone)
        person = (await mine.get("/resident/v1/me")).json()["person_id"]
        asked = await world.api.post("/resident/v1/login", json={"phone": phone})
        body = {"challenge_id": asked.json()["challenge_id"], "code": world.code_sent_to(phone)}

        async def forget(person: str = person) -> None:
            async with world.resources.db.transaction(Scope(platform=True)) as conn:
                await service.forget_person(conn, person_id=person, now=world.clock.now)  # type: ignore[arg-type]  # the driver takes the text of an id

        verified, _ = await asyncio.gather(world.api.post("/resident/v1/login/verify", json=body), forget())
        assert verified.status_code == 200, verified.text

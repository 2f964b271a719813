"""Log-in by one-time code."""

import asyncio
from datetime import timedelta
from typing import Any, cast

import asyncpg
import httpx
import msgspec
import pytest

from backend.accounts import service
from backend.accounts.codes import service as codes
from backend.app import create_app
from backend.kit.crypto import keyed_hash
from backend.kit.db import Database, Scope
from backend.resources import Resources
from backend.settings import Settings
from tests.backend.running import running
from tests.backend.world import World


async def ask(api: httpx.AsyncClient, phone: str, surface: str = "resident") -> httpx.Response:
    return await api.post(f"/{surface}/v1/login", json={"phone": phone})


async def give(api: httpx.AsyncClient, challenge_id: str, code: str, surface: str = "resident") -> httpx.Response:
    return await api.post(f"/{surface}/v1/login/verify", json={"challenge_id": challenge_id, "code": code})


def other(code: str) -> str:
    """A well-formed code that is not this one."""
    return f"{(int(code) + 1) % 10**6:06d}"


async def test_the_first_login_makes_a_person_and_the_second_finds_him(world: World) -> None:
    phone = world.new_phone()
    first = await (await world.resident(phone)).get("/resident/v1/me")
    second = await (await world.resident(phone)).get("/resident/v1/me")
    assert first.status_code == 200
    assert first.json() == second.json()
    assert first.json()["phone"] == phone
    assert first.json()["name"] is None


async def test_two_first_logins_at_once_make_one_person(world: World) -> None:
    phone = world.new_phone()
    challenges = []
    for _ in range(2):
        asked = await ask(world.api, phone)
        challenges.append((asked.json()["challenge_id"], world.code_sent_to(phone)))
    answers = await asyncio.gather(*(give(world.api, *challenge) for challenge in challenges))
    people = set()
    for answer in answers:
        assert answer.status_code == 200
        me = await world.api.get(
            "/resident/v1/me", headers={"Authorization": f"Bearer {answer.json()['access_token']}"}
        )
        people.add(me.json()["person_id"])
    assert len(people) == 1


async def test_a_national_number_is_read_as_chinese(world: World) -> None:
    assert (await ask(world.api, "138 0013 8000")).status_code == 202
    assert world.messages("+8613800138000")


async def test_a_code_works_once(world: World) -> None:
    phone = world.new_phone()
    challenge_id = (await ask(world.api, phone)).json()["challenge_id"]
    code = world.code_sent_to(phone)
    assert (await give(world.api, challenge_id, code)).status_code == 200
    again = await give(world.api, challenge_id, code)
    assert (again.status_code, again.json()["code"]) == (401, "code-refused")


async def test_a_code_given_twice_at_once_works_once(world: World) -> None:
    phone = world.new_phone()
    challenge_id = (await ask(world.api, phone)).json()["challenge_id"]
    code = world.code_sent_to(phone)
    answers = await asyncio.gather(*(give(world.api, challenge_id, code) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]


async def test_a_code_expires_after_five_minutes(world: World) -> None:
    phone = world.new_phone()
    asked = (await ask(world.api, phone)).json()
    assert asked["expires_in"] == 300
    world.clock.advance(minutes=5)
    assert (await give(world.api, asked["challenge_id"], world.code_sent_to(phone))).status_code == 401


async def test_the_sixth_attempt_fails_even_with_the_right_code(world: World) -> None:
    phone = world.new_phone()
    challenge_id = (await ask(world.api, phone)).json()["challenge_id"]
    code = world.code_sent_to(phone)
    for _ in range(5):
        assert (await give(world.api, challenge_id, other(code))).status_code == 401
    assert (await give(world.api, challenge_id, code)).status_code == 401


async def test_guesses_at_the_same_moment_are_all_counted(world: World) -> None:
    phone = world.new_phone()
    challenge_id = (await ask(world.api, phone)).json()["challenge_id"]
    code = world.code_sent_to(phone)
    await asyncio.gather(*(give(world.api, challenge_id, other(code)) for _ in range(8)))
    assert (await give(world.api, challenge_id, code)).status_code == 401


async def test_a_challenge_of_one_surface_is_worth_nothing_on_another(world: World) -> None:
    admin = await world.administrator()
    challenge_id = (await ask(world.api, admin.phone, "resident")).json()["challenge_id"]
    code = world.code_sent_to(admin.phone)
    assert (await give(world.api, challenge_id, code, "staff")).status_code == 401
    assert (await give(world.api, challenge_id, code, "resident")).status_code == 200


async def test_an_invented_challenge_is_refused_like_a_wrong_code(world: World) -> None:
    for challenge_id in ("x", "A" * 78, "AAAAAAAAAAAAAAAAAAAAAA", "_" * 200):
        answer = await give(world.api, challenge_id, "123456")
        assert (answer.status_code, answer.json()["code"]) == (401, "code-refused")


async def test_one_persons_code_does_not_open_anothers_challenge(world: World) -> None:
    mine, yours = world.new_phone(), world.new_phone()
    await ask(world.api, mine)
    challenge_id = (await ask(world.api, yours)).json()["challenge_id"]
    code = world.code_sent_to(mine)
    if code != world.code_sent_to(yours):
        assert (await give(world.api, challenge_id, code)).status_code == 401


async def test_what_is_no_mobile_number_is_refused(world: World) -> None:
    for phone in ("12345", "+861", "not a number", "+1 202 555 0100 ext 5", "010-58881234", "+44 909 879 0000", "+"):
        answer = await ask(world.api, phone)
        assert answer.status_code in (400, 422), phone
        assert f'"{phone}"' not in answer.text


async def test_a_malformed_request_is_refused(world: World) -> None:
    number = "+12025550100"
    more: tuple[object, ...] = ({"phone": number, "admin": True}, {"phone": number, "language": "de"})
    for body in ({}, [], {"phone": 5}, *more):
        answer = await world.api.post("/resident/v1/login", json=body)
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"
        assert number not in answer.text


async def test_a_malformed_code_is_refused(world: World) -> None:
    for code in ("12345", "1234567", "12345a", "\u0661\u0662\u0663\u0664\u0665\u0666", ""):
        assert (await give(world.api, "x", code)).status_code == 400


async def test_staff_login_answers_the_same_for_everybody_and_writes_only_to_staff(world: World) -> None:
    admin = await world.administrator()
    stranger = world.new_phone()
    known = await ask(world.api, admin.phone, "staff")
    unknown = await ask(world.api, stranger, "staff")
    assert known.status_code == unknown.status_code == 202
    assert known.json().keys() == unknown.json().keys()
    assert len(known.json()["challenge_id"]) == len(unknown.json()["challenge_id"])
    assert world.messages(stranger) == []
    assert len(world.messages(admin.phone)) == 2


async def test_a_resident_is_no_staff(world: World) -> None:
    resident = await world.resident()
    before = len(world.messages(resident.phone))
    challenge_id = (await ask(world.api, resident.phone, "staff")).json()["challenge_id"]
    assert len(world.messages(resident.phone)) == before
    refused = await give(world.api, challenge_id, "000000", "staff")
    assert (refused.status_code, refused.json()["code"]) == (401, "code-refused")


async def test_a_residents_token_opens_nothing_of_the_staffs(world: World) -> None:
    resident = await world.resident()
    assert (await resident.get("/staff/v1/communities")).status_code == 401


async def test_the_sixth_code_in_a_quarter_of_an_hour_must_wait(world: World) -> None:
    phone = world.new_phone()
    for _ in range(5):
        assert (await ask(world.api, phone)).status_code == 202
    refused = await ask(world.api, phone)
    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-codes")
    wait = int(refused.headers["retry-after"])
    assert wait == 900
    assert len(world.messages(phone)) == 5
    world.clock.advance(seconds=wait)
    assert (await ask(world.api, phone)).status_code == 202


async def test_requests_at_the_same_moment_share_one_limit(world: World) -> None:
    phone = world.new_phone()
    answers = await asyncio.gather(*(ask(world.api, phone) for _ in range(9)))
    assert sorted(answer.status_code for answer in answers) == [202] * 5 + [429] * 4


async def test_a_limited_stranger_learns_nothing_about_staff(world: World) -> None:
    stranger = world.new_phone()
    answers = [await ask(world.api, stranger, "staff") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [202] * 5 + [429]


async def test_neither_code_nor_number_can_be_read_from_the_database(world: World) -> None:
    phone = world.new_phone()
    challenge_id = (await ask(world.api, phone)).json()["challenge_id"]
    code = world.code_sent_to(phone)
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        rows = await conn.fetch("SELECT to_jsonb(login_challenge)::text AS row FROM login_challenge")
        assert await conn.fetchval("SELECT count(*) FROM account") == 0
    finally:
        await conn.close()
    assert len(rows) == 1
    assert phone not in rows[0]["row"]
    assert phone.removeprefix("+") not in challenge_id
    assert f'"{code}"' not in rows[0]["row"]


async def test_the_languages_of_the_message(world: World) -> None:
    phone = world.new_phone()
    await world.api.post("/resident/v1/login", json={"phone": phone, "language": "en"})
    await world.api.post("/resident/v1/login", json={"phone": phone})
    english, chinese = world.messages(phone)
    assert english["language"] == "en"
    assert "your code is" in english["text"]
    assert "验证码" in chinese["text"]


async def test_old_codes_and_dead_sessions_are_swept(world: World, worker_db: Database) -> None:
    await world.resident()
    world.clock.advance(days=31)
    kept = await world.resident()
    async with worker_db.transaction(Scope(platform=True)) as conn:
        # A refresh token, its session and a code.
        assert await service.sweep(conn, now=world.clock(), limit=100) == 2
        assert await codes.sweep(conn, now=world.clock(), limit=100) == 1
    again = await world.api.post("/resident/v1/token", json={"refresh_token": kept.refresh_token})
    assert again.status_code == 200


async def test_a_whole_crowd_at_one_address_must_wait(world: World) -> None:
    """Three hundred codes in the hour before, for other numbers."""
    address = keyed_hash(world.resources.pepper, "login-address", "127.0.0.1")
    async with world.resources.db.transaction(Scope(platform=True)) as conn:
        await conn.execute(
            """
            INSERT INTO login_challenge
                (challenge_id, surface, phone_hash, address_hash, code_hash, created_at, expires_at)
            SELECT gen_random_uuid(), 'resident', sha256(n::text::bytea), $1, sha256(''), $2, $2
            FROM generate_series(1, 300) n
            """,
            address, world.clock() - timedelta(minutes=20),
        )  # fmt: skip
    refused = await ask(world.api, world.new_phone())
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "2400")
    world.clock.advance(minutes=40)
    assert (await ask(world.api, world.new_phone())).status_code == 202


@pytest.mark.parametrize(
    "proxies,address", [(0, "127.0.0.1"), (1, "198.51.100.2"), (2, "203.0.113.9"), (3, "127.0.0.1")]
)
async def test_only_what_our_own_proxies_saw_is_an_address(settings: Settings, proxies: int, address: str) -> None:
    app = create_app(msgspec.structs.replace(settings, proxies=proxies))
    transport = httpx.ASGITransport(app=cast("Any", app))
    async with running(app), httpx.AsyncClient(transport=transport, base_url="http://doorward.test") as api:
        headers = {"X-Forwarded-For": "203.0.113.9, 198.51.100.2"}
        await api.post("/resident/v1/login", json={"phone": "+12025550100"}, headers=headers)
        resources: Resources = app.state.resources
        async with resources.db.transaction(Scope(platform=True)) as conn:
            noted = await conn.fetchval("SELECT address_hash FROM login_challenge")
        assert noted == keyed_hash(resources.pepper, "login-address", address)

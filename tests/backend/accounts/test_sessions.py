"""Refresh tokens: exchanged once, stolen ones found out."""

import asyncio

import httpx

from backend.accounts import service
from backend.kit.db import Scope
from tests.backend.world import Actor, World


async def renew(api: httpx.AsyncClient, token: str, surface: str = "resident") -> httpx.Response:
    return await api.post(f"/{surface}/v1/token", json={"refresh_token": token})


def me(world: World, token: str) -> Actor:
    return Actor(world.api, "", token, "")


async def test_an_access_token_lives_ten_minutes_and_is_renewed(world: World) -> None:
    resident = await world.resident()
    world.clock.advance(minutes=10)
    assert (await resident.get("/resident/v1/me")).status_code == 401
    renewed = await renew(world.api, resident.refresh_token)
    assert renewed.status_code == 200
    assert renewed.json()["token_type"] == "Bearer"
    assert renewed.json()["expires_in"] == 600
    assert (await me(world, renewed.json()["access_token"]).get("/resident/v1/me")).status_code == 200


async def test_a_used_token_that_comes_again_ends_the_whole_session(world: World) -> None:
    resident = await world.resident()
    successor = (await renew(world.api, resident.refresh_token)).json()["refresh_token"]
    world.clock.advance(seconds=11)
    stolen = await renew(world.api, resident.refresh_token)
    assert (stolen.status_code, stolen.json()["code"]) == (401, "session-ended")
    owner = await renew(world.api, successor)
    assert (owner.status_code, owner.json()["code"]) == (401, "session-ended")


async def test_reuse_ends_that_session_and_no_other(world: World) -> None:
    phone = world.new_phone()
    one, two = await world.resident(phone), await world.resident(phone)
    await renew(world.api, one.refresh_token)
    world.clock.advance(minutes=1)
    assert (await renew(world.api, one.refresh_token)).status_code == 401
    assert (await renew(world.api, two.refresh_token)).status_code == 200


async def test_two_exchanges_at_once_leave_the_winner_logged_in(world: World) -> None:
    resident = await world.resident()
    answers = await asyncio.gather(*(renew(world.api, resident.refresh_token) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    loser = next(answer for answer in answers if answer.status_code == 409)
    assert loser.json()["code"] == "token-renewed-elsewhere"
    winner = next(answer for answer in answers if answer.status_code == 200)
    assert (await renew(world.api, winner.json()["refresh_token"])).status_code == 200


async def test_a_refresh_token_lives_thirty_days(world: World) -> None:
    resident = await world.resident()
    world.clock.advance(days=29)
    young = await renew(world.api, resident.refresh_token)
    assert young.status_code == 200
    world.clock.advance(days=30)
    assert (await renew(world.api, young.json()["refresh_token"])).status_code == 401


async def test_logging_out_ends_the_session(world: World) -> None:
    resident = await world.resident()
    assert (await resident.post("/resident/v1/logout")).status_code == 204
    assert (await resident.post("/resident/v1/logout")).status_code == 204
    refused = await renew(world.api, resident.refresh_token)
    assert (refused.status_code, refused.json()["code"]) == (401, "session-ended")


async def test_staff_who_logged_out_are_refused_at_once(world: World) -> None:
    admin = await world.administrator()
    assert (await admin.get("/staff/v1/communities")).status_code == 200
    assert (await admin.post("/staff/v1/logout")).status_code == 204
    assert (await admin.get("/staff/v1/communities")).status_code == 401


async def test_a_residents_refresh_token_gives_no_staff_token(world: World) -> None:
    admin = await world.administrator()
    resident = await world.resident(admin.phone)
    assert (await renew(world.api, resident.refresh_token, "staff")).status_code == 401
    assert (await renew(world.api, admin.refresh_token, "staff")).status_code == 200


async def test_an_invented_refresh_token_is_refused(world: World) -> None:
    for token in ("A" * 43, "short", "ü" * 43, "A" * 101):
        assert (await renew(world.api, token)).status_code in (400, 401)


async def test_a_person_is_forgotten_with_number_and_sessions(world: World) -> None:
    resident = await world.resident()
    person_id = (await resident.get("/resident/v1/me")).json()["person_id"]
    async with world.resources.db.transaction(Scope(platform=True)) as conn:
        await service.forget_person(conn, person_id=person_id, now=world.clock())
        assert await conn.fetchval("SELECT count(*) FROM account WHERE phone = $1", resident.phone) == 0
    assert (await renew(world.api, resident.refresh_token)).status_code == 401
    assert (await resident.get("/resident/v1/me")).status_code == 401


async def test_forgetting_a_resident_who_is_also_staff_leaves_his_work(world: World) -> None:
    admin = await world.administrator()
    resident = await world.resident(admin.phone)
    person_id = (await resident.get("/resident/v1/me")).json()["person_id"]
    async with world.resources.db.transaction(Scope(platform=True)) as conn:
        await service.forget_person(conn, person_id=person_id, now=world.clock())
    assert (await renew(world.api, resident.refresh_token)).status_code == 401
    assert (await admin.get("/staff/v1/communities")).status_code == 200

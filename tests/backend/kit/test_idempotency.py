"""Requests that are sent twice: one effect, one answer, whatever dies in between."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from backend.kit.db import Scope
from backend.kit.idempotency import middleware, repository
from tests.backend.world import Actor, World

PATH = "/staff/v1/communities"
BODY = {"name": "Garden Court", "capture_policy": "photos"}


async def create(staff: Actor, key: str, **fields: object) -> httpx.Response:
    return await staff.post(PATH, json={**BODY, **fields}, headers={"Idempotency-Key": key})


async def count(world: World) -> int:
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        return int(await conn.fetchval("SELECT count(*) FROM community"))
    finally:
        await conn.close()


async def rows(world: World) -> list[Any]:
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        return list(await conn.fetch("SELECT * FROM idempotent_request"))
    finally:
        await conn.close()


async def test_the_same_request_gets_the_same_bytes_and_has_one_effect(world: World) -> None:
    admin, key = await world.administrator(), str(uuid4())
    first = await create(admin, key)
    second = await create(admin, key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert first.headers["content-type"] == second.headers["content-type"]
    assert await count(world) == 1


async def test_two_at_once_have_one_effect(world: World) -> None:
    admin, key = await world.administrator(), str(uuid4())
    answers = await asyncio.gather(*(create(admin, key) for _ in range(6)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"request-in-progress"}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert await count(world) == 1


async def test_another_body_or_path_under_the_same_key_is_refused(world: World) -> None:
    admin, key = await world.administrator(), str(uuid4())
    community = (await create(admin, key)).json()["community_id"]
    other = await create(admin, key, name="Another")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    elsewhere = await admin.post(f"{PATH}/{community}/gates", json={"name": "N"}, headers={"Idempotency-Key": key})
    assert elsewhere.status_code == 422
    assert await count(world) == 1


async def test_a_key_is_its_sender_s_own(world: World) -> None:
    one, two = await world.administrator(), await world.administrator("Another Authority")
    assert (await create(one, "same")).json() != (await create(two, "same")).json()
    assert await count(world) == 2


async def test_what_was_refused_may_be_tried_again_under_the_same_key(world: World) -> None:
    admin = await world.administrator()
    assert (await create(admin, "key", time_zone="Nowhere/Never")).status_code in {400, 422}
    assert (await create(admin, "key")).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "\x7f"])
async def test_a_key_that_is_none_is_refused(world: World, key: str) -> None:
    admin = await world.administrator()
    answer = await create(admin, key)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency-key-invalid")


async def test_a_try_that_died_before_its_effect_is_repeated_after_its_lease(world: World) -> None:
    admin = await world.administrator()
    await die(world, admin, before_commit=True)
    assert (await create(admin, "key")).json()["code"] == "request-in-progress"
    world.clock.advance(seconds=61)
    assert (await create(admin, "key")).status_code == 201
    assert await count(world) == 1


async def test_a_try_that_died_after_its_effect_is_never_repeated(world: World) -> None:
    admin = await world.administrator()
    await die(world, admin, before_commit=False)
    assert await count(world) == 1
    assert (await create(admin, "key")).json()["code"] == "request-in-progress"
    world.clock.advance(seconds=61)
    lost = await create(admin, "key")
    assert (lost.status_code, lost.json()["code"]) == (409, "answer-lost")
    assert await count(world) == 1


async def die(world: World, admin: Actor, *, before_commit: bool) -> None:
    """Leave the database as a process leaves it that is killed before or after the commit of the effect."""
    assert (await create(admin, "key")).status_code == 201
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        await conn.execute("UPDATE idempotent_request SET answer = NULL")
        if before_commit:
            await conn.execute("UPDATE idempotent_request SET committed_at = NULL")
            await conn.execute("SET session_replication_role = replica; DELETE FROM community")
    finally:
        await conn.close()


async def test_a_slow_try_whose_request_was_taken_over_has_no_effect(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await world.administrator()
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def held(request: Any) -> Any:
        kept = await claim(request)
        if not entered.is_set():
            entered.set()
            await go_on.wait()
        return kept

    claim = middleware._claim
    monkeypatch.setattr(middleware, "_claim", held)
    slow = asyncio.create_task(create(admin, "key"))
    await entered.wait()
    world.clock.advance(seconds=61)
    again = await create(admin, "key")
    go_on.set()
    late = await slow
    assert again.status_code == 201
    assert (late.status_code, late.json()["code"]) == (409, "request-taken-over")
    assert (await create(admin, "key")).content == again.content
    assert await count(world) == 1


async def test_answers_are_forgotten_after_a_day(world: World) -> None:
    admin = await world.administrator()
    await create(admin, "key")
    now = world.clock.advance(hours=24)
    again = await world.login(admin.phone, surface="staff")
    assert (await create(again, "key")).status_code == 201
    assert await count(world) == 2
    async with world.resources.db.transaction(Scope(platform=True)) as conn:
        assert await repository.delete_old(conn, before=now, limit=10) == 0
        assert await repository.delete_old(conn, before=world.clock.advance(seconds=1), limit=10) == 1


async def test_neither_key_nor_request_nor_answer_stands_there_in_clear(world: World) -> None:
    admin = await world.administrator()
    answer = await create(admin, "my-very-own-key")
    (row,) = await rows(world)
    kept = b"".join(value for value in row.values() if isinstance(value, bytes))
    for clear in (b"my-very-own-key", b"Garden Court", answer.json()["community_id"].encode(), b"application/json"):
        assert clear not in kept


async def test_without_the_header_nothing_is_kept(world: World) -> None:
    admin = await world.administrator()
    await world.community(admin)
    assert await rows(world) == []


async def test_what_has_no_effect_to_double_takes_no_key(world: World) -> None:
    asked = [
        await world.api.post(
            "/resident/v1/login", json={"phone": world.new_phone()}, headers={"Idempotency-Key": "key"}
        )
        for _ in range(2)
    ]
    assert asked[0].json()["challenge_id"] != asked[1].json()["challenge_id"]
    assert await rows(world) == []

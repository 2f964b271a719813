"""Codes to ranges of numbers and in all: what is left to count by against whoever has many numbers and addresses."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any, cast

import httpx
import msgspec

from backend.accounts.codes import service
from backend.accounts.limits import code_budgets
from backend.app import create_app
from backend.kit.db import Database, Scope
from backend.settings import Settings
from tests.backend.running import running
from tests.backend.world import MovableClock, World

PLATFORM = Scope(platform=True)


async def ask(api: httpx.AsyncClient, phone: str, *, surface: str = "resident") -> httpx.Response:
    return await api.post(f"/{surface}/v1/login", json={"phone": phone})


async def asked_before(world: World, prefix: str, count: int) -> None:
    """So many codes for other numbers that begin so, each from another address."""
    async with world.resources.db.transaction(PLATFORM) as conn:
        for n in range(count):
            await service.ask(
                conn,
                pepper=world.resources.pepper,
                surface="resident",
                purpose="login/resident",
                phone=f"{prefix}{9000 + n}",
                address=f"198.51.{n // 250}.{n % 250}",
                codes_an_hour=10_000,
                now=world.clock(),
            )


async def spent(db: Database) -> int:
    async with db.transaction(PLATFORM) as conn:
        taken: int | None = await conn.fetchval("SELECT taken FROM rate_window WHERE client = 'codes:all'")
        return taken or 0


async def test_pumping_a_range_of_numbers_from_many_addresses_ends_at_two_hundred(world: World) -> None:
    world.clock.advance(minutes=15)
    await asked_before(world, "+1202555", 200)
    refused = await ask(world.api, "+12025550101")
    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-codes")
    assert refused.headers["retry-after"] == str(45 * 60)
    assert not world.messages("+12025550101")
    # Whoever has a number elsewhere logs in as always, and the range is open again with the next hour.
    assert (await ask(world.api, "+12125550101")).status_code == 202
    world.clock.advance(minutes=45)
    assert (await ask(world.api, "+12025550101")).status_code == 202


async def test_a_used_up_range_does_not_tell_who_is_staff(world: World) -> None:
    await asked_before(world, "+1202555", 200)
    answers = [await ask(world.api, "+12025550101", surface=surface) for surface in ("resident", "staff")]
    assert [answer.status_code for answer in answers] == [429, 429]
    told = [{**answer.json(), "instance": ""} for answer in answers]
    assert told[0] == told[1]


async def test_all_processes_together_send_no_more_than_the_deployment_s_budget(
    settings: Settings, world: World
) -> None:
    phones = [world.new_phone()[:2] + f"{area}5550{100 + area % 100}" for area in (202, 212, 213, 303, 305, 312, 404)]
    clock = MovableClock()
    async with AsyncExitStack() as opened:
        apis = []
        for _ in range(2):
            app = create_app(msgspec.structs.replace(settings, codes_an_hour=4), clock=clock)
            await opened.enter_async_context(running(app))
            transport = httpx.ASGITransport(app=cast("Any", app))
            client = httpx.AsyncClient(transport=transport, base_url="http://doorward.test")
            apis.append(await opened.enter_async_context(client))
        answers = await asyncio.gather(*(ask(apis[n % 2], phone) for n, phone in enumerate(phones)))
        assert sorted(answer.status_code for answer in answers) == [202] * 4 + [429] * 3
        clock.advance(hours=1)
        assert (await ask(apis[0], phones[0])).status_code == 202


async def test_what_is_refused_for_its_number_uses_up_nobody_else_s_budget(world: World) -> None:
    before = await spent(world.resources.db)
    phone = world.new_phone()
    assert [(await ask(world.api, phone)).status_code for _ in range(8)] == [202] * 5 + [429] * 3
    assert await spent(world.resources.db) == before + 5


async def test_budgets_of_ranges_go_after_a_day_and_the_present_ones_stay(world: World, worker_db: Database) -> None:
    await ask(world.api, "+12025550101")
    world.clock.advance(hours=25)
    await ask(world.api, "+12125550101")
    async with worker_db.transaction(PLATFORM) as conn:
        await service.sweep(conn, now=world.clock(), limit=100)
        began = [row["began_at"] for row in await conn.fetch("SELECT began_at FROM rate_window")]
    assert set(began) == {world.clock().replace(minute=0)}


def test_numbers_in_a_row_share_a_range_and_others_do_not() -> None:
    def whose(phone: str) -> list[str]:
        return [one for _, one in code_budgets(phone, pepper=b"p" * 32, codes_an_hour=1)]

    first = whose("+8613800138000")
    assert whose("+8613800139999") == first
    assert [a == b for a, b in zip(whose("+8613800148000"), first, strict=True)] == [False, True, True]
    assert [a == b for a, b in zip(whose("+8613810138000"), first, strict=True)] == [False, False, True]
    # Nothing of the number stands in what is kept.
    assert not any("138001" in one for one in first[:2])

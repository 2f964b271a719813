"""A company that has messages written to numbers that it makes up: to one telephone, to a range, to everybody."""

import asyncio

import httpx
import msgspec

from backend.couriers.employments.limits import COMPANY, NUMBER, TEN_THOUSAND, link_budgets
from backend.kit.db import Scope
from backend.kit.rates.limiter import Quota, window_of
from backend.kit.rates.spending import spend, spend_each
from tests.backend.couriers.company import Company, admit
from tests.backend.couriers.test_bulk import answered, lines_of, send
from tests.backend.households.town import build_town
from tests.backend.world import World

PLATFORM = Scope(platform=True)


async def spent_before(world: World, quota: Quota, company: Company, phone: str, count: int) -> None:
    """So many links that were sent today, counted against one budget alone."""
    (whose,) = (
        whose
        for one, whose in link_budgets(phone, partner_id=company.partner_id, pepper=world.resources.pepper)
        if one == quota
    )
    began_at, _ = window_of(quota, world.clock())
    async with world.resources.db.transaction(PLATFORM) as conn:
        await conn.execute("INSERT INTO rate_window VALUES ($1, $2, $3)", f"{quota.name}:{whose}", began_at, count)


def refused(answer: httpx.Response) -> bool:
    if answer.status_code == 200:
        return False
    assert (answer.status_code, answer.json()["code"]) == (429, "too-many-links")
    # By the clock's day, whatever is used up: how long to wait tells nothing about others.
    assert answer.headers["retry-after"] == str(22 * 3600)
    return True


async def test_a_company_that_rings_up_one_telephone_is_stopped(world: World) -> None:
    town = await build_town(world)
    one, other = await admit(town), await admit(town, name="Meals")
    phone = world.new_phone()
    # Unnamed and named again, the number is a new worker's each time.
    for n in range(NUMBER.limit + 2):
        answer = await one.name(f"W-{n}", phone)
        assert refused(answer) == (n >= NUMBER.limit)
        assert (await one.actor.delete(f"/partner/v1/couriers/W-{n}")).status_code == (404 if refused(answer) else 204)
    assert len(world.messages(phone)) == NUMBER.limit
    # Whoever else names him writes to the same telephone.
    assert refused(await other.name("M-1", phone))
    assert (await other.actor.get("/partner/v1/couriers/M-1")).status_code == 404
    assert not refused(await other.name("M-1", world.new_phone()))
    world.clock.advance(hours=22)
    other = await other.logged_in_again()
    assert (await other.name("M-2", phone)).status_code == 200
    assert len(world.messages(phone)) == NUMBER.limit + 1


async def test_pumping_a_range_of_numbers_ends(world: World) -> None:
    town = await build_town(world)
    company, other = await admit(town), await admit(town, name="Meals")
    await spent_before(world, TEN_THOUSAND, company, "+12025550000", TEN_THOUSAND.limit - 1)
    assert not refused(await company.name("W-1", "+12025550101"))
    assert refused(await company.name("W-2", "+12025550102"))
    assert refused(await other.name("M-2", "+12025550103"))
    assert not refused(await other.name("M-3", "+12125550103"))
    assert world.messages("+12025550102") == world.messages("+12025550103") == []


async def test_a_company_that_names_everybody_is_stopped(world: World) -> None:
    town = await build_town(world)
    company, other = await admit(town), await admit(town, name="Meals")
    courier = await company.courier("W-0")
    await courier.accept()
    await spent_before_all(world, company)
    phone = world.new_phone()
    assert refused(await company.name("W-1", phone))
    assert not refused(await other.name("M-1", phone))
    # He who has said yes is sent nothing, and is named as ever.
    own = next(m["to"] for m in world.messages() if m["template"] == "courier_link")
    assert not refused(await company.name("W-0", own, name="Li"))


async def spent_before_all(world: World, company: Company) -> None:
    began_at, _ = window_of(COMPANY, world.clock())
    async with world.resources.db.transaction(PLATFORM) as conn:
        await conn.execute(
            "INSERT INTO rate_window VALUES ($1, $2, $3) ON CONFLICT (client) DO UPDATE SET taken = excluded.taken",
            f"{COMPANY.name}:{company.partner_id}", began_at, COMPANY.limit,
        )  # fmt: skip


async def test_in_bulk_each_line_beyond_the_budget_is_refused_and_names_nobody(world: World) -> None:
    town = await build_town(world)
    company = await admit(town)
    numbers = [world.new_phone() for _ in range(5)]
    began_at, _ = window_of(COMPANY, world.clock())
    async with world.resources.db.transaction(PLATFORM) as conn:
        await conn.execute(
            "INSERT INTO rate_window VALUES ($1, $2, $3)",
            f"{COMPANY.name}:{company.partner_id}", began_at, COMPANY.limit - 3,
        )  # fmt: skip
        before = await conn.fetchval("SELECT count(*) FROM person")
    lines, end = answered(
        await send(
            company,
            "couriers",
            lines_of(*({"worker_id": f"W-{n}", "phone": phone} for n, phone in enumerate(numbers))),
        )
    )
    assert end["refused"] == 2
    assert [line.get("state") for line in lines] == ["pending"] * 3 + [None] * 2
    problem = lines[4]["problem"]
    assert (problem["status"], problem["code"]) == (429, "too-many-links")
    assert problem["extra"]["retry_after_s"] == 22 * 3600
    assert [len(world.messages(phone)) for phone in numbers] == [1, 1, 1, 0, 0]
    async with world.resources.db.transaction(PLATFORM) as conn:
        assert await conn.fetchval("SELECT count(*) FROM person") == before + 3
    assert (await company.actor.get("/partner/v1/couriers/W-4")).status_code == 404


async def test_requests_at_the_same_moment_send_no_more_than_the_budget(world: World) -> None:
    town = await build_town(world)
    companies = [await admit(town, name=f"Company {n}") for n in range(NUMBER.limit + 4)]
    phone = world.new_phone()
    one, many = companies[::2], companies[1::2]
    line = msgspec.json.encode({"worker_id": "W-1", "phone": phone})
    await asyncio.gather(
        *(company.name("W-1", phone) for company in one), *(send(company, "couriers", line) for company in many)
    )
    assert len(world.messages(phone)) == NUMBER.limit


async def test_who_is_refused_uses_up_nobody_s_budget(world: World) -> None:
    small, large = Quota("small", 2, 60), Quota("large", 3, 60)
    async with world.resources.db.transaction(PLATFORM) as conn:
        asked = [[(small, whose), (large, "all")] for whose in ("a", "a", "a", "b", "c")]
        waits = await spend_each(conn, asked, now=world.clock())
        assert [wait > 0 for wait in waits] == [False, False, True, False, True]
        assert await spend(conn, [(small, "b"), (large, "all")], now=world.clock()) == 60
        # What was refused left the smaller budget untouched.
        assert await conn.fetchval("SELECT taken FROM rate_window WHERE client = 'small:b'") == 1
        assert await spend_each(conn, [], now=world.clock()) == []
        world.clock.advance(minutes=1)
        assert await spend(conn, [(small, "a"), (large, "all")], now=world.clock()) == 0

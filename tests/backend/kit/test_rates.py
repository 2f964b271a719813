"""Limits that processes keep together, and ids that requests carry."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from backend.kit.db import Database
from backend.kit.rates.limiter import Quota, RateExceeded, RateLimiter
from backend.resources import Resources
from tests.backend.couriers.company import admit
from tests.backend.households.town import build_town
from tests.backend.world import World

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
QUOTA = Quota("client", 40, 60)


@pytest.fixture
def api_db(resources: Resources) -> Database:
    return resources.db


async def count(limiter: RateLimiter, client: str, tries: int, *, now: datetime = NOON) -> int:
    """How many of these requests are let through."""

    async def one() -> bool:
        try:
            await limiter.take(client, QUOTA, now=now)
        except RateExceeded:
            return False
        return True

    return sum(await asyncio.gather(*(one() for _ in range(tries))))


async def test_two_processes_let_through_what_one_would(api_db: Database) -> None:
    one, other = RateLimiter(api_db), RateLimiter(api_db)
    # Even numbers, as a lease of this quota is two requests: neither process can be left with half of one.
    passed = await asyncio.gather(count(one, "a", 36), count(other, "a", 36))
    assert sum(passed) == QUOTA.limit


async def test_a_process_that_stops_asking_leaves_at_most_the_rest_of_its_lease_unused(api_db: Database) -> None:
    one, other = RateLimiter(api_db), RateLimiter(api_db)
    assert await count(one, "a", 35) == 35
    assert await count(other, "a", 35) == 4
    assert await count(one, "a", 35) == 1


async def test_clients_do_not_share_and_windows_begin_anew(api_db: Database) -> None:
    limiter = RateLimiter(api_db)
    assert await count(limiter, "a", 50) == 40
    assert await count(limiter, "b", 5) == 5
    assert await count(limiter, "a", 5, now=NOON + timedelta(seconds=59)) == 0
    assert await count(limiter, "a", 50, now=NOON + timedelta(seconds=60)) == 40


async def test_a_process_with_a_slow_clock_opens_no_second_window(api_db: Database) -> None:
    ahead, behind = RateLimiter(api_db), RateLimiter(api_db)
    assert await count(ahead, "a", 50, now=NOON + timedelta(seconds=61)) == 40
    assert await count(behind, "a", 50, now=NOON) == 0


async def test_the_headers_say_what_is_left_and_until_when(api_db: Database) -> None:
    limiter = RateLimiter(api_db)
    first = await limiter.take("a", QUOTA, now=NOON + timedelta(seconds=10))
    assert first.headers() == {"RateLimit-Policy": '"client";q=40;w=60', "RateLimit": '"client";r=39;t=50'}
    await count(limiter, "a", 39)
    with pytest.raises(RateExceeded) as refused:
        await limiter.take("a", QUOTA, now=NOON + timedelta(seconds=10))
    assert refused.value.headers["Retry-After"] == "50"
    assert refused.value.headers["RateLimit"] == '"client";r=0;t=50'


async def test_a_company_is_told_and_stopped(world: World) -> None:
    company = await admit(await build_town(world))
    answer = await company.actor.get("/partner/v1/communities")
    assert answer.headers["ratelimit-policy"] == '"client";q=600;w=60'
    left = int(answer.headers["ratelimit"].partition("r=")[2].partition(";")[0])
    for _ in range(left):
        answer = await company.actor.get("/partner/v1/communities")
    assert answer.status_code == 200
    refused = await company.actor.get("/partner/v1/communities")
    assert (refused.status_code, refused.json()["code"]) == (429, "rate-exceeded")
    assert 0 < int(refused.headers["retry-after"]) <= 60
    world.clock.advance(minutes=1)
    assert (await company.actor.get("/partner/v1/communities")).status_code == 200


@pytest.mark.parametrize("path", ["/health/live", "/resident/v1/me", "/nowhere", "/resident/v1/retention"])
async def test_every_answer_carries_a_request_id(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path)
    assert len(answer.headers["x-request-id"]) == 32
    again = await api.get(path, headers={"X-Request-Id": "their-own.id_1"})
    assert again.headers["x-request-id"] == "their-own.id_1"


@pytest.mark.parametrize(
    "sent", ["short", "x" * 65, "with space", 'quote"1234', "new%0aline", "\u00e9\u00e9\u00e9\u00e9\u00e9"]
)
async def test_what_does_not_fit_a_log_is_not_taken_for_an_id(api: httpx.AsyncClient, sent: str) -> None:
    answer = await api.get("/health/live", headers=[(b"X-Request-Id", sent.encode())])
    assert answer.headers["x-request-id"] != sent

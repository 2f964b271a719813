"""The SDK's client against this server: two programs that were written against the same page must agree."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import CancelledError, Future
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from backend.keys.signing.succession import ANNOUNCED
from backend.kit.db import Scope
from backend.resources import Resources
from backend.upkeep import commands
from gate_sdk import GateClient, GateRevokedError, ProvisionRefusedError
from gate_sdk._cache.repository import read_head
from gate_sdk._status import GateState
from tests.backend.gates.devices import PUBLIC_URL, Rosters
from tests.backend.world import Actor, MovableClock, World

_OF_PACKED = (b"content-encoding", b"content-length")


class Bridge(httpx.BaseTransport):
    """Carries the client's requests, from its threads, into the application that runs in the test's loop."""

    def __init__(self, api: httpx.AsyncClient) -> None:
        self._api = api
        self._loop = asyncio.get_running_loop()
        self._waiting: set[Future[httpx.Response]] = set()
        self._closed = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._closed:
            raise httpx.ConnectError("closed")
        sent = self._api.request(
            request.method, str(request.url), content=request.read(), headers=dict(request.headers), timeout=60
        )
        future = asyncio.run_coroutine_threadsafe(sent, self._loop)
        self._waiting.add(future)
        try:
            answer = future.result()
        except CancelledError:
            raise httpx.ReadError("ended") from None
        finally:
            self._waiting.discard(future)
        # The content is unpacked by now.
        headers = [(name, value) for name, value in answer.headers.raw if name.lower() not in _OF_PACKED]
        return httpx.Response(answer.status_code, headers=headers, content=answer.content)

    def close(self) -> None:
        self._closed = True
        for future in list(self._waiting):
            future.cancel()


class ServerClock:
    """A device whose clock is right, by the application's clock that stands still."""

    def __init__(self, clock: MovableClock) -> None:
        self._clock = clock

    def now_us(self) -> int:
        return int(self._clock().timestamp() * 1e6)

    def monotonic(self) -> float:
        return self._clock().timestamp()


@pytest.fixture
async def code(manager: Actor, community_id: UUID) -> str:
    made = await manager.post(f"/staff/v1/communities/{community_id}/gates", json={"name": "North"})
    assert made.status_code == 201, made.text
    claim: str = made.json()["claim_code"]
    return claim


@pytest.fixture
async def gate(api: httpx.AsyncClient, code: str, world: World, tmp_path: Path) -> AsyncIterator[GateClient]:
    once, always, clock = Bridge(api), Bridge(api), ServerClock(world.clock)

    def open_gate() -> GateClient:
        GateClient.provision(PUBLIC_URL, code, data_dir=tmp_path / "gate", transport=once).close()
        return GateClient(tmp_path / "gate", transport=always, clock=clock)

    client = await asyncio.to_thread(open_gate)
    try:
        yield client
    finally:
        await asyncio.to_thread(client.close)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the condition is another thread's, or the database's
            await asyncio.sleep(0.02)


async def test_it_follows_the_roster_and_acknowledges_what_left(
    gate: GateClient, rosters: Rosters, community_id: UUID
) -> None:
    people = await rosters.people(30)
    assert await asyncio.to_thread(gate.start, 20)
    assert gate.status().count == 30
    assert gate.status().community_id == community_id

    await rosters.remove(people[0])
    await until(lambda: gate.status().count == 29)
    version = (await rosters.version()).version
    assert gate.status().version == version

    async def acknowledged() -> int | None:
        async with rosters.db.transaction(Scope(community_id=community_id), read_only=True) as conn:
            value: int | None = await conn.fetchval("SELECT max(acked_version) FROM gate")
            return value

    async with asyncio.timeout(60):
        while await acknowledged() != version:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)


async def test_its_events_arrive(gate: GateClient, rosters: Rosters, community_id: UUID) -> None:
    gate._journal.alarm("roster-damaged")
    assert await asyncio.to_thread(gate.start, 20)
    await until(lambda: gate.status().pending == 0)
    assert gate.status().refused == 0
    async with rosters.db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        kept = await conn.fetch("SELECT gate_id, seq, kind FROM entry")
    assert [(row["gate_id"], row["seq"], row["kind"]) for row in kept] == [(gate.status().gate_id, 1, "alarm")]


async def test_it_follows_the_community_s_new_key_by_the_old_one_s_word(
    gate: GateClient, rosters: Rosters, community_id: UUID, world: World, resources: Resources, tmp_path: Path
) -> None:
    assert await asyncio.to_thread(gate.start, 20)
    urls, settings = world.urls, world.settings
    assert settings.api_database_url == urls.api
    announced = await commands.rotate_community(settings, community_id=community_id, now=world.clock())
    # Only this process holds keys for a time that the test's clock does not move.
    resources.keys.forget_signing_keys("head", community_id)
    await rosters.people(1)
    await until(lambda: gate.status().count == 1)
    world.clock.advance(seconds=ANNOUNCED.total_seconds())
    await rosters.people(1)
    await until(lambda: gate.status().count == 2)
    signed = gate._store._connection
    assert signed is not None
    head = read_head(signed)
    assert head is not None
    assert head.kid == announced[community_id].kid
    assert gate.status().last_error is None
    async with rosters.db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        assert await conn.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'keys.rotate'") == 1
    await asyncio.to_thread(gate.close)
    again = await asyncio.to_thread(GateClient, tmp_path / "gate", clock=ServerClock(world.clock))
    assert again.status().count == 2
    await asyncio.to_thread(again.close)


async def test_taken_out_of_service_it_erases_itself(
    gate: GateClient, manager: Actor, community_id: UUID, tmp_path: Path
) -> None:
    assert await asyncio.to_thread(gate.start, 20)
    gate_id = gate.status().gate_id
    answer = await manager.post(
        f"/staff/v1/communities/{community_id}/gates/{gate_id}/revoke", json={"reason": "stolen"}
    )
    assert answer.status_code == 200, answer.text
    await until(lambda: gate.status().state is GateState.REVOKED)
    await asyncio.to_thread(gate.close)
    with pytest.raises(GateRevokedError):
        GateClient(tmp_path / "gate")


async def test_a_wrong_code_is_refused_with_a_remedy(api: httpx.AsyncClient, tmp_path: Path) -> None:
    bridge = Bridge(api)

    def provision() -> None:
        GateClient.provision(PUBLIC_URL, "WRONG-CODE", data_dir=tmp_path / "gate", transport=bridge)

    with pytest.raises(ProvisionRefusedError) as refused:
        await asyncio.to_thread(provision)
    assert "code" in refused.value.remedy

"""API and worker are asked to end (SIGTERM) while something is under way: nothing is cut or lost, and they do end."""

import asyncio
from pathlib import Path

import asyncpg
import httpx
import pytest

from backend import worker
from backend.cli.serving import END_S
from backend.kit.clock import utc_now
from backend.settings import Settings
from tests.backend.enrolment.people import agree, begin, complete, put
from tests.backend.enrolment.photographs import framings
from tests.backend.gates.devices import Device, Rosters
from tests.backend.households.town import build_town
from tests.backend.privacy.faces import NOTHING, left_of
from tests.backend.privacy.test_worker import completed, held, moved_out, somebody_waits
from tests.backend.processes import Api, Workers, until
from tests.backend.world import World

pytestmark = pytest.mark.deep


async def half_sent(url: str, phone: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    """A request to log in, the second half of which is still to come."""
    parts = httpx.URL(url)
    body = b'{"phone":"' + phone.encode() + b'"}'
    reader, writer = await asyncio.open_connection(parts.host, parts.port)
    head = f"POST /resident/v1/login HTTP/1.1\r\nHost: {parts.host}\r\nContent-Length: {len(body)}\r\n"
    writer.write(head.encode() + b"Content-Type: application/json\r\n\r\n" + body[:10])
    await writer.drain()
    return reader, writer, body[10:]


async def test_requests_on_their_way_are_answered_before_it_ends_and_new_ones_are_refused(
    world: World, settings: Settings, tmp_path: Path
) -> None:
    api = Api(settings, tmp_path / "api.log")
    await api.start()
    before = len(world.messages())
    try:
        under_way = [await half_sent(api.url, world.new_phone()) for _ in range(20)]
        never = await half_sent(api.url, world.new_phone())
        # The server has to have seen them: what lies in its queue unread is no request yet.
        async with httpx.AsyncClient(base_url=api.url) as client:
            assert (await client.get("/health/ready")).status_code == 200
        await asyncio.sleep(0.5)
        await api.end()
        await asyncio.sleep(1)
        async with httpx.AsyncClient(base_url=api.url) as client:
            with pytest.raises(httpx.TransportError):
                await client.get("/health/ready", timeout=5)
        answers = []
        for reader, writer, rest in under_way:
            writer.write(rest)
            await writer.drain()
            answers.append((await reader.readline()).split(b" ")[1])
            writer.close()
        assert answers == [b"202"] * 20
        # One whose second half never comes keeps it for as long as an orderly end may take, and no longer.
        await api.ended(within_s=30)
        never[1].close()
        assert len(world.messages()) == before + 20
    finally:
        await api.kill()


async def test_gates_that_wait_for_news_are_answered_and_not_cut_off_and_hear_the_news_of_the_next_process(
    world: World, settings: Settings, tmp_path: Path
) -> None:
    world.clock.now = utc_now()
    town = await build_town(world)
    gates = [await Device.provisioned(world.api, town.office, town.community_id, world) for _ in range(10)]
    rosters = Rosters(world.resources.db, town.community_id, world.clock)
    api = Api(settings, tmp_path / "api.log")
    await api.start()
    try:
        async with httpx.AsyncClient(base_url=api.url, limits=httpx.Limits(max_keepalive_connections=0)) as client:
            for gate in gates:
                gate.api = client
                await gate.sync()
            polls = [asyncio.create_task(gate.ask(wait=25)) for gate in gates]
            await asyncio.sleep(1)
            assert not any(one.done() for one in polls)
            await api.end()
            answers = await asyncio.gather(*polls)
            assert [one.status_code for one in answers] == [200] * len(gates)
            await api.ended(within_s=END_S)
            # While nobody serves, somebody comes who may pass.
            subject = await rosters.subject()
            await rosters.admit(subject)
            await api.start()
            for gate in gates:
                await gate.sync(wait=25)
                assert set(gate.items) == {subject.bytes}
    finally:
        await api.kill()


async def test_a_photograph_under_way_is_taken(world: World, settings: Settings, tmp_path: Path) -> None:
    world.clock.now = utc_now()
    town = await build_town(world)
    tenant = await town.tenant()
    await agree(tenant.actor)
    enrolment_id = await begin(tenant.actor)
    first, *others = framings()
    api = Api(settings, tmp_path / "api.log")
    await api.start()
    try:
        parts = httpx.URL(api.url)
        reader, writer = await asyncio.open_connection(parts.host, parts.port)
        head = (
            f"PUT /resident/v1/enrolments/{enrolment_id}/photos/1 HTTP/1.1\r\nHost: {parts.host}\r\n"
            f"Authorization: {tenant.actor.headers['Authorization']}\r\n"
            f"Content-Type: image/jpeg\r\nContent-Length: {len(first)}\r\n\r\n"
        )
        writer.write(head.encode() + first[: len(first) // 2])
        await writer.drain()
        await asyncio.sleep(0.5)
        await api.end()
        await asyncio.sleep(1)
        writer.write(first[len(first) // 2 :])
        await writer.drain()
        assert (await reader.readline()).split(b" ")[1] == b"200"
        writer.close()
        await api.ended(within_s=END_S)
    finally:
        await api.kill()
    # It is kept, not only acknowledged: with the other two it makes a face.
    for slot, photo in enumerate(others, start=2):
        assert (await put(tenant.actor, enrolment_id, slot, photo)).status_code == 200
    answer = await complete(tenant.actor, enrolment_id)
    assert answer.status_code == 200, answer.text


async def jobs(world: World) -> list[str]:
    """The states of all jobs that there are."""
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        return [row["status"] for row in await conn.fetch("SELECT status::text FROM jobs.pgqueuer")]
    finally:
        await conn.close()


async def test_jobs_under_way_are_done_before_the_worker_ends_and_later_ones_by_the_next(
    world: World, workers: Workers
) -> None:
    town, tenant, erasure_id = await moved_out(world)
    async with held(world.urls.keys, "SELECT FROM person_key WHERE person_id = $1 FOR UPDATE", tenant.person_id):
        process = await workers.start()
        await until(lambda: somebody_waits(world.urls.keys), workers)
        process.terminate()
        await asyncio.sleep(2)
        assert process.returncode is None
        later = await moved_out(world)
    assert await asyncio.wait_for(process.wait(), worker.END_S) == 0
    assert await completed(world, erasure_id)()
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING
    assert not await completed(world, later[2])()
    await workers.start()
    await until(completed(world, later[2]), workers)


async def test_a_job_that_does_not_end_is_put_back_for_the_next_worker(world: World, workers: Workers) -> None:
    town, tenant, erasure_id = await moved_out(world)
    async with held(world.urls.keys, "SELECT FROM person_key WHERE person_id = $1 FOR UPDATE", tenant.person_id):
        process = await workers.start()
        await until(lambda: somebody_waits(world.urls.keys), workers)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), worker.END_S + 10) == 0
        assert "worker-stopped" in workers.log()
        # Neither lost nor in the hands of somebody who is gone.
        assert set(await jobs(world)) == {"queued"}
        assert not await completed(world, erasure_id)()
    await workers.start()
    await until(completed(world, erasure_id), workers)
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING

"""API and worker are asked to end (SIGTERM) while something is under way: nothing is cut or lost, and they do end."""

import asyncio
from pathlib import Path

import asyncpg
import httpx
import pytest

from backend.kit.clock import utc_now
from backend.settings import Settings
from tests.backend.enrolment.people import agree, begin, complete, put
from tests.backend.enrolment.photographs import framings
from tests.backend.gates.devices import Device, Rosters
from tests.backend.households.town import build_town
from tests.backend.privacy.faces import NOTHING, left_of
from tests.backend.privacy.test_worker import completed, held, moved_out, somebody_waits
from tests.backend.processes import PATIENCE_S, Api, Workers, until
from tests.backend.world import World

pytestmark = pytest.mark.deep


class HalfSent:
    """A request that the server has taken up, and the second half of whose body is still to come."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rest: bytes) -> None:
        self._reader, self._writer, self._rest = reader, writer, rest

    @classmethod
    async def to(cls, url: str, request: str, body: bytes, **headers: str) -> "HalfSent":
        """``request`` is its method and path."""
        parts = httpx.URL(url)
        reader, writer = await asyncio.open_connection(parts.host, parts.port)
        named = {"Host": parts.host, "Content-Length": str(len(body)), "Expect": "100-continue", **headers}
        head = f"{request} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in named.items())
        half = len(body) // 2
        writer.write(head.encode() + b"\r\n" + body[:half])
        # Said when the application asks for the body: what lies unread in the server's queue is no request yet.
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        return cls(reader, writer, body[half:])

    @classmethod
    async def log_in(cls, url: str, phone: str) -> "HalfSent":
        body = b'{"phone":"' + phone.encode() + b'"}'
        return await cls.to(url, "POST /resident/v1/login", body, **{"Content-Type": "application/json"})

    async def finished(self) -> int:
        """Send the rest; the answer's status."""
        self._writer.write(self._rest)
        await self._writer.drain()
        async with asyncio.timeout(PATIENCE_S):
            status = int((await self._reader.readline()).split(b" ")[1])
        self._writer.close()
        return status

    def abandoned(self) -> None:
        """Nothing more comes."""
        self._writer.close()


async def refuses_connections(url: str) -> None:
    """Wait until whoever comes now is not let in."""
    parts = httpx.URL(url)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                _, writer = await asyncio.open_connection(parts.host, parts.port)
            except ConnectionError:
                return
            writer.close()
            await asyncio.sleep(0.05)


async def test_requests_on_their_way_are_answered_before_it_ends_and_new_ones_are_refused(
    world: World, settings: Settings, tmp_path: Path
) -> None:
    api = Api(settings, tmp_path / "api.log")
    await api.start()
    before = len(world.messages())
    try:
        under_way = [await HalfSent.log_in(api.url, world.new_phone()) for _ in range(20)]
        never = await HalfSent.log_in(api.url, world.new_phone())
        await api.end()
        await refuses_connections(api.url)
        assert await asyncio.gather(*(one.finished() for one in under_way)) == [202] * 20
        # One whose second half never comes keeps it for as long as an orderly end may take, and no longer.
        await api.ended(within_s=PATIENCE_S)
        never.abandoned()
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
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(base_url=api.url, timeout=PATIENCE_S, limits=limits) as client:
            for gate in gates:
                gate.api = client
                await gate.sync()
            polls = [asyncio.create_task(gate.ask(wait=25)) for gate in gates]
            # What a poll acknowledges is written down before it waits.
            await acknowledged(world, len(gates))
            assert not any(one.done() for one in polls)
            await api.end()
            answers = await asyncio.gather(*polls)
            assert [one.status_code for one in answers] == [200] * len(gates)
            await api.ended(within_s=PATIENCE_S)
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
        headers = {**tenant.actor.headers, "Content-Type": "image/jpeg"}
        path = f"/resident/v1/enrolments/{enrolment_id}/photos/1"
        upload = await HalfSent.to(api.url, f"PUT {path}", first, **headers)
        await api.end()
        await refuses_connections(api.url)
        assert await upload.finished() == 200
        await api.ended(within_s=PATIENCE_S)
    finally:
        await api.kill()
    # It is kept, not only acknowledged: with the other two it makes a face.
    for slot, photo in enumerate(others, start=2):
        assert (await put(tenant.actor, enrolment_id, slot, photo)).status_code == 200
    answer = await complete(tenant.actor, enrolment_id)
    assert answer.status_code == 200, answer.text


async def acknowledged(world: World, gates: int) -> None:
    """Wait until that many gates have acknowledged the roster."""
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while await conn.fetchval("SELECT count(acked_version) FROM gate") < gates:  # noqa: ASYNC110 - others write it
                await asyncio.sleep(0.05)
    finally:
        await conn.close()


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

        async def begins_no_more() -> bool:
            return "worker-stopping" in workers.log()

        await until(begins_no_more, workers)
        assert process.returncode is None
        later = await moved_out(world)
    assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0
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
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0
        assert "worker-stopped" in workers.log()
        # Neither lost nor in the hands of somebody who is gone.
        assert set(await jobs(world)) == {"queued"}
        assert not await completed(world, erasure_id)()
    await workers.start()
    await until(completed(world, erasure_id), workers)
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING

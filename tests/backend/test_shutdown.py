"""The API is asked to end (SIGTERM) while requests are on their way: none is cut, and it does end."""

import asyncio
import signal
from pathlib import Path

import httpx
import pytest

from backend.settings import Settings
from tests.backend.processes import Api
from tests.backend.world import World

pytestmark = pytest.mark.deep


class Endable(Api):
    async def end(self) -> None:
        """As a service manager asks."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    async def ended(self, *, within_s: float) -> int:
        assert self._process is not None
        return await asyncio.wait_for(self._process.wait(), within_s)


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
    api = Endable(settings, tmp_path / "api.log")
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

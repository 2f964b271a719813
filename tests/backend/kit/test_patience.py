"""Clients that send a byte now and then hold nothing for long, nor do those that go away."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar, post

from backend.kit.patience import PatienceLayer
from backend.settings import Settings
from tests.backend.kit.hurried import HURRIED_S
from tests.backend.processes import PATIENCE_S, Api

REQUEST = b"POST /resident/v1/login HTTP/1.1\r\nHost: doorward.test\r\n"
BODY = REQUEST + b"Content-Type: application/json\r\nContent-Length: 6000\r\n\r\n"


@post("/echo", status_code=200)
async def echo(body: bytes) -> bytes:
    return body


async def answered(pauses: Sequence[float], *, grace_s: float, slowest: float) -> tuple[int, bytes]:
    """What comes back where each of a body's parts, ten bytes long, arrives after such a pause."""
    app = Litestar(
        [echo],
        middleware=[PatienceLayer(grace_s=grace_s, slowest=slowest)],
        openapi_config=None,
        logging_config=None,
    )
    parts = iter(enumerate(pauses, start=1))
    sent: list[Any] = []

    async def receive() -> Any:
        number, pause = next(parts)
        await asyncio.sleep(pause)
        if pause < 0:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"0123456789", "more_body": number < len(pauses)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/echo", "raw_path": b"/echo", "root_path": "", "query_string": b"", "headers": [],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
    }  # fmt: skip
    await asyncio.wait_for(app(scope, receive, send), 30)
    return sent[0]["status"], b"".join(one.get("body", b"") for one in sent)


async def test_a_body_that_does_not_come_ends_the_request() -> None:
    status, _ = await answered([0, 3600], grace_s=0.2, slowest=1e9)
    assert status == 400


async def test_a_body_that_drips_ends_the_request_although_something_always_comes() -> None:
    status, _ = await answered([0.05] * 1000, grace_s=0.2, slowest=1e9)
    assert status == 400


async def test_who_goes_away_in_the_middle_of_a_body_is_no_failure_of_ours() -> None:
    status, _ = await answered([0, -1], grace_s=30, slowest=1e9)
    assert status == 400


async def test_a_long_body_has_the_time_that_its_bytes_need() -> None:
    # Half a second in all, more than the grace, at a pace of ten bytes in a hundred seconds.
    assert await answered([0.05] * 10, grace_s=0.2, slowest=0.1) == (200, b"0123456789" * 10)


async def trickle(url: str, begin: bytes) -> float:
    """Seconds until the server ends a connection on which a byte comes each second."""
    parts = httpx.URL(url)
    reader, writer = await asyncio.open_connection(parts.host, parts.port)
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    writer.write(begin)
    ended = asyncio.create_task(reader.read())
    try:
        while not ended.done():
            writer.write(b"a")
            await asyncio.wait({ended}, timeout=1)
    finally:
        writer.close()
    return loop.time() - began_at


@pytest.mark.deep
@pytest.mark.usefixtures("world")
async def test_three_hundred_slow_clients_keep_nobody_else_waiting_and_are_all_let_go(
    settings: Settings, tmp_path: Path
) -> None:
    api = Api(settings, tmp_path / "api.log", command="tests.backend.kit.hurried")
    await api.start()
    try:
        # Had others to wait until the slow ones are let go, this one would give up.
        others = httpx.AsyncClient(base_url=api.url, timeout=HURRIED_S - 5)
        async with asyncio.timeout(PATIENCE_S), others:
            # Half of them never end their headers, half never their body, at a byte a second.
            slow = [asyncio.create_task(trickle(api.url, begin)) for begin in [REQUEST + b"X-A: ", BODY] * 150]
            while not all(one.done() for one in slow):
                assert (await others.get("/health/ready")).status_code == 200
                await asyncio.wait(slow, timeout=2)
            assert max(one.result() for one in slow) < PATIENCE_S
    finally:
        await api.kill()


async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A request on that connection, and its whole answer."""
    writer.write(b"GET /health/live HTTP/1.1\r\nHost: doorward.test\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))


@pytest.mark.deep
@pytest.mark.usefixtures("world")
async def test_an_idle_connection_is_still_good_when_the_load_balancer_uses_it_last(
    settings: Settings, tmp_path: Path
) -> None:
    api = Api(settings, tmp_path / "api.log", command="tests.backend.kit.hurried")
    await api.start()
    try:
        parts = httpx.URL(api.url)
        used, left = [await asyncio.open_connection(parts.host, parts.port) for _ in range(2)]
        await asked(*left)
        await asked(*used)
        await asyncio.sleep(HURRIED_S * 0.6)
        await asked(*used)
        assert await asyncio.wait_for(left[0].read(), PATIENCE_S) == b""
        for _, writer in (used, left):
            writer.close()
    finally:
        await api.kill()

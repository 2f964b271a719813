"""Whatever a caller writes, he neither ends a line of the log nor writes one: each is one JSON object of ours."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from backend.kit.clock import utc_now
from backend.settings import Settings
from tests.backend.processes import Api
from tests.backend.world import World

_FORGED = "forged-by-a-caller"
_LINE = f'{{"event": "{_FORGED}", "level": "info"}}'
# What could end a line, begin one, leave the text that it stands in, or paint the screen of whoever reads it.
_POISONS = [
    f"\r\n{_LINE}\r\n",
    f"\n{_LINE}",
    f'", "event": "{_FORGED}", "x": "',
    f"\\n{_LINE}",
    f"\x1b[2K\x1b[1A{_FORGED}\x1b[31m",
    f"\x00{_FORGED}\x08\x7f",
    f"\u2028{_LINE}\u2029\u0085{_LINE}",
    "%0d%0a" + _LINE,
    "%s%n{0}{event}%(message)s" + _FORGED,
    _FORGED + "x" * 60_000,
]
_HEADERS = [
    "X-Request-Id", "User-Agent", "X-Forwarded-For", "Authorization", "Accept-Language", "Idempotency-Key", "Cookie",
    "Content-Type", "If-Match", "Traceparent", "Tracestate", "Baggage", "Referer", "Host", "X-Poison",
]  # fmt: skip


async def raw(url: str, request: bytes) -> bytes:
    """The first line of the answer to bytes that no client would send; nothing where the connection is ended."""
    parts = httpx.URL(url)
    reader, writer = await asyncio.open_connection(parts.host, parts.port)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.readline(), 20)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def requests(poison: str) -> list[bytes]:
    """That text in every part of a request, once as it is and once as a client would have to write it."""
    as_it_is = poison.encode()
    escaped = "".join(f"%{byte:02x}" for byte in as_it_is[:2000]).encode()
    end = b" HTTP/1.1\r\nHost: doorward.test\r\n"
    made = []
    for text in (as_it_is, escaped):
        made += [
            b"GET /" + text + end + b"\r\n",
            b"GET /resident/v1/certificates/" + text + end + b"\r\n",
            b"GET /health/ready?x=" + text + b"&" + text + b"=1" + end + b"\r\n",
            text + b" /health/ready" + end + b"\r\n",
        ]
        for header in _HEADERS:
            made.append(b"GET /resident/v1/me" + end + header.encode() + b": " + text + b"\r\n\r\n")
        for body in (
            text,
            json.dumps({"phone": text.decode()}).encode(),
            json.dumps({text.decode(): 1}).encode(),
        ):
            head = b"Content-Type: application/json\r\nContent-Length: " + str(len(body)).encode()
            made.append(b"POST /resident/v1/login" + end + head + b"\r\n\r\n" + body)
    return made


@asynccontextmanager
async def broken(world: World) -> AsyncIterator[None]:
    """Within the block every request about a person meets an error that nobody foresaw, and that is logged."""
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        await conn.execute("ALTER TABLE person RENAME TO person_away")
        try:
            yield
        finally:
            await conn.execute("ALTER TABLE person_away RENAME TO person")
    finally:
        await conn.close()


def lines(log: Path) -> list[dict[str, Any]]:
    """What the process wrote, each line read as JSON by itself."""
    found = []
    for line in log.read_bytes().split(b"\n")[:-1]:
        assert len(line) < 10_000, line[:200]
        assert re.fullmatch(rb"[\x20-\x7e]+", line), line[:200]
        found.append(json.loads(line))
    return found


async def test_nothing_that_a_caller_writes_ends_or_forges_a_line_of_the_log(
    world: World, settings: Settings, tmp_path: Path
) -> None:
    # The process's own clock is the machine's.
    world.clock.now = utc_now()
    log = tmp_path / "api.log"
    api = Api(settings, log, DOORWARD_LOG_LEVEL="DEBUG")
    try:
        await api.start()
        tenant = await world.resident()
        answers = [await raw(api.url, request) for poison in _POISONS for request in requests(poison)]
        # Refused by the server, by us, or answered: but never a failure of ours.
        assert not [line for line in answers if line.startswith(b"HTTP/1.1 5")]
        assert len([line for line in answers if line.startswith(b"HTTP/1.1 4")]) > len(answers) / 2
        async with httpx.AsyncClient(base_url=api.url) as client:
            for poison in _POISONS:
                named = await client.patch("/resident/v1/me", json={"name": poison}, headers=tenant.headers)
                assert named.status_code in (200, 400), named.text
        async with httpx.AsyncClient(base_url=api.url) as client, broken(world):
            for poison in _POISONS:
                text = "{" + re.sub(r"[^\x20-\x7e]", "", poison)[:4000]
                answer = await client.get(
                    "/resident/v1/me", headers={**tenant.headers, "X-Request-Id": text, "User-Agent": text}
                )
                assert answer.status_code == 500
    finally:
        await api.kill()
    written = lines(log)
    told = [line for line in written if line["event"] == "unexpected"]
    # What is logged of a request says which, by an id of ours.
    assert len(told) == len(_POISONS)
    assert all(re.fullmatch(r"[0-9a-f]{32}", line["request_id"]) for line in told)
    assert _FORGED not in log.read_text("utf-8")

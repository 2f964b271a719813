"""Hundreds of gates on one server: devices in the database, tokens by their own keys, long polls held open."""

import asyncio
import random
import secrets
import time
from collections.abc import Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backend.embedded.passwords import SUPERUSER
from bench.box import BenchBox
from gate_sdk.wire import ASSERTION_TTL_S, Head, PageKind, SyncPage, TokenRequest

__all__ = ["Device", "Fleet", "Http", "provision", "token_of"]

_WAIT_S = 25
_STARTING = 4
# What the SDK waits at least after a refusal that passes.
_PAUSE_S = 1.0


class Device(msgspec.Struct, frozen=True):
    """A provisioned gate and its private key, raw."""

    community_id: UUID
    gate_id: UUID
    key: bytes


async def provision(box: BenchBox, communities: Sequence[UUID], gates: int) -> list[Device]:
    """So many gates in each community, as provisioning leaves them."""
    devices, rows = [], []
    now = datetime.now(UTC)
    for community_id in communities:
        for number in range(gates):
            key = Ed25519PrivateKey.generate()
            devices.append(Device(community_id, uuid4(), key.private_bytes_raw()))
            public = key.public_key().public_bytes_raw()
            rows.append((community_id, devices[-1].gate_id, f"Gate {number}", public, "bench", now))
    conn = await asyncpg.connect(box.postgres.url(SUPERUSER))
    try:
        columns = ["community_id", "gate_id", "name", "public_key", "sdk", "provisioned_at"]
        await conn.copy_records_to_table("gate", columns=columns, records=rows)
    finally:
        await conn.close()
    return devices


class Fleet:
    """Polls for each device until the block ends. ``removals`` of a community gets the moment of each gate's news."""

    def __init__(self, url: str, devices: Sequence[Device]) -> None:
        """Connect nothing yet.

        Args:
            url: the server's address.
            devices: who polls.
        """
        self._url = url
        self._devices = devices
        self._current = 0
        self._all_current = asyncio.Event()
        self._starting = asyncio.Semaphore(_STARTING)
        #: Polls that were told to come back in a moment.
        self.put_off = 0
        #: By community: (gate, time.perf_counter) of each delta that takes somebody off a gate.
        self.removals: dict[UUID, asyncio.Queue[tuple[UUID, float]]] = {
            d.community_id: asyncio.Queue() for d in devices
        }

    @asynccontextmanager
    async def polling(self) -> Any:
        """Wait until every gate has its roster and holds a poll, hand over, and let them go at the end."""
        async with asyncio.TaskGroup() as tasks:
            # A herd that asked in the same second would do so again every 25; in life they have drifted apart.
            spread = random.Random(1)
            running = [tasks.create_task(self._poll(device, spread.uniform(1, _WAIT_S))) for device in self._devices]
            await self._all_current.wait()
            yield self
            for task in running:
                task.cancel()

    async def _poll(self, device: Device, first_wait_s: float) -> None:
        async with Http.open(self._url) as http:
            # Tokens and first rosters a few at a time: this start is not what is measured.
            async with self._starting:
                token = await token_of(http, self._url, device)
                head, _ = await self._sequence(http, token, "wait=0")
            self._current += 1
            if self._current == len(self._devices):
                self._all_current.set()
            wait = int(first_wait_s)
            while True:
                query = f"wait={wait}&epoch={head.epoch}&version={head.version}&digest={head.digest.hex()}"
                head, removed = await self._sequence(http, token, query)
                if removed:
                    self.removals[device.community_id].put_nowait((device.gate_id, time.perf_counter()))
                wait = _WAIT_S

    async def _sequence(self, http: "Http", token: str, query: str) -> tuple[Head, bool]:
        """All pages up to a head; whether they are a delta that takes somebody off the gate."""
        removed = False
        while True:
            page = await self._page(http, token, query)
            removed |= page.kind is PageKind.DELTA and any(item.body is None for item in page.items)
            if page.head is not None:
                return msgspec.msgpack.decode(page.head.head, type=Head), removed
            query = f"wait=0&cursor={page.next}"

    async def _page(self, http: "Http", token: str, query: str) -> SyncPage:
        while True:
            try:
                body = await http.request(f"GET /gate/v1/sync?{query}", {"Authorization": f"Bearer {token}"})
            except _Unavailable:
                self.put_off += 1
                await asyncio.sleep(_PAUSE_S)
                continue
            return msgspec.msgpack.decode(body, type=SyncPage)


async def token_of(http: "Http", url: str, device: Device) -> str:
    """By an assertion that the device signs."""
    now = int(time.time())
    gate = str(device.gate_id)
    claims = {
        "iss": gate, "sub": gate, "aud": f"{url}/gate/v1/token", "jti": secrets.token_urlsafe(16), "iat": now,
        "exp": now + ASSERTION_TTL_S,
    }  # fmt: skip
    assertion = jwt.encode(claims, Ed25519PrivateKey.from_private_bytes(device.key), algorithm="EdDSA")
    request = msgspec.json.encode(TokenRequest(client_assertion=assertion))
    body = await http.request("POST /gate/v1/token", {"Content-Type": "application/json"}, request)
    return str(msgspec.json.decode(body)["access_token"])


class _Unavailable(Exception):
    """503: the server says to come back in a moment."""


class Http:
    """One kept connection over plain streams: 354 of a client library's would be what is measured."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> Any:
        parts = urlsplit(url)
        assert parts.hostname is not None
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        http = cls(reader, writer, parts.netloc)
        try:
            yield http
        finally:
            writer.close()

    async def request(self, line: str, headers: dict[str, str], body: bytes = b"") -> bytes:
        """The body of the answer.

        Raises:
            _Unavailable: the server is too busy.
            RuntimeError: it is no success.
        """
        given = {"Host": self._host, "Content-Length": str(len(body)), **headers}
        head = "\r\n".join([f"{line} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""])
        self._writer.write(head.encode() + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = next(line for line in answer.split(b"\r\n") if line.startswith(b"content-length:"))
        content = await self._reader.readexactly(int(length.split(b":")[1]))
        if answer.startswith(b"http/1.1 503"):
            raise _Unavailable(content.decode())
        if not answer.startswith(b"http/1.1 2"):
            raise RuntimeError(f"{line.partition('?')[0]}: {answer.split(b' ')[1].decode()}")
        return content

"""The HTTP client, and what is read from its answers."""

import contextlib
import ipaddress
import time
import zlib
from collections.abc import Callable
from typing import TypeVar

import httpx
import msgspec

from gate_sdk._version import VERSION
from gate_sdk.errors import InsecureUrlError, UnreachableError, UnreadableAnswerError

__all__ = ["MAX_ANSWER_BYTES", "check_url", "exchange", "open_client", "read_answer"]

_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
# Servers send pages of 4 MB. What is much longer comes from something else, and must not fill the gate's memory.
MAX_ANSWER_BYTES = 32 * 1024 * 1024
# A page of 4 MB over a line of 64 kbit/s. Each piece may take its time-out; all of them together must come to an end:
# nothing that has ended is wiped here for as long as somebody lets an answer trickle.
_MOST_S = 600.0
# What zlib calls a gzip header around deflate's window of 32 KB.
_GZIP = 16 + zlib.MAX_WBITS
_T = TypeVar("_T")


def check_url(url: str, *, allow_http: bool = False) -> str:
    """Return the server's address without a trailing slash.

    Raises:
        InsecureUrlError: plain http to another machine, unless allowed.
        UnreachableError: no http address at all.
    """
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        parts = httpx.URL("")
    if parts.scheme not in {"http", "https"} or not parts.host:
        raise UnreachableError(f"{url!r} is no server address", remedy="Give an address such as https://gate.example.")
    if parts.scheme == "http" and not allow_http and not _loopback(parts.host):
        raise InsecureUrlError
    return url.rstrip("/")


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def open_client(url: str, transport: httpx.BaseTransport | None) -> httpx.Client:
    """An HTTP client for the server; ``transport`` replaces the network, for tests."""
    # A proxy set for the internet must not be asked for the box's own address.
    trust_env = not _loopback(httpx.URL(url).host)
    agent = f"doorward-gate/{VERSION}"
    # The one coding that is unpacked below, within its limit.
    headers = {"User-Agent": agent, "Accept-Encoding": "gzip"}
    return httpx.Client(transport=transport, timeout=_TIMEOUT, trust_env=trust_env, headers=headers)


def exchange(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    """Send a request and read its answer, as far as an answer can be long.

    Raises:
        UnreachableError: no answer, or none that ended.
        UnreadableAnswerError: a longer one than any server sends.
    """
    try:
        with contextlib.closing(client.send(request, stream=True)) as response:
            content = _read(response)
    except (httpx.HTTPError, httpx.StreamError, OSError, RuntimeError) as error:
        # RuntimeError: the client was closed meanwhile. The address is left out: it may carry a cursor.
        raise UnreachableError(f"no answer: {type(error).__name__}") from None
    # Read already, so it is given on without what says that it was compressed.
    headers = [pair for pair in response.headers.multi_items() if pair[0].lower() != "content-encoding"]
    return httpx.Response(response.status_code, headers=headers, content=content, request=request)


def _read(response: httpx.Response) -> bytes:
    """The answer's bytes, unpacked no further than an answer can be long: a few kilobytes may unpack to gigabytes."""
    if response.is_stream_consumed:
        # Of a transport in memory, which has read and unpacked it already.
        return response.content
    packed = response.headers.get("Content-Encoding", "").strip().lower() == "gzip"
    unpacking = zlib.decompressobj(_GZIP)
    parts: list[bytes] = []
    left = MAX_ANSWER_BYTES
    until = time.monotonic() + _MOST_S
    try:
        for raw in response.iter_raw():
            part = unpacking.decompress(raw, left + 1) if packed else raw
            left -= len(part)
            if left < 0:
                raise UnreadableAnswerError("longer than any answer", status=response.status_code)
            parts.append(part)
            if time.monotonic() > until:
                raise UnreachableError("the answer came too slowly")
    except zlib.error:
        raise UnreadableAnswerError("not the gzip that it says", status=response.status_code) from None
    if packed and not unpacking.eof:
        raise UnreachableError("the answer was cut off")
    return b"".join(parts)


def read_answer(response: httpx.Response, kind: type[_T], *, json: bool = False) -> _T:
    """Decode an answer's body, MessagePack or JSON.

    Raises:
        UnreadableAnswerError: it is something else, such as a login page of the network.
    """
    decode: Callable[..., _T] = msgspec.json.decode if json else msgspec.msgpack.decode
    try:
        return decode(response.content, type=kind)
    except msgspec.DecodeError:
        raise UnreadableAnswerError(f"not a {kind.__name__}", status=response.status_code) from None

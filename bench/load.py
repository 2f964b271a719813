"""A load generator thin enough not to be what is measured: keep-alive connections over plain asyncio streams."""

import asyncio
import time
from urllib.parse import urlsplit

from bench.measure import Times

__all__ = ["requests_per_second"]


def requests_per_second(url: str, *, headers: dict[str, str], connections: int, seconds: float) -> tuple[float, Times]:
    """GET ``url`` as fast as ``connections`` can for that long.

    Returns:
        Answers with status 200 per second, and their times.

    Raises:
        RuntimeError: an answer had another status.
    """
    return asyncio.run(_run(url, headers, connections, seconds))


async def _run(url: str, headers: dict[str, str], connections: int, seconds: float) -> tuple[float, Times]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
    request = "\r\n".join(lines).encode()
    begin = time.perf_counter()
    found = await asyncio.gather(
        *(_connection(parts.hostname, parts.port, request, begin + seconds) for _ in range(connections))
    )
    took = time.perf_counter() - begin
    times = [t for one in found for t in one]
    return len(times) / took, Times.of(times)


async def _connection(host: str, port: int, request: bytes, until: float) -> list[float]:
    reader, writer = await asyncio.open_connection(host, port)
    times = []
    try:
        while (begin := time.perf_counter()) < until:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.split(b"\r\n", 1)[0].decode())
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            times.append(time.perf_counter() - begin)
    finally:
        writer.close()
        await writer.wait_closed()
    return times

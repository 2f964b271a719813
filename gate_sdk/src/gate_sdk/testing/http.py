"""How the fake server is reached: in memory, or over a loopback socket."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec

__all__ = ["Disconnect", "MemoryTransport", "Refusal", "Request", "Response", "packed", "serve"]


class Disconnect(Exception):
    """The connection ends without an answer."""


class Request(msgspec.Struct, frozen=True):
    """One request. ``base`` is the server's address; ``cancelled`` says that the caller has gone."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    base: str
    cancelled: Callable[[], bool] = lambda: False


class Response(msgspec.Struct, frozen=True):
    """One answer."""

    status: int
    body: bytes
    headers: dict[str, str] = {}


def packed(value: msgspec.Struct) -> Response:
    """200 with the value in msgpack."""
    return Response(200, msgspec.msgpack.encode(value), {"Content-Type": "application/vnd.msgpack"})


Handler = Callable[[Request], Response]


class Refusal(Exception):
    """An answer outside of 2xx."""

    def __init__(self, status: int, code: str, retry_after: float | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.retry_after = retry_after

    def response(self, now_us: int) -> Response:
        """The problem document, with the server's time."""
        body = {
            "type": f"https://doorward.example/problems/{self.code}",
            "title": self.code,
            "status": self.status,
            "detail": self.code,
            "remedy": "",
            "code": self.code,
        }
        headers = {"Content-Type": "application/problem+json", "Date": formatdate(now_us / 1e6, usegmt=True)}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return Response(self.status, msgspec.json.encode(body), headers)


class MemoryTransport(httpx.BaseTransport):
    """Hands requests to a handler in the same process. Closing it ends requests that wait."""

    def __init__(self, handler: Handler, wake: Callable[[], None]) -> None:
        self._handler = handler
        self._wake = wake
        self._closed = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        if self._closed:
            raise httpx.ConnectError("closed")
        asked = Request(
            method=request.method,
            path=request.url.path,
            query=dict(request.url.params),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request.read(),
            base=f"{request.url.scheme}://{request.url.netloc.decode()}",
            cancelled=lambda: self._closed,
        )
        try:
            answer = self._handler(asked)
        except Disconnect:
            raise httpx.ReadError("the connection ended") from None
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body)

    def close(self) -> None:
        """Refuse further requests and wake those that wait."""
        self._closed = True
        self._wake()


@contextmanager
def serve(handler: Handler, wake: Callable[[], None]) -> Iterator[str]:
    """Serve a handler on a free loopback port; gives the address."""
    stopping = threading.Event()

    class _Server(ThreadingHTTPServer):
        daemon_threads = True
        # A killed gate's connection ends in the middle of an answer; that is what such a test is about.
        handle_error = staticmethod(lambda *_: None)  # type: ignore[assignment]  # called with the same arguments

    class _Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            asked = Request(
                method=self.command,
                path=parts.path,
                query=dict(parse_qsl(parts.query)),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(length),
                base=f"http://{self.headers['Host']}",
                cancelled=stopping.is_set,
            )
            try:
                answer = handler(asked)
            except Disconnect:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = _any  # noqa: N815 - the names that http.server calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002 - the base class's signature
            return

    server = _Server(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        stopping.set()
        wake()
        server.shutdown()
        server.server_close()
        thread.join()

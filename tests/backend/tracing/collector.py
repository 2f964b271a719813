"""A collector of traces on loopback, as far as tests need one: OTLP over HTTP, kept in memory."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

__all__ = ["Collector", "Seen", "collecting"]


class Seen(msgspec.Struct, frozen=True):
    """A span that arrived; ids in hexadecimal digits, ``parent`` empty for a trace's first."""

    process: str
    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, str]
    failed: bool


class Collector:
    """Where to send spans, and what has come."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.raw: list[bytes] = []

    @property
    def spans(self) -> list[Seen]:
        return [span for body in self.raw for span in _read(body)]

    def named(self, name: str) -> list[Seen]:
        return [span for span in self.spans if span.name == name]


def _read(body: bytes) -> Iterator[Seen]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        process = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
        for scope in resource.scope_spans:
            for span in scope.spans:
                values = {a.key: a.value for a in span.attributes}
                yield Seen(
                    process=process,
                    name=span.name,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    attributes={k: str(getattr(v, v.WhichOneof("value") or "")) for k, v in values.items()},
                    failed=span.status.code == 2,
                )


@contextmanager
def collecting() -> Iterator[Collector]:
    """Listen while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            collector.raw.append(body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(server.server_port)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()

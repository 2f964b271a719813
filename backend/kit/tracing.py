"""Traces for OpenTelemetry: which part of a request, a job or a gate's round took how long, across processes.

Nothing is recorded unless the deployment names a collector. A span's name and attributes are a closed set that stands
in the code, as labels of metrics are: a route's template, a status, the kind of a job, the kind of an error. Never an
id of somebody, a path, a query, an address or an exception's text, which may quote a row.

A trace goes on where W3C's ``traceparent`` is handed over: a gate's and a partner's requests carry it as a header, and
a transaction tells it to the jobs that it enqueues. What it leads to is ours to decide: a caller who sets its flag
"sampled" gets no more recorded than the deployment's share.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NoOpTracer, Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from backend.kit.metrics import labels

__all__ = ["part", "traced", "traced_job", "traceparent", "tracing"]

_HEADER = "traceparent"
# Of the two headers of W3C's Trace Context only the one of fixed form: "tracestate" is text of the caller's choice.
_PROPAGATOR = TraceContextTextMapPropagator()
_SERVER_ERROR = 500
# A collector that does not answer must neither hold up the end of a process nor fill its memory.
_EXPORT_TIMEOUT_S = 3.0

_Value = str | bool | float

_OFF: Tracer = NoOpTracer()
_tracer = _OFF


@asynccontextmanager
async def tracing(process: str, *, url: str | None, share: float) -> AsyncIterator[None]:
    """Send this process's spans to a collector while the block runs; without an address, record nothing.

    Args:
        process: "api" or "worker".
        url: of the collector's OTLP over HTTP, without ``/v1/traces``.
        share: of all traces, 0 to 1. The same traces are chosen in every process, since it goes by the trace's id.
    """
    global _tracer  # noqa: PLW0603 - one for the process: spans begin wherever something takes time
    if url is None:
        yield
        return
    # A tenth of a second that a process without a collector need not wait at its start.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - as above
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415 - as above

    chosen = TraceIdRatioBased(share)
    provider = TracerProvider(
        resource=Resource.create({"service.namespace": "doorward", "service.name": f"doorward-{process}"}),
        sampler=ParentBased(chosen, remote_parent_sampled=chosen),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(f"{url.rstrip('/')}/v1/traces", timeout=_EXPORT_TIMEOUT_S)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    before, _tracer = _tracer, provider.get_tracer("doorward")
    try:
        yield
    finally:
        _tracer = before
        await asyncio.to_thread(provider.shutdown)


@contextmanager
def part(name: str, **attributes: _Value) -> Iterator[None]:
    """A part of what is being recorded just now; nothing, and hardly any time, where nothing is."""
    if not trace.get_current_span().is_recording():
        yield
        return
    with _span(name, SpanKind.INTERNAL, None, attributes):
        yield


def traced(app: ASGIApp) -> ASGIApp:
    """The application, with a span for each request, and the trace's id in what it logs meanwhile."""

    def call(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != ScopeType.HTTP or _tracer is _OFF:
            return app(scope, receive, send)
        return recorded(scope, receive, send)

    async def recorded(scope: Scope, receive: Receive, send: Send) -> None:
        sent = next((value for name, value in scope["headers"] if name == _HEADER.encode()), b"")
        with _span("request", SpanKind.SERVER, _continued(sent.decode("latin-1")), {}) as span:

            async def tell(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _describe(span, scope, message["status"])
                await send(message)

            with _named_in_logs(span):
                await app(scope, receive, tell)

    return call


def _describe(span: Span, scope: Scope, status: int) -> None:
    surface, method, route = labels(scope)  # type: ignore[arg-type]  # of HTTP, as the caller has seen
    span.update_name(f"{method} {route}")
    span.set_attributes(
        {
            "doorward.surface": surface,
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
        }
    )
    if status >= _SERVER_ERROR:
        span.set_status(StatusCode.ERROR)


@contextmanager
def traced_job(kind: str, *, headers: Mapping[str, object] | None, created: datetime, now: datetime) -> Iterator[None]:
    """A span for a job, in the trace of whoever enqueued it.

    Args:
        kind: what it does.
        headers: the job's own; see :func:`traceparent`.
        created: when it was enqueued.
        now: the same clock's present.
    """
    if _tracer is _OFF:
        yield
        return
    # The form that pgqueuer reads and writes. Its own adapter is not used: it records the texts of exceptions.
    carried = (headers or {}).get("otel")
    parent = _continued(str(carried.get(_HEADER, ""))) if isinstance(carried, dict) else None
    attributes: dict[str, _Value] = {
        "messaging.system": "pgqueuer",
        "doorward.queued_s": (now - created).total_seconds(),
    }
    with _span(f"process {kind}", SpanKind.CONSUMER, parent, attributes) as span, _named_in_logs(span):
        yield


def traceparent() -> str | None:
    """What continues the present trace elsewhere: hexadecimal digits and hyphens; ``None`` where none is recorded."""
    if not trace.get_current_span().is_recording():
        return None
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier[_HEADER]


def _continued(sent: str) -> Context | None:
    # What is not in the form of the standard begins a trace of its own.
    return _PROPAGATOR.extract({_HEADER: sent}, Context()) if sent else None


@contextmanager
def _span(name: str, kind: SpanKind, parent: Context | None, attributes: Mapping[str, _Value]) -> Iterator[Span]:
    with _tracer.start_as_current_span(
        name, parent, kind, attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise


@contextmanager
def _named_in_logs(span: Span) -> Iterator[None]:
    if not span.is_recording():
        yield
        return
    with structlog.contextvars.bound_contextvars(trace_id=trace.format_trace_id(span.get_span_context().trace_id)):
        yield

"""Spans for OpenTelemetry, where the vendor's program records some: the extra ``telemetry``.

They go wherever that program sends its own. Names and attributes are a closed set; nothing says who stood there, and no
exception's text is recorded. The server continues a request's trace, so a slow round is seen from end to end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from gate_sdk._decision import Decision

try:
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError:
    HAVE_TRACES = False
else:
    HAVE_TRACES = True

__all__ = ["HAVE_TRACES", "decided", "span"]

_NAME = "doorward-gate"


@contextmanager
def span(name: str, *, request: bool = False, **attributes: str) -> Iterator[Mapping[str, str]]:
    """Time what the block does.

    Args:
        name: one that stands in the code.
        request: whether the server is asked meanwhile.
        attributes: likewise of a closed set.

    Yields:
        Headers with which the server goes on with this trace: one, ``traceparent``, or none.
    """
    if not HAVE_TRACES:
        yield {}
        return
    kind = trace.SpanKind.CLIENT if request else trace.SpanKind.INTERNAL
    with trace.get_tracer(_NAME).start_as_current_span(
        name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as going:
        headers: dict[str, str] = {}
        if request and going.is_recording():
            TraceContextTextMapPropagator().inject(headers)
        try:
            yield headers
        except BaseException as error:
            going.set_attribute("error.type", type(error).__name__)
            going.set_status(trace.StatusCode.ERROR)
            raise


def decided(decision: Decision) -> None:
    """Record a decision that was just made, with the time that it took by stage; of scores and subjects nothing."""
    if not HAVE_TRACES:
        return
    now = time.time_ns()
    began = now - int(decision.ms.total * 1e6)
    going = trace.get_tracer(_NAME).start_span("gate.decision", start_time=began)
    if going.is_recording():
        going.set_attributes(
            {
                "doorward.outcome": str(decision.outcome),
                "doorward.reason": str(decision.reason),
                "doorward.via": str(decision.via),
                "doorward.frames": decision.frames,
                "doorward.detect_ms": decision.ms.detect,
                "doorward.embed_ms": decision.ms.embed,
                "doorward.live_ms": decision.ms.live,
                "doorward.match_ms": decision.ms.match,
            }
        )
    going.end(now)

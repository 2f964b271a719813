"""Numbers about the running system for Prometheus: counts and durations, of nobody in particular.

A noun declares what it counts beside its rules, in :data:`REGISTRY`. Labels are a closed set that stands in the code
(a route's template, a status, an outcome); never an id, a number, a name or anything else that a caller chose.
"""

import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

from backend.kit.auth import Surface

__all__ = ["ADDRESS", "MULTIPROCESS_VARIABLE", "REGISTRY", "UNMATCHED", "measured", "shown"]

REGISTRY = CollectorRegistry()
#: The page is for a collector on the same machine, or in the same task: it says how many, but to whom is no affair of
#: the network.
ADDRESS = "127.0.0.1"
#: Where processes of one server put their numbers together; must be set before this module is imported.
MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
#: The route of requests whose path leads nowhere: what a scanner tries is not to become a label.
UNMATCHED = "unmatched"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_requests = Counter(
    "doorward_requests",
    "Requests answered, by surface, method, route and status.",
    ("surface", "method", "route", "status"),
    registry=REGISTRY,
)
_durations = Histogram(
    "doorward_request_seconds",
    "From a request's arrival to the head of its answer. Long polls of gates wait in here.",
    ("surface", "method", "route"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30),
    registry=REGISTRY,
)


def measured(app: ASGIApp) -> ASGIApp:
    """The application, with its requests counted and timed, those that lead nowhere included."""

    def call(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != ScopeType.HTTP:
            return app(scope, receive, send)
        started = time.perf_counter()

        def tell(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                count, duration = _children(*labels(scope), message["status"])
                count.inc()
                duration.observe(time.perf_counter() - started)
            return send(message)

        return app(scope, receive, tell)

    return call


@cache
def _children(surface: str, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """What is counted up: found by its labels under a lock, which takes longer than the counting."""
    return _requests.labels(surface, method, route, str(status)), _durations.labels(surface, method, route)


def labels(scope: HTTPScope) -> tuple[str, str, str]:
    """Surface, method and route of a request that was routed; of one that was not, nothing that its caller chose."""
    route = str(scope.get("path_template") or UNMATCHED)
    segment = route.split("/", 2)[1] if route.startswith("/") else ""
    surface = segment if segment in Surface.__members__.values() else "public"
    return surface, scope["method"] if scope["method"] in _METHODS else "other", route


@contextmanager
def shown(port: int | None, *, folder: Path | None = None) -> Iterator[int | None]:
    """Show the numbers at ``http://127.0.0.1:port/metrics`` while the block runs; the port, or None without one.

    Args:
        port: where; 0 takes a free one, None shows nothing.
        folder: where several processes put theirs together (:data:`MULTIPROCESS_VARIABLE`); this process's own
            without it.

    Raises:
        OSError: the port is taken.
    """
    if port is None:
        yield None
        return
    registry = REGISTRY
    if folder is not None:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]  # registers itself
    server, thread = start_http_server(port, addr=ADDRESS, registry=registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

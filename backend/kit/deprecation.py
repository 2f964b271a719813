"""Routes that are to go: marked in the description, and announced with every answer (RFC 9745, RFC 8594).

A route says so where it is declared, ``@get(..., **deprecated(...))``.
"""

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, TypedDict

import msgspec
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Send

from backend.kit.layers import Layer

__all__ = ["NOTICE", "DeprecationLayer", "deprecated"]

#: What companies and others who build on the interface were promised.
NOTICE = timedelta(days=365)
_OPT = "deprecation"


class _Deprecation(msgspec.Struct, frozen=True):
    since: datetime
    sunset: datetime
    instead: str


class Deprecated(TypedDict):
    """What a route's decorator takes."""

    deprecated: bool
    opt: dict[str, Any]


def deprecated(*, since: datetime, sunset: datetime, instead: str, **opt: Any) -> Deprecated:
    """The arguments of a route that is to go.

    Args:
        since: from when on it is said, with time zone.
        sunset: from when on it may answer no more; at least twelve months later.
        instead: the address of a page that says what to do.
        opt: further options of the route.

    Raises:
        ValueError: that is sooner than was promised.
    """
    if sunset - since < NOTICE:
        raise ValueError(f"a route goes {NOTICE.days} days after that was said, at the earliest")
    return {"deprecated": True, "opt": {**opt, _OPT: _Deprecation(since, sunset, instead)}}


class DeprecationLayer(Layer):
    """Adds the headers to whatever such a route answers, refusals included."""

    def around(self, app: ASGIApp, scope: HTTPScope, receive: Receive, send: Send) -> Awaitable[None]:
        """See the class."""
        said: _Deprecation | None = scope["route_handler"].opt.get(_OPT)
        if said is None:
            return app(scope, receive, send)
        headers = [
            (b"deprecation", f"@{int(said.since.timestamp())}".encode()),
            (b"sunset", format_datetime(said.sunset.astimezone(UTC), usegmt=True).encode()),
            (b"link", f'<{said.instead}>; rel="deprecation"; type="text/html"'.encode()),
        ]

        def tell(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *headers]
            return send(message)

        return app(scope, receive, tell)

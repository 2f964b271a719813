"""A request's id: what an answer, the log and the caller's own log have in common."""

import os
import re
from collections.abc import Awaitable

import structlog
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from backend.kit.layers import Layer

__all__ = ["HEADER", "RequestIdLayer", "request_id"]

HEADER = "X-Request-Id"
_KEY = HEADER.lower().encode()
_STATE = "request_id"
# What a caller sends goes into our log: nothing that could end a line there or hide in it, and no room for a name.
_FITTING = re.compile(rb"[A-Za-z0-9._-]{8,64}")


def request_id(scope: Scope) -> str:
    """The request's id: what the caller sent where that is fit for a log, else a new one; the same at every call."""
    known: str | None = scope["state"].get(_STATE)
    if known is None:
        sent = next((value for name, value in scope["headers"] if name.lower() == _KEY), b"")
        known = sent.decode() if _FITTING.fullmatch(sent) else os.urandom(16).hex()
        scope["state"][_STATE] = known
    return known


class RequestIdLayer(Layer):
    """Sends each request's id back, and lets every line of the log about it carry it.

    Errors that are answered outside of the middlewares, such as a path that leads nowhere, get it where they are made.
    """

    async def around(self, app: ASGIApp, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """See the class."""
        value = request_id(scope)

        def tell(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = [header for header in message.get("headers", []) if header[0] != _KEY]
                message["headers"] = [*headers, (_KEY, value.encode())]
            return send(message)

        with structlog.contextvars.bound_contextvars(request_id=value):
            await app(scope, receive, tell)

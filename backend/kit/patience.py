"""How long a request's body may take to arrive: whoever sends a byte now and then would hold a connection for ever."""

import asyncio
from collections.abc import Awaitable

from litestar.exceptions import ClientException
from litestar.types import ASGIApp, HTTPScope, Receive, Send
from litestar.types.asgi_types import HTTPReceiveMessage

from backend.kit.layers import Layer

__all__ = ["GRACE_S", "PatienceLayer"]

#: Seconds within which something of a body must come.
GRACE_S = 30.0
# Slower than any telephone network that carries a picture in the time that a person waits for it.
_SLOWEST_BYTES_S = 8 * 1024


class PatienceLayer(Layer):
    """Refuses (400) whose body does not come, as who goes away in its middle: the route ends, and the connection.

    The server bounds how long headers may take; of bodies it knows nothing. Long polls are not touched: what they wait
    for comes after their body.
    """

    def __init__(self, *, grace_s: float = GRACE_S, slowest: float = _SLOWEST_BYTES_S) -> None:
        """Wait ``grace_s`` seconds, and as much longer as what has arrived takes at ``slowest`` bytes a second."""
        self._grace_s = grace_s
        self._slowest = slowest

    def around(self, app: ASGIApp, scope: HTTPScope, receive: Receive, send: Send) -> Awaitable[None]:
        """See the class."""
        until = asyncio.get_running_loop().time() + self._grace_s
        arrived = False

        async def hurried() -> HTTPReceiveMessage:
            nonlocal until, arrived
            if arrived:
                return await receive()  # type: ignore[return-value]  # of an HTTP request, as this is
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise ClientException from None
            if message["type"] == "http.disconnect":
                # Litestar's own error for it is one of ours, 500: anybody could fill the log with them.
                raise ClientException
            if message["type"] == "http.request":
                until += len(message["body"]) / self._slowest
                arrived = not message["more_body"]
            return message  # type: ignore[return-value]  # of an HTTP request, as this is

        return app(scope, hurried, send)

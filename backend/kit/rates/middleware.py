"""Limits the requests of logged-in clients, and tells each how much is left (RateLimit headers)."""

from collections.abc import Awaitable
from typing import Any

from litestar.types import ASGIApp, HTTPScope, Message, Receive, Send

from backend.kit.auth import PartnerPrincipal
from backend.kit.clock import Clock
from backend.kit.layers import Layer
from backend.kit.rates.limiter import Quota, RateLimiter

__all__ = ["PARTNER_QUOTA", "RateLimitLayer"]

#: Ten a second on average: bulk routes take thousands of lines in one.
PARTNER_QUOTA = Quota("client", 600, 60)


class RateLimitLayer(Layer):
    """Of machines only: people are limited where it matters, at log-in and at what costs.

    ``app.state.rates`` and ``app.state.clock`` are set when the application starts.
    """

    def __init__(self, quota: Quota = PARTNER_QUOTA) -> None:
        """Limit each courier company's client to ``quota``, in all processes together."""
        self._quota = quota

    def around(self, app: ASGIApp, scope: HTTPScope, receive: Receive, send: Send) -> Awaitable[None]:
        """See the class.

        Raises:
            RateExceeded: the client has used up its window.
        """
        principal = scope.get("user")
        if isinstance(principal, PartnerPrincipal):
            return self._counted(principal, app, scope, receive, send)
        return app(scope, receive, send)

    async def _counted(
        self, principal: PartnerPrincipal, app: ASGIApp, scope: HTTPScope, receive: Receive, send: Send
    ) -> None:
        state: Any = scope["litestar_app"].state
        rates: RateLimiter = state.rates
        clock: Clock = state.clock
        allowance = await rates.take(principal.client_id, self._quota, now=clock())
        headers = [(name.lower().encode(), value.encode()) for name, value in allowance.headers().items()]

        def tell(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *headers]
            return send(message)

        await app(scope, receive, tell)

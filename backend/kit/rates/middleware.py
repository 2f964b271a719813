"""Limits the requests of logged-in clients, and tells each how much is left (RateLimit headers)."""

from typing import Any

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from backend.kit.auth import PartnerPrincipal
from backend.kit.clock import Clock
from backend.kit.rates.limiter import Quota, RateLimiter

__all__ = ["PARTNER_QUOTA", "RateLimitMiddleware"]

#: Ten a second on average: bulk routes take thousands of lines in one.
PARTNER_QUOTA = Quota("client", 600, 60)


class RateLimitMiddleware(ASGIMiddleware):
    """Of machines only: people are limited where it matters, at log-in and at what costs.

    ``app.state.rates`` and ``app.state.clock`` are set when the application starts.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, quota: Quota = PARTNER_QUOTA) -> None:
        """Limit each courier company's client to ``quota``, in all processes together."""
        self._quota = quota

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """See the class.

        Raises:
            RateExceeded: the client has used up its window.
        """
        principal = scope.get("user")
        if not isinstance(principal, PartnerPrincipal):
            await next_app(scope, receive, send)
            return
        state: Any = scope["litestar_app"].state
        rates: RateLimiter = state.rates
        clock: Clock = state.clock
        allowance = await rates.take(principal.client_id, self._quota, now=clock())
        headers = [(name.lower().encode(), value.encode()) for name, value in allowance.headers().items()]

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *headers]
            await send(message)

        await next_app(scope, receive, tell)

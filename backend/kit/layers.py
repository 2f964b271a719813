"""What stands around every route: the base of our middlewares."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

__all__ = ["Layer", "header"]


class Layer(ABC):
    """A middleware of HTTP requests that is in nobody's way where it has nothing to do.

    Litestar's ``ASGIMiddleware`` puts two coroutines around all that is within, and whenever the database answers,
    every coroutine from the outermost one on is passed through once more: seven such middlewares took a tenth of the
    processor time of a small read. A layer is a plain call that hands back what is to be awaited, which is the next
    one's where it has nothing to wait for itself.
    """

    @abstractmethod
    def around(self, app: ASGIApp, scope: HTTPScope, receive: Receive, send: Send) -> Awaitable[None]:
        """What is to be awaited instead of ``app(scope, receive, send)``."""

    def __call__(self, app: ASGIApp) -> ASGIApp:
        """As Litestar asks for it."""

        def call(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            if scope["type"] == ScopeType.HTTP:
                return self.around(app, scope, receive, send)
            return app(scope, receive, send)

        return call


def header(scope: HTTPScope, name: bytes) -> bytes | None:
    """A header of the request, the first of that name; names in lower case."""
    return next((value for key, value in scope["headers"] if key.lower() == name), None)

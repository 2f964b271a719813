"""Who calls, looked up before anybody reads what he sent.

The framework reads a request's body before it looks for dependencies, and answers a body that it cannot read with 400.
Guards run before both: so whoever may not use a route hears that, and nothing of how the route likes its bodies.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from backend.kit.clock import Clock
from backend.kit.db import Database

__all__ = ["Call", "Handler", "address_of", "caller", "clock_of", "database_of", "known", "looked_up"]

Call: TypeAlias = ASGIConnection[Any, Any, Any, Any]
Handler: TypeAlias = BaseRouteHandler


def looked_up(name: str, look_up: Callable[[Call, Handler], Awaitable[Any]]) -> Callable[[Call, Handler], Any]:
    """A guard for routes that ask for ``name``, or say in ``opt={"needs": ...}`` what it takes to use them.

    Args:
        name: what routes call the caller.
        look_up: who that is, as the database knows him now; raises where he may not use the route.
    """

    async def guard(connection: Call, handler: Handler) -> None:
        if "needs" in handler.opt or _asks_for(handler, name):
            connection.scope["state"][_key(name)] = await look_up(connection, handler)

    return guard


def known(name: str) -> Callable[..., Any]:
    """What routes get by that name: whom the guard found."""

    def provide(request: Request[Any, Any, Any]) -> Any:
        return caller(request, name)

    return provide


def caller(connection: Call, name: str) -> Any:
    """Whom an earlier guard found by that name."""
    return connection.scope["state"][_key(name)]


def database_of(connection: Call) -> Database:
    """The database, for guards: dependencies come later."""
    db: Database = connection.app.state.resources.db
    return db


def clock_of(connection: Call) -> Clock:
    """The clock, for guards."""
    clock: Clock = connection.app.state.clock
    return clock


def address_of(connection: Call) -> str:
    """The caller's IP address: of the connection, or what the outermost of our own proxies saw."""
    proxies: int = connection.app.state.proxies
    # Further to the left stands what the caller wrote himself.
    seen = [part.strip() for value in connection.headers.getall("x-forwarded-for", []) for part in value.split(",")]
    if 0 < proxies <= len(seen):
        return seen[-proxies]
    return connection.client.host if connection.client else "unknown"


def _asks_for(handler: Handler, name: str) -> bool:
    """Whether the route, or something that it is provided with, wants to know."""
    asked = handler.parsed_fn_signature.parameters
    providers = handler.resolve_dependencies()
    return name in asked or any(
        name in providers[one].parsed_fn_signature.parameters for one in asked if one in providers
    )


def _key(name: str) -> str:
    return f"doorward-{name}"

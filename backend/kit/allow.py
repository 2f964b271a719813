"""Which methods an address knows: what OPTIONS answers, and 405 (RFC 9110, sections 9.3.7 and 15.5.6)."""

from typing import Any

from litestar import Litestar, Response
from litestar.enums import HttpMethod
from litestar.exceptions import HTTPException
from litestar.routes import HTTPRoute

__all__ = ["allowed_methods", "tell_methods"]


def tell_methods(app: Litestar) -> None:
    """Have OPTIONS name all methods of an address.

    Litestar 2.25 names those only that were registered first: the handler that it adds knows the first of the routes
    that it made for the address on the way, not the one that joins them.
    """
    for route in app.routes:
        if isinstance(route, HTTPRoute) and HttpMethod.OPTIONS in route.route_handler_map:
            handler, _ = route.route_handler_map[HttpMethod.OPTIONS]
            handler._fn = _answer(", ".join(sorted(route.methods)))  # noqa: SLF001 - Litestar lets a handler of its own be changed in no other way


def _answer(methods: str) -> Any:
    def options(**_: object) -> Response[None]:
        return Response(None, status_code=204, headers={"Allow": methods})

    return options


def allowed_methods(app: Litestar, path: str) -> str:
    """The ``Allow`` header of an address; empty where there is none."""
    found = []
    for method in HttpMethod:
        try:
            app.asgi_router.handle_routing(path=path, method=method.value)
        except HTTPException:
            continue
        found.append(method.value)
    return ", ".join(sorted(found))

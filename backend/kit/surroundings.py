"""What an interface's description says of every operation, and no route can say: what is done before it is asked.

A body too large, an address that is none, a client that asks too often: these come from the server around a route.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from backend.kit.idempotency.middleware import creates, document
from backend.kit.problems import NotFound, PayloadTooLarge, Problem, problem_response
from backend.kit.structs import finish_structs

__all__ = ["RATE_HEADERS", "describe"]

#: What a 429 carries; and where requests are counted, the RateLimit fields (draft-ietf-httpapi-ratelimit-headers-10).
RETRY_AFTER: Mapping[str, object] = {
    "Retry-After": {"description": "Seconds to wait", "required": True, "schema": {"type": "integer", "minimum": 0}}
}
RATE_HEADERS: Mapping[str, object] = {
    "RateLimit-Policy": {
        "description": "How many requests in how many seconds",
        "required": True,
        "schema": {"type": "string", "pattern": '^"[a-z]+";q=[0-9]+;w=[0-9]+$'},
    },
    "RateLimit": {
        "description": "How many are left, and in how many seconds it begins anew",
        "required": True,
        "schema": {"type": "string", "pattern": '^"[a-z]+";r=[0-9]+;t=[0-9]+$'},
    },
}
_TOO_MANY = "429"


def describe(
    schema: dict[str, Any],
    app: Litestar,
    *,
    provided: Mapping[str, Iterable[type[Problem]]],
    limited: type[Problem] | None,
) -> None:
    """Complete an OpenAPI document in place.

    Args:
        schema: the document that Litestar made of ``app``.
        app: the application of one surface.
        provided: by the name under which a route asks for it, what the providing of a dependency may fail with.
        limited: what a client hears that asks too often, where this surface counts its requests.
    """
    for route, handler in _handlers(app):
        for method in handler.http_methods:
            operation = schema["paths"].get(route.path_format, {}).get(method.lower())
            # Litestar's own pages about the document are none of the surface's.
            if operation is None:
                continue
            if creates(handler):
                document(operation)
            if "answers" in handler.opt:
                # One route, one of several kinds of file: the framework can name but one.
                operation["responses"]["200"]["content"] = {kind: {"schema": {}} for kind in handler.opt["answers"]}
            counted = None if handler.opt.get("public") else limited
            _add(operation, _around(route, handler, operation, provided, counted))
            _add_headers(operation, counted=counted is not None)
    finish_structs(schema, [kind for _, handler in _handlers(app) for kind in _spoken(handler)])


def _handlers(app: Litestar) -> Iterator[tuple[HTTPRoute, HTTPRouteHandler]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            yield from ((route, handler) for handler in route.route_handlers if handler.include_in_schema is not False)


def _spoken(handler: HTTPRouteHandler) -> Iterator[object]:
    signature = handler.parsed_fn_signature
    if "data" in signature.parameters:
        yield signature.parameters["data"].annotation
    yield from (spec.data_container for spec in (handler.responses or {}).values())


def _around(
    route: HTTPRoute,
    handler: HTTPRouteHandler,
    operation: Mapping[str, Any],
    provided: Mapping[str, Iterable[type[Problem]]],
    counted: type[Problem] | None,
) -> list[type[Problem]]:
    asked = handler.parsed_fn_signature.parameters
    found = [problem for name, problems in provided.items() if name in asked for problem in problems]
    if route.path_parameters and "404" not in operation["responses"]:
        found.append(NotFound)
    if "requestBody" in operation:
        found.append(PayloadTooLarge)
    return found if counted is None else [*found, counted]


def _add(operation: dict[str, Any], raised: Iterable[type[Problem]]) -> None:
    responses = operation["responses"]
    for problem in raised:
        new = problem_response(problem)
        standing = responses.setdefault(str(problem.status), new)
        # A response without a body is one that the idempotency key has added.
        content = standing.setdefault("content", new["content"])
        for media_type, form in new["content"].items():
            # OAuth's token endpoint answers in a form of its own, also where others answer with problems.
            examples = content.setdefault(media_type, form).setdefault("examples", {})
            if problem.code not in examples:
                examples.update(form["examples"])
                standing["description"] += f"; {new['description']}"


def _add_headers(operation: dict[str, Any], *, counted: bool) -> None:
    for status, response in operation["responses"].items():
        headers = response.setdefault("headers", {})
        if status == _TOO_MANY:
            headers.update(RETRY_AFTER)
        # 401 is said before anybody is counted.
        if counted and (status == _TOO_MANY or status.startswith("2")):
            headers.update(RATE_HEADERS)

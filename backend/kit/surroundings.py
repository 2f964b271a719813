"""What an interface's description says of every operation, and no route can say: what is done before it is asked.

A body too large, an address that is none, a client that asks too often: these come from the server around a route.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from backend.kit.idempotency.middleware import creates, document
from backend.kit.problems import NotFound, PayloadTooLarge, Problem, problem_response

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
    _finish_structs(schema, app)


def _handlers(app: Litestar) -> Iterator[tuple[HTTPRoute, HTTPRouteHandler]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            yield from ((route, handler) for handler in route.route_handlers if handler.include_in_schema is not False)


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


def _finish_structs(schema: dict[str, Any], app: Litestar) -> None:
    """Say of structs what the framework leaves out: refused fields, bytes, and those that are written as arrays."""
    components = schema["components"]["schemas"]
    for struct in _structs([part for _, handler in _handlers(app) for part in _spoken(handler)]):
        for name in _names(struct):
            if name in components:
                _finish(components, name, struct)


def _spoken(handler: HTTPRouteHandler) -> Iterator[object]:
    signature = handler.parsed_fn_signature
    if "data" in signature.parameters:
        yield signature.parameters["data"].annotation
    yield from (spec.data_container for spec in (handler.responses or {}).values())


def _finish(components: dict[str, Any], name: str, struct: type[msgspec.Struct]) -> None:
    component = components[name]
    properties = component.get("properties", {})
    for field in msgspec.structs.fields(struct):
        if _is_bytes(field.type):
            # As JSON has them; msgpack has bytes.
            properties[field.encode_name] |= {"format": "byte", "contentEncoding": "base64"}
        keys = _keys(field.type)
        if keys:
            properties[field.encode_name]["propertyNames"] = {"enum": keys}
    if struct.__struct_config__.forbid_unknown_fields:
        component["additionalProperties"] = False
    if struct.__struct_config__.array_like:
        components[name] = {
            "title": component["title"],
            "type": "array",
            "prefixItems": [properties[field.encode_name] for field in msgspec.structs.fields(struct)],
            "minItems": len(component.get("required", ())),
        }


def _keys(annotation: object) -> list[object]:
    """Those of a dictionary that has no others."""
    kind = msgspec.inspect.type_info(annotation)
    if isinstance(kind, msgspec.inspect.Metadata):
        kind = kind.type
    if isinstance(kind, msgspec.inspect.DictType) and isinstance(kind.key_type, msgspec.inspect.EnumType):
        return [member.value for member in kind.key_type.cls]
    return []


def _is_bytes(annotation: object) -> bool:
    return bytes in (annotation, getattr(annotation, "__origin__", None))


def _names(struct: type[msgspec.Struct]) -> tuple[str, str]:
    """What the framework calls a struct: its name, or with where it comes from, where two have the same."""
    return struct.__name__, f"{struct.__module__.removeprefix('backend.')}.{struct.__qualname__}".replace(".", "_")


def _structs(annotations: Iterable[object]) -> Iterator[type[msgspec.Struct]]:
    """The structs in types, with those in their fields."""
    waiting: list[object] = [msgspec.inspect.type_info(annotation) for annotation in annotations]
    seen: set[type[msgspec.Struct]] = set()
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, msgspec.inspect.Metadata):
            waiting.append(kind.type)
        elif isinstance(kind, msgspec.inspect.StructType) and kind.cls not in seen:
            seen.add(kind.cls)
            yield kind.cls
            waiting.extend(field.type for field in kind.fields)
        elif isinstance(kind, msgspec.inspect.UnionType):
            waiting.extend(kind.types)
        elif isinstance(kind, msgspec.inspect.CollectionType):
            waiting.append(kind.item_type)
        elif isinstance(kind, msgspec.inspect.TupleType):
            waiting.extend(kind.item_types)
        elif isinstance(kind, msgspec.inspect.DictType):
            waiting.append(kind.value_type)

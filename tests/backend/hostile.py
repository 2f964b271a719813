"""Requests made out of the OpenAPI documents: valid ones to begin with, and every way to spoil them."""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import msgspec
from litestar import Litestar

from backend.app import openapi_document
from backend.kit.auth import Surface

__all__ = ["Call", "Route", "bodies", "fill", "public_routes", "queries", "routes", "sample", "spoiled_paths"]

_BIG_INTEGER = 10**30
_OVERSIZED = 11 * 1024 * 1024
# What a value may be replaced by: another type, another size, another alphabet.
_WRONG: tuple[object, ...] = (
    None,
    True,
    -1,
    _BIG_INTEGER,
    1.5e308,
    "",
    "\0",
    "a\0b",
    "x" * 5000,
    "\u202e\U0001f6aa",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999-14:00",
    str(UUID(int=0)),
    [],
    {},
    [[[[{}]]]],
)
_WRONG_PATHS = ("\0", "0", "-1", str(_BIG_INTEGER), "x" * 300, "..", "'; DROP TABLE person; --", "\u202e")
_WRONG_QUERIES = (
    "",
    "\0",
    "-1",
    str(_BIG_INTEGER),
    "x" * 3000,
    "NaN",
    "2026-13-45T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "[]",
    "\u202e",
)


class Route(msgspec.Struct, frozen=True):
    """One operation of one surface, as its document describes it."""

    surface: Surface
    method: str
    path: str
    document: dict[str, Any]
    path_parameters: tuple[tuple[str, dict[str, Any]], ...]
    query_parameters: tuple[tuple[str, dict[str, Any]], ...]
    media_type: str | None
    body: dict[str, Any] | None

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


class Call(msgspec.Struct, frozen=True):
    """What to send, and what is wrong with it."""

    wrong: str
    content: bytes
    media_type: str


def routes() -> list[Route]:
    """Every operation of the five documents; last those that end somebody's rights, and at the very last a session."""
    found = []
    for surface in Surface:
        document = openapi_document(surface)
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                given = operation.get("parameters", [])
                body = operation.get("requestBody", {}).get("content", {})
                media_type = next(iter(body), None)
                found.append(
                    Route(
                        surface=surface,
                        method=method.upper(),
                        path=path,
                        document=document,
                        path_parameters=tuple((p["name"], p["schema"]) for p in given if p["in"] == "path"),
                        query_parameters=tuple((p["name"], p["schema"]) for p in given if p["in"] == "query"),
                        media_type=media_type,
                        body=None if media_type is None else body[media_type].get("schema", {}),
                    )
                )
    return sorted(found, key=_last)


def _last(route: Route) -> int:
    # What ends somebody's rights would spare the routes after it; what ends the session that asks, all of them.
    endings = (
        r" .*(consents/.*withdraw|companies/.*|phones/.*)$",
        r" .*withdraw$",
        r"^DELETE ",
        r" .*(end|revoke|suspend)$",
        r" .*logout$",
    )
    if route.name == "DELETE /resident/v1/me":
        # With the account go the sessions that are asked for before it.
        return len(endings)
    return next((rank for rank, ending in enumerate(endings, start=1) if re.search(ending, route.name)), 0)


def public_routes(app: Litestar) -> set[str]:
    """The operations that need no token, by :attr:`Route.name`."""
    return {
        f"{method} {route.path_format}"
        for route in app.routes
        for method, (handler, _) in getattr(route, "route_handler_map", {}).items()
        if handler.opt.get("public")
    }


def sample(schema: Mapping[str, Any], document: Mapping[str, Any], ids: Mapping[str, str], name: str = "") -> Any:
    """A value that fits the schema; ids are taken by their field's name, and are random where none is given."""
    schema = _resolved(schema, document)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next(one for one in kind if one != "null")
    if "enum" in schema:
        return next(value for value in schema["enum"] if value is not None)
    if kind == "object" or "properties" in schema:
        return {key: sample(value, document, ids, key) for key, value in schema.get("properties", {}).items()}
    if kind == "array":
        one = "community_id" if name == "communities" else name
        return [sample(schema.get("items", {}), document, ids, one)] * max(int(schema.get("minItems", 1)), 1)
    numbers = {"integer": max(int(schema.get("minimum", 1)), 1), "number": 0.01, "boolean": False}
    return numbers[kind] if kind in numbers else _text(schema, ids, name)


def _resolved(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema behind references, and the first choice of a union that is not null."""
    while "$ref" in schema or "oneOf" in schema or "anyOf" in schema:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        else:
            choices = schema.get("oneOf") or schema["anyOf"]
            schema = next(choice for choice in choices if choice.get("type") != "null")
    return schema


def _text(schema: Mapping[str, Any], ids: Mapping[str, str], name: str) -> str:
    if name in ids:
        return ids[name]
    match schema.get("format"):
        case "uuid":
            return str(uuid4())
        case "date-time":
            # Beginnings before ends.
            return f"2026-11-02T0{5 if re.search('until|end', name) else 3}:00:00+00:00"
    if name == "phone":
        return "+12025550199"
    if name == "worker_id":
        return "W-1"
    return "a" * max(int(schema.get("minLength", 1)), 1)


def fill(route: Route, ids: Mapping[str, str]) -> str:
    """The route's address with these ids by name, and whatever fits elsewhere."""
    path = route.path
    for name, schema in route.path_parameters:
        value = ids.get(name, sample(schema, route.document, ids, name))
        # Dots are quoted too: the client would resolve "..", and another route be asked than the one that is meant.
        path = path.replace("{" + name + "}", quote(str(value), safe="").replace(".", "%2E"))
    return path


def spoiled_paths(route: Route, ids: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What is wrong, and the address with one parameter spoiled."""
    for name, _ in route.path_parameters:
        for wrong in _WRONG_PATHS:
            yield f"{name}={wrong[:12]!r}", fill(route, {**ids, name: wrong})


def queries(route: Route) -> Iterator[tuple[str, dict[str, str]]]:
    """What is wrong, and the query with one parameter spoiled (the others left out)."""
    for name, _ in route.query_parameters:
        for wrong in _WRONG_QUERIES:
            yield f"{name}={wrong[:12]!r}", {name: wrong}


def bodies(route: Route, ids: Mapping[str, str]) -> Iterator[Call]:
    """Every spoiled body: no JSON, another media type, too large, too deep, each field wrong in every way."""
    if route.media_type is None or route.body is None:
        return
    media_type = route.media_type
    for wrong, content in (
        ("empty", b""),
        ("cut off", b'{"a": '),
        ("not UTF-8", b'{"a": "\xff\xfe"}'),
        ("a lone surrogate", b'{"phone": "\\ud800", "name": "\\ud800", "token": "\\ud800"}'),
        ("NaN", b'{"a": NaN}'),
        ("an array", b"[]"),
        ("a string", b'"x"'),
        ("null", b"null"),
        ("too deep", b"[" * 100_000),
        ("zeros", b"\0" * 64),
        ("too large", b'{"a": "' + b"x" * _OVERSIZED + b'"}'),
    ):
        yield Call(wrong, content, media_type)
    whole = sample(route.body, route.document, ids)
    if not isinstance(whole, dict):
        return
    encoded = msgspec.json.encode(whole)
    for other in (
        "text/plain",
        "application/x-msgpack",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "x",
    ):
        yield Call(f"as {other}", encoded, other)
    if media_type != "application/json":
        return
    yield Call("an unknown field", msgspec.json.encode({**whole, "surprise": 1}), media_type)
    for path in _fields(whole):
        for value in _WRONG:
            yield Call(f"{'.'.join(map(str, path))}={str(value)[:12]!r}", _with(whole, path, value), media_type)


def _fields(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*at, key)
        yield from _fields(item, (*at, key))


def _with(whole: Any, path: tuple[str | int, ...], value: object) -> bytes:
    changed = copy.deepcopy(whole)
    target = changed
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    # msgspec refuses integers beyond 64 bits, which is what the other side is to be tried with.
    return msgspec.json.encode(changed, enc_hook=str) if value != _BIG_INTEGER else _json(changed)


def _json(value: Any) -> bytes:

    return json.dumps(value).encode()

"""What schemathesis cannot know of this API: ids of things that are there, and how bodies that are no JSON look.

Loaded by schemathesis itself, in a process of its own (see test_documents).
"""

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import schemathesis
from schemathesis.core.parameters import ParameterLocation

from gate_sdk.wire import DeniedFrame, EventBatch, UseClaim
from tests.backend.authorisation.place import Place

#: A file of JSON: the place in which the requests are made.
PLACE = "TEST_PLACE"

_place = Place({}, **json.loads(Path(os.environ[PLACE]).read_text("utf-8"))) if PLACE in os.environ else None
_WIRE = {
    "/gate/v1/denied-frames": DeniedFrame,
    "/gate/v1/events": EventBatch,
    "/gate/v1/uses": UseClaim,
}


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """Ask about what is there, wherever the request is meant to be a good one."""
    del context, kwargs
    meta = case.meta
    if _place is None or meta is None:
        return
    ids = _place.ids_for(case.path)
    for location, values in (
        (ParameterLocation.PATH, case.path_parameters),
        (ParameterLocation.QUERY, case.query),
        (ParameterLocation.BODY, case.body),
    ):
        if isinstance(values, dict) and not meta.is_negative_at(location):
            known = {name: ids[name] for name in values.keys() & ids.keys()}
            values.update(known)
            # Opaque: only an answer gives one.
            values.pop("cursor", None)


def _small(text: str) -> int:
    # What msgpack can hold.
    return max(-(2**63), min(int(text), 2**63 - 1))


@schemathesis.serializer("application/x-msgpack", "application/vnd.msgpack")
def as_msgpack(ctx: schemathesis.SerializationContext, value: Any) -> bytes:
    """As gates write it. JSON cannot say which texts are bytes, so what fits the struct is read as the struct first."""
    value = json.loads(json.dumps(value, default=str), parse_int=_small)
    try:
        return msgspec.msgpack.encode(msgspec.convert(value, _WIRE[ctx.case.path]))
    except (msgspec.ValidationError, KeyError):
        return msgspec.msgpack.encode(value)


@schemathesis.serializer("application/x-ndjson", "text/csv", "application/zip", "image/jpeg", "image/png",
                         "image/webp", "image/heic", "image/heif")  # fmt: skip
def as_file(ctx: schemathesis.SerializationContext, value: Any) -> bytes:
    """A file of whatever content."""
    del ctx
    if isinstance(value, bytes):
        return value
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else json.dumps(value, default=str).encode()


@schemathesis.deserializer("application/vnd.msgpack")
def from_msgpack(ctx: schemathesis.DeserializationContext, response: schemathesis.Response) -> Any:
    """As the schema has it: bytes as base64."""
    del ctx
    return json.loads(msgspec.json.encode(msgspec.msgpack.decode(response.content)))


@schemathesis.deserializer("application/x-ndjson")
def from_ndjson(ctx: schemathesis.DeserializationContext, response: schemathesis.Response) -> Any:
    """The first line: the schema is of a line."""
    del ctx
    first = response.content.split(b"\n", 1)[0]
    return json.loads(first) if first else None

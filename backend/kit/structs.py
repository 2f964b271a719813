"""What an interface's description says of structs, where the framework leaves it out."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import inspect

__all__ = ["finish_structs"]

# JSON Schema's words for msgspec's limits, by the JSON type that they are of.
_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
_LENGTHS = {"min_length": "minItems", "max_length": "maxItems"}
_LIMITS = {
    inspect.IntType: ("integer", _BOUNDS),
    inspect.FloatType: ("number", _BOUNDS),
    inspect.StrType: ("string", {"min_length": "minLength", "max_length": "maxLength", "pattern": "pattern"}),
    inspect.DictType: ("object", {"min_length": "minProperties", "max_length": "maxProperties"}),
    inspect.ListType: ("array", _LENGTHS),
    inspect.VarTupleType: ("array", _LENGTHS),
}


def finish_structs(schema: dict[str, Any], kinds: Iterable[object]) -> None:
    """Complete the structs of an OpenAPI document in place: limits, refused fields, bytes, those written as arrays.

    Args:
        schema: the document that the framework made.
        kinds: the types of bodies and answers; structs within them are found.
    """
    components = schema["components"]["schemas"]
    for struct in _structs(kinds):
        for name in _names(struct):
            if name in components:
                _finish(components, name, struct)


def _finish(components: dict[str, Any], name: str, struct: type[msgspec.Struct]) -> None:
    component = components[name]
    properties = component.get("properties", {})
    for field in msgspec.structs.fields(struct):
        if _is_bytes(field.type):
            # As JSON has them; msgpack has bytes.
            properties[field.encode_name] |= {"format": "byte", "contentEncoding": "base64"}
        _limit(properties[field.encode_name], inspect.type_info(field.type))
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


def _limit(schema: dict[str, Any], kind: inspect.Type) -> None:
    """Add the limits that are missing: of what may be null, of values in lists and dictionaries, those that are 0."""
    if isinstance(kind, inspect.Metadata):
        _limit(schema, kind.type)
    elif isinstance(kind, inspect.UnionType):
        for one in kind.types:
            _limit(schema, one)
    elif type(kind) in _LIMITS:
        name, words = _LIMITS[type(kind)]
        limits = {word: value for limit, word in words.items() if (value := getattr(kind, limit)) is not None}
        for branch in schema.get("oneOf", [schema]):
            if branch.get("type") == name:
                for word in limits.keys() - schema.keys():
                    branch.setdefault(word, limits[word])
                _limit_within(branch, kind)


def _limit_within(schema: dict[str, Any], kind: inspect.Type) -> None:
    if isinstance(kind, inspect.DictType) and isinstance(schema.get("additionalProperties"), dict):
        _limit(schema["additionalProperties"], kind.value_type)
    elif isinstance(kind, inspect.ListType | inspect.VarTupleType) and "items" in schema:
        _limit(schema["items"], kind.item_type)


def _keys(annotation: object) -> list[object]:
    """Those of a dictionary that has no others."""
    kind = inspect.type_info(annotation)
    if isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.DictType) and isinstance(kind.key_type, inspect.EnumType):
        return [member.value for member in kind.key_type.cls]
    return []


def _is_bytes(annotation: object) -> bool:
    return bytes in (annotation, getattr(annotation, "__origin__", None))


def _names(struct: type[msgspec.Struct]) -> tuple[str, str]:
    """What the framework calls a struct: its name, or with where it comes from, where two have the same."""
    return struct.__name__, f"{struct.__module__.removeprefix('backend.')}.{struct.__qualname__}".replace(".", "_")


def _structs(annotations: Iterable[object]) -> Iterator[type[msgspec.Struct]]:
    """The structs in types, with those in their fields."""
    waiting: list[object] = [inspect.type_info(annotation) for annotation in annotations]
    seen: set[type[msgspec.Struct]] = set()
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, inspect.Metadata):
            waiting.append(kind.type)
        elif isinstance(kind, inspect.StructType) and kind.cls not in seen:
            seen.add(kind.cls)
            yield kind.cls
            waiting.extend(field.type for field in kind.fields)
        elif isinstance(kind, inspect.UnionType):
            waiting.extend(kind.types)
        elif isinstance(kind, inspect.CollectionType):
            waiting.append(kind.item_type)
        elif isinstance(kind, inspect.TupleType):
            waiting.extend(kind.item_types)
        elif isinstance(kind, inspect.DictType):
            waiting.append(kind.value_type)

"""Requests say what their description says: no 0 for false in a body, no number for a time anywhere; 20.0 is 20."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.exceptions import ValidationException
from litestar.routes import HTTPRoute

__all__ = ["decode_strictly"]

_EXACT = 2**53


def decode_strictly(app: Litestar) -> None:
    """Refuse what a JSON body would have to be bent for.

    Litestar 2.25 reads path, query and body in one go, and leniently, as query strings need it (``limit=20`` is text).
    So a body's "1" would be a number, its 0 a boolean and its 0.5 a time, which no interface's description allows.
    """
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler, _ in route.route_handler_map.values():
                asked = handler.parsed_fn_signature.parameters
                strict = {name: msgspec.defstruct("Form", [(name, field.annotation)])
                          for name, field in asked.items() if name == "data" or _is_time(field.annotation)}  # fmt: skip
                if strict:
                    _check_first(handler.signature_model, strict)


def _whole(value: Any) -> Any:
    # To JSON Schema a number is an integer by its value, however it is written, and some clients have no other kind.
    # Beyond 2**53 neighbours look the same, and none was meant.
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= _EXACT else value
    if isinstance(value, dict):
        return {key: _whole(part) for key, part in value.items()}
    return [_whole(part) for part in value] if isinstance(value, list) else value


def _is_time(annotation: Any) -> bool:
    return datetime in (annotation, *getattr(annotation, "__args__", ()))


def _check_first(model: Any, strict: dict[str, type[msgspec.Struct]]) -> None:
    parse = model.parse_values_from_connection_kwargs

    def strictly(connection: ASGIConnection[Any, Any, Any, Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        read = {}
        for name, form in strict.items():
            # What comes as bytes or a form is read elsewhere.
            if isinstance(kwargs.get(name), dict | list | str):
                try:
                    read[name] = getattr(msgspec.convert({name: _whole(kwargs[name])}, form), name)
                except msgspec.ValidationError as error:
                    message, _, where = str(error).partition(f" - at `$.{name}")
                    extra = [{"key": where.strip("`.") or name, "message": message}]
                    raise ValidationException(extra=extra) from error
        parsed: dict[str, Any] = parse(connection=connection, kwargs={**kwargs, **read})
        return parsed

    model.parse_values_from_connection_kwargs = strictly

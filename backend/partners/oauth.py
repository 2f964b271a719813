"""The token endpoint's errors and client authentication, as RFC 6749 has them.

This one endpoint does not speak problem+json: the libraries that call it look for the RFC's own members.
"""

import base64
import binascii
from typing import Any, ClassVar, TypeAlias
from urllib.parse import unquote_plus

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from backend.partners.schemas import OAuthError, TokenRequest
from backend.partners.service import SCOPES

__all__ = [
    "NO_STORE",
    "InvalidClient",
    "InvalidRequest",
    "InvalidScope",
    "OAuthRefused",
    "UnsupportedGrantType",
    "client_credentials",
    "granted_scopes",
    "handlers",
]

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
AnyRequest: TypeAlias = Request[Any, Any, Any]


class OAuthRefused(Exception):
    """A token was refused; the docstring is the description."""

    status: ClassVar[int] = 400
    error: ClassVar[str] = "invalid_request"


class InvalidRequest(OAuthRefused):
    """The request lacks a parameter, repeats one, is no form, or logs the client in twice."""


class InvalidClient(OAuthRefused):
    """There is no such client, or this is not its secret."""

    status = 401
    error = "invalid_client"


class UnsupportedGrantType(OAuthRefused):
    """The grant_type here is client_credentials."""

    error = "unsupported_grant_type"


class InvalidScope(OAuthRefused):
    """One of the scopes asked for is unknown."""

    error = "invalid_scope"


def client_credentials(authorization: str | None, form: TokenRequest) -> tuple[str, str]:
    """The client's id and secret from the header (client_secret_basic) or the form (client_secret_post).

    Raises:
        InvalidRequest: both are given (RFC 6749, 2.3: no more than one method).
        InvalidClient: neither is given, or the header cannot be read.
    """
    if authorization is None:
        if not form.client_id or not form.client_secret:
            raise InvalidClient
        return form.client_id, form.client_secret
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient
    if form.client_secret:
        raise InvalidRequest
    try:
        client_id, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidClient from None
    # Both are form-encoded before they are joined, so that a colon may stand in them.
    client_id, secret = unquote_plus(client_id), unquote_plus(secret)
    if not colon or not (client_id + secret).isprintable():
        raise InvalidClient
    return client_id, secret


def granted_scopes(asked: str) -> tuple[str, ...]:
    """The scopes asked for, all of them where none is named.

    Raises:
        InvalidScope: one is unknown.
    """
    wanted = asked.split()
    if any(scope not in SCOPES for scope in wanted):
        raise InvalidScope
    return tuple(scope for scope in SCOPES if not wanted or scope in wanted)


def _refused(_: AnyRequest, error: OAuthRefused) -> Response[bytes]:
    headers = dict(NO_STORE)
    if error.status == InvalidClient.status:
        headers["WWW-Authenticate"] = 'Basic realm="doorward"'
    body = OAuthError(error=error.error, error_description=" ".join((type(error).__doc__ or "").split()))
    return Response(msgspec.json.encode(body), status_code=error.status, media_type="application/json", headers=headers)


def _unreadable(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    # A body that is too large, no form, or not UTF-8 fails in the framework, before the endpoint is asked.
    if error.status_code >= 500:  # noqa: PLR2004 - the boundary between the caller's errors and ours
        raise error
    return _refused(request, InvalidRequest())


handlers: dict[int | type[Exception], Any] = {
    OAuthRefused: _refused,
    HTTPException: _unreadable,
    ValidationException: _unreadable,
}

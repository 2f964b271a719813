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

from backend.partners.clients.assertions import ASSERTION_TYPE
from backend.partners.schemas import OAuthError, TokenRequest
from backend.partners.service import SCOPES

__all__ = [
    "NO_STORE",
    "InvalidClient",
    "InvalidRequest",
    "InvalidScope",
    "OAuthRefused",
    "Proof",
    "SecretProof",
    "SignedProof",
    "UnsupportedGrantType",
    "client_proof",
    "granted_scopes",
    "handlers",
]

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
AnyRequest: TypeAlias = Request[Any, Any, Any]


class OAuthRefused(Exception):
    """A token was refused; the description is the docstring, unless the raiser says more."""

    status: ClassVar[int] = 400
    error: ClassVar[str] = "invalid_request"


class InvalidRequest(OAuthRefused):
    """The request lacks a parameter, repeats one, is no form, or logs the client in twice."""


class InvalidClient(OAuthRefused):
    """There is no such client, or this is neither its secret nor signed by its key."""

    status = 401
    error = "invalid_client"


class UnsupportedGrantType(OAuthRefused):
    """The grant_type here is client_credentials."""

    error = "unsupported_grant_type"


class InvalidScope(OAuthRefused):
    """One of the scopes asked for is unknown."""

    error = "invalid_scope"


class SecretProof(msgspec.Struct, frozen=True):
    """A client's id and secret."""

    client_id: str
    client_secret: str


class SignedProof(msgspec.Struct, frozen=True):
    """An assertion that the client signed, and its id where it stands beside it as well."""

    client_id: str
    assertion: str


Proof: TypeAlias = SecretProof | SignedProof


def client_proof(authorization: str | None, form: TokenRequest) -> Proof:
    """What the client shows: an assertion, or a secret in the header (basic) or the form (post).

    Raises:
        InvalidRequest: more than one of them is given (RFC 6749, 2.3), or the assertion is of another type.
        InvalidClient: none is given, or the header cannot be read.
    """
    given = [authorization is not None, bool(form.client_secret), bool(form.client_assertion)]
    if sum(given) > 1:
        raise InvalidRequest
    if form.client_assertion:
        if form.client_assertion_type != ASSERTION_TYPE:
            raise InvalidRequest
        return SignedProof(form.client_id, form.client_assertion)
    if authorization is not None:
        return _basic(authorization)
    if not form.client_id or not form.client_secret:
        raise InvalidClient
    return SecretProof(form.client_id, form.client_secret)


def _basic(authorization: str) -> SecretProof:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient
    try:
        client_id, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidClient from None
    # Both are form-encoded before they are joined, so that a colon may stand in them.
    client_id, secret = unquote_plus(client_id), unquote_plus(secret)
    if not colon or not (client_id + secret).isprintable():
        raise InvalidClient
    return SecretProof(client_id, secret)


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
    description = str(error) or " ".join((type(error).__doc__ or "").split())
    body = OAuthError(error=error.error, error_description=description)
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

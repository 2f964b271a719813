"""A device's proof that it is the gate it says it is: a JWT signed by its key (RFC 7523). Pure."""

from datetime import datetime, timedelta
from uuid import UUID

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from backend.gates.errors import AssertionRefused
from gate_sdk.wire import ASSERTION_TTL_S, ASSERTION_TYPE, TokenRequest

__all__ = ["CLOCK_SKEW", "Assertion", "read_assertion", "verify_assertion"]

# A device's clock may be that far off before it has to learn the time from our answer.
CLOCK_SKEW = timedelta(seconds=30)
_MOST_JTI = 200
# RecursionError: brackets within brackets, some thousand deep.
_NOT_A_JWT = (jwt.PyJWTError, msgspec.ValidationError, ValueError, RecursionError)


class Assertion(msgspec.Struct, frozen=True):
    """The claims of a gate's assertion (RFC 7523), not yet believed. Times in seconds since the Unix epoch."""

    iss: str
    sub: str
    aud: str
    jti: str
    exp: int
    iat: int | None = None


def read_assertion(request: TokenRequest, *, now: datetime) -> tuple[UUID, str]:
    """The gate that the assertion speaks for, unverified, and the assertion.

    Raises:
        AssertionRefused: it is none.
    """
    if request.client_assertion_type != ASSERTION_TYPE:
        raise AssertionRefused(f"The assertion's type must be {ASSERTION_TYPE}.", now=now)
    try:
        claims = jwt.decode(request.client_assertion, options={"verify_signature": False})
        return UUID(msgspec.convert(claims, Assertion).iss), request.client_assertion
    except _NOT_A_JWT:
        raise AssertionRefused("The assertion is not a JWT with iss, sub, aud, jti and exp.", now=now) from None


def verify_assertion(assertion: str, *, public_key: bytes, audience: str, now: datetime) -> Assertion:
    """The assertion's claims, if it is signed by that key, for that audience, and in time.

    Raises:
        AssertionRefused: it is not.
    """
    try:
        payload = jwt.decode(
            assertion,
            Ed25519PublicKey.from_public_bytes(public_key),
            algorithms=["EdDSA"],
            # Audience and times are ours to check: the answer says what was expected.
            options={"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
        claims = msgspec.convert(payload, Assertion)
    except _NOT_A_JWT:
        raise AssertionRefused("The assertion is not signed by the gate's device.", now=now) from None
    if claims.aud != audience:
        raise AssertionRefused("The assertion is for another audience.", now=now, audience=audience)
    present, skew = now.timestamp(), CLOCK_SKEW.total_seconds()
    if claims.exp <= present - skew:
        raise AssertionRefused("The assertion has expired, or the device's clock is behind.", now=now)
    if claims.exp > present + ASSERTION_TTL_S + skew or (claims.iat is not None and claims.iat > present + skew):
        raise AssertionRefused("The assertion is dated too far ahead, or the device's clock is.", now=now)
    if not (1 <= len(claims.jti) <= _MOST_JTI and claims.jti.isascii() and claims.jti.isprintable()):
        raise AssertionRefused("jti must have 1 to 200 printable ASCII characters.", now=now)
    return claims

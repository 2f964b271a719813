"""A client's signed assertion (RFC 7523, section 2.2) and the keys that may sign one. Pure."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

__all__ = [
    "ASSERTION_TYPE",
    "CLOCK_SKEW",
    "LONGEST_LIFE",
    "Alg",
    "Assertion",
    "AssertionInvalid",
    "ClientKey",
    "KeyInvalid",
    "Verified",
    "client_of",
    "read_jwk",
    "verify",
]

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: How far ahead an assertion may expire: the ids of those taken are remembered so long. What authlib writes unasked.
LONGEST_LIFE = timedelta(hours=1)
CLOCK_SKEW = timedelta(seconds=30)
_MOST_JTI = 200
_COORDINATE = 32
# RecursionError: brackets within brackets, some thousand deep.
_NOT_A_JWT = (jwt.PyJWTError, msgspec.ValidationError, ValueError, TypeError, RecursionError)

Alg = Literal["EdDSA", "ES256"]
_PublicKey: TypeAlias = Ed25519PublicKey | EllipticCurvePublicKey
_ALGORITHMS: Mapping[tuple[object, object], Alg] = {("OKP", "Ed25519"): "EdDSA", ("EC", "P-256"): "ES256"}


class AssertionInvalid(Exception):
    """The assertion proves nothing; the message says what is wrong with it and names nobody."""


class KeyInvalid(ValueError):
    """That is no public key of a kind that may sign here."""


class ClientKey(msgspec.Struct, frozen=True):
    """A public key: the company's name for it, its only algorithm, and SubjectPublicKeyInfo in DER."""

    kid: str
    alg: Alg
    public_key: bytes


class Verified(msgspec.Struct, frozen=True):
    """A believed assertion and the name of the key that signed it."""

    claims: "Assertion"
    kid: str


class Assertion(msgspec.Struct, frozen=True):
    """The claims of RFC 7523, section 3. Times in seconds since the Unix epoch, whole or with a fraction."""

    iss: str
    sub: str
    aud: str | list[str]
    jti: str
    exp: float
    iat: float | None = None
    nbf: float | None = None


def read_jwk(jwk: Mapping[str, object]) -> ClientKey:
    """A public key out of a JSON Web Key (RFC 7517): Ed25519 (RFC 8037) or P-256 (RFC 7518, 6.2).

    Without ``kid`` the key is called by its thumbprint (RFC 7638).

    Raises:
        KeyInvalid: it is of another kind, incomplete, not on its curve, or a private key.
    """
    if "d" in jwk:
        raise KeyInvalid("this is a private key: keep it, and make a new one, since this one has been sent")
    kind = (jwk.get("kty"), jwk.get("crv"))
    alg = _ALGORITHMS.get(kind)
    if alg is None:
        raise KeyInvalid("keys are of kty OKP with crv Ed25519, or kty EC with crv P-256")
    members = {name: jwk.get(name) for name in ("kty", "crv", "x", "y") if name != "y" or alg == "ES256"}
    try:
        public = _public_key(alg, *(_coordinate(jwk, name) for name in ("x", "y") if name in members))
    except KeyInvalid:
        raise
    except ValueError:
        raise KeyInvalid("the coordinates are no point of the curve") from None
    if jwk.get("alg", alg) != alg:
        raise KeyInvalid(f"alg does not fit the key: {alg}")
    kid = jwk.get("kid") or _thumbprint(members)
    if not isinstance(kid, str) or not (0 < len(kid) <= _MOST_JTI and kid.isascii() and kid.isprintable()):
        raise KeyInvalid("kid has 1 to 200 printable ASCII characters")
    return ClientKey(kid, alg, public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def client_of(assertion: str) -> str:
    """The client that the assertion speaks for, unverified.

    Raises:
        AssertionInvalid: it cannot be read.
    """
    try:
        return msgspec.convert(jwt.decode(assertion, options={"verify_signature": False}), Assertion).iss
    except _NOT_A_JWT:
        raise AssertionInvalid("the assertion is not a JWT with iss, sub, aud, jti and exp") from None


def verify(
    assertion: str, *, client_id: str, keys: Sequence[ClientKey], audiences: Sequence[str], now: datetime
) -> Verified:
    """The claims, if one of the client's keys signed them for us and in time; not whether they were shown before.

    Args:
        assertion: the JWT.
        client_id: whose keys these are.
        keys: his live keys.
        audiences: what we are called: the token endpoint's address and the issuer.
        now: the present.

    Raises:
        AssertionInvalid: it proves nothing.
    """
    try:
        header = jwt.get_unverified_header(assertion)
        key = _chosen(keys, header)
        public = load_der_public_key(key.public_key)
        if not isinstance(public, Ed25519PublicKey | EllipticCurvePublicKey):
            raise AssertionInvalid("no live key of the client fits the assertion's header")
        payload = jwt.decode(
            assertion,
            public,
            # The key's own algorithm and no other: a public key must never be taken for a shared secret.
            algorithms=[key.alg],
            options={"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
        claims = msgspec.convert(payload, Assertion)
    except _NOT_A_JWT:
        raise AssertionInvalid("the assertion is not signed by a live key of the client") from None
    _check(claims, client_id, audiences, now.timestamp())
    return Verified(claims, key.kid)


def _chosen(keys: Sequence[ClientKey], header: Mapping[str, object]) -> ClientKey:
    named = [key for key in keys if key.kid == header.get("kid")] if "kid" in header else list(keys)
    fitting = [key for key in named if key.alg == header.get("alg")]
    # Without a name the only key of that kind is meant; of two, trying both would hide which one is in use.
    if len(fitting) != 1:
        raise AssertionInvalid("no live key of the client fits the assertion's header: name one by kid")
    return fitting[0]


def _check(claims: Assertion, client_id: str, audiences: Sequence[str], present: float) -> None:
    skew = CLOCK_SKEW.total_seconds()
    named = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if claims.iss != client_id or claims.sub != client_id:
        raise AssertionInvalid("iss and sub are the client's id")
    # One audience and no more: an assertion that is also good elsewhere could be brought from there.
    if len(named) != 1 or named[0] not in audiences:
        raise AssertionInvalid(f"aud is {audiences[0]}")
    if not claims.exp > present - skew:
        raise AssertionInvalid("the assertion has expired, or the clock that wrote it is behind")
    if not claims.exp <= present + LONGEST_LIFE.total_seconds() + skew:
        raise AssertionInvalid("exp is more than an hour ahead")
    if any(at is not None and not at <= present + skew for at in (claims.iat, claims.nbf)):
        raise AssertionInvalid("the assertion begins in the future, or the clock that wrote it is ahead")
    if not (1 <= len(claims.jti) <= _MOST_JTI and claims.jti.isascii() and claims.jti.isprintable()):
        raise AssertionInvalid("jti has 1 to 200 printable ASCII characters")


def _public_key(alg: Alg, x: bytes, y: bytes = b"") -> _PublicKey:
    if alg == "EdDSA":
        return Ed25519PublicKey.from_public_bytes(x)
    return EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), SECP256R1()).public_key()


def _coordinate(jwk: Mapping[str, object], name: str) -> bytes:
    text = jwk.get(name)
    if not isinstance(text, str):
        raise KeyInvalid(f"{name} is missing")
    data = base64.urlsafe_b64decode(text.encode("ascii", "strict") + b"=" * (-len(text) % 4))
    if len(data) != _COORDINATE:
        raise KeyInvalid(f"{name} has 32 bytes")
    return data


def _thumbprint(members: Mapping[str, object]) -> str:
    canonical = json.dumps(dict(sorted(members.items())), separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()

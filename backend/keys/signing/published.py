"""Public keys as everybody gets them: a JSON Web Key Set (RFC 7517, RFC 8037). Pure."""

import base64
import binascii
from collections.abc import Iterable
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

__all__ = ["KeySet", "KeySetInvalid", "PublicKey", "publish", "read_key_set"]


class KeySetInvalid(ValueError):
    """The text is no key set; the message says why."""


class PublicKey(msgspec.Struct, frozen=True):
    """An Ed25519 public key as a JSON Web Key; ``x`` is base64url of its 32 bytes without padding."""

    kid: str
    x: str
    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"
    use: Literal["sig"] = "sig"
    alg: Literal["EdDSA"] = "EdDSA"


class KeySet(msgspec.Struct, frozen=True):
    """Every key that ever signed, the current one first: what was signed is checked years later."""

    keys: tuple[PublicKey, ...]


def publish(keys: Iterable[tuple[str, bytes]]) -> KeySet:
    """Ids and raw public keys (32 bytes) as a key set."""
    return KeySet(
        tuple(
            PublicKey(kid=kid, x=base64.urlsafe_b64encode(public).rstrip(b"=").decode("ascii")) for kid, public in keys
        )
    )


def read_key_set(data: bytes) -> dict[str, Ed25519PublicKey]:
    """Public keys by id, out of a key set's JSON.

    Raises:
        KeySetInvalid: it is none.
    """
    try:
        found = msgspec.json.decode(data, type=KeySet)
        return {
            key.kid: Ed25519PublicKey.from_public_bytes(base64.b64decode(key.x + "=", altchars=b"-_", validate=True))
            for key in found.keys
        }
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise KeySetInvalid(str(error)) from None

"""Signing a certificate and checking one. Pure."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from backend.keys.service import SigningKey
from backend.keys.signing.published import KeySet, KeySetInvalid, publish, read_key_set
from backend.privacy.certificates.errors import CertificateRefused
from backend.privacy.certificates.schemas import (
    FORMAT,
    Certificate,
    Signature,
    SignedCertificate,
)

__all__ = ["canonical", "public_keys", "read_keys", "sign", "verify"]

_CHANGED = "the signature does not fit: it was changed after it was signed"
# Before what is signed, so that a signature over a certificate is one over nothing else.
_DOMAIN = f"{FORMAT}\n".encode()


def canonical(certificate: Certificate) -> bytes:
    """The one text that stands for a certificate: JSON, members sorted by name, no blanks, UTF-8."""
    return msgspec.json.encode(certificate, order="sorted")


def sign(certificate: Certificate, key: SigningKey) -> bytes:
    """The certificate with its signature, as JSON ready to be handed out."""
    value = _base64(key.private.sign(_DOMAIN + canonical(certificate)))
    signed = SignedCertificate(certificate, Signature(algorithm="EdDSA", kid=key.kid, value=value))
    return msgspec.json.encode(signed, order="sorted")


def verify(data: bytes, keys: Mapping[str, Ed25519PublicKey]) -> Certificate:
    """The certificate in a file, if one of these keys signed exactly this.

    Args:
        data: JSON, however it is indented.
        keys: public keys by id, from somebody who is trusted; never from the file.

    Raises:
        CertificateRefused: it is none, was changed, or was signed by another key.
    """
    try:
        # Twice the same member: one reader would see the first, the signature might cover the last.
        shown = json.loads(data, object_pairs_hook=_once)
        signed = msgspec.json.decode(data, type=SignedCertificate)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise CertificateRefused(f"this is no erasure certificate: {error}") from None
    key = keys.get(signed.signature.kid)
    if key is None:
        raise CertificateRefused(
            f"it was signed with the key {signed.signature.kid!r}, which is none of the keys given"
        )
    try:
        value = base64.b64decode(signed.signature.value + "==", altchars=b"-_", validate=True)
        key.verify(value, _DOMAIN + canonical(signed.certificate))
    except (InvalidSignature, binascii.Error, ValueError):
        raise CertificateRefused(_CHANGED) from None
    # The last character of a signature has bits to spare, and a time can be written in more ways than one: what people
    # read is exactly what was signed.
    if _base64(value) != signed.signature.value or shown["certificate"] != json.loads(canonical(signed.certificate)):
        raise CertificateRefused(_CHANGED)
    return signed.certificate


def public_keys(keys: tuple[SigningKey, ...]) -> KeySet:
    """The public halves, to be shown to everybody."""
    return publish((key.kid, key.public_key) for key in keys)


def read_keys(data: bytes) -> dict[str, Ed25519PublicKey]:
    """Public keys out of a key set.

    Raises:
        CertificateRefused: it is none.
    """
    try:
        return read_key_set(data)
    except KeySetInvalid as error:
        raise CertificateRefused(f"these are no certificate keys: {error}") from None


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands in it twice")
    return found

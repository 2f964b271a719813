"""Small files sealed under the gate's own key, each for one purpose."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from gate_sdk.errors import DeviceKeyUnreadableError

__all__ = ["open_sealed", "seal"]

_NONCE_BYTES = 12


def seal(key: bytes, content: bytes, purpose: bytes) -> bytes:
    """Encrypt ``content`` under the 32 bytes of ``key``; the purpose is authenticated with it."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + ChaCha20Poly1305(key).encrypt(nonce, content, purpose)


def open_sealed(key: bytes | None, sealed: bytes, purpose: bytes) -> bytes:
    """Decrypt what :func:`seal` made for the same purpose.

    Raises:
        DeviceKeyUnreadableError: no key, another key, or the bytes were changed or cut off.
    """
    if key is None:
        raise DeviceKeyUnreadableError("the key provider has no key named 'device'")
    try:
        return ChaCha20Poly1305(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose)
    except (InvalidTag, ValueError):
        raise DeviceKeyUnreadableError from None

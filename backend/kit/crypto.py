"""Sealing, random tokens and keyed hashes, over the cryptography package."""

import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["KEY_BYTES", "SealBroken", "keyed_hash", "new_code", "new_key", "new_token", "open_sealed", "seal"]

KEY_BYTES = 32
_NONCE_BYTES = 12
# Without I, L, O, U, 0 and 1: read out over the telephone, typed with cold fingers.
_CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


class SealBroken(Exception):
    """The ciphertext was changed, belongs elsewhere, or the key is another one."""


def new_key() -> bytes:
    """A random AES-256 key, 32 bytes."""
    return AESGCM.generate_key(bit_length=256)


def seal(key: bytes, plaintext: bytes, *, bound_to: str) -> bytes:
    """Encrypt with AES-256-GCM: 12 bytes nonce, ciphertext, 16 bytes tag.

    Args:
        key: 32 bytes.
        plaintext: what to hide.
        bound_to: associated data, such as "photo/<person>/<object>/1"; opening needs the same, so that a ciphertext
            cannot be moved to another person, object or version.
    """
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, bound_to.encode())


def open_sealed(key: bytes, sealed: bytes, *, bound_to: str) -> bytes:
    """Decrypt what :func:`seal` made.

    Raises:
        SealBroken: another key, another ``bound_to``, or changed bytes.
    """
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to.encode())
    except (InvalidTag, ValueError):
        raise SealBroken from None


def new_token() -> str:
    """A random URL-safe token of 256 bits, 43 characters."""
    return secrets.token_urlsafe(32)


def new_code(groups: int = 3, size: int = 4) -> str:
    """A code for people, such as ``7KQ2-MX9R-V4TB``: 4.9 bits a character, 58 bits for the default form."""
    return "-".join("".join(secrets.choice(_CODE_ALPHABET) for _ in range(size)) for _ in range(groups))


def keyed_hash(pepper: bytes, purpose: str, value: str) -> bytes:
    """HMAC-SHA-256 of a secret that must be found again, such as a code or a token; 32 bytes.

    Keyed, because codes and phone numbers are few enough to be guessed from a leaked table of plain hashes.
    """
    return hmac.new(pepper, f"{purpose}\0{value}".encode(), hashlib.sha256).digest()

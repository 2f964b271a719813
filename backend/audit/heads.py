"""Signed heads of chains: where a chain ended on a day, under a key that the database has not. Pure.

A chain alone shows one entry that was changed, removed or inserted. Whoever can write to the whole database could
compute all of it anew; then it ends in another hash than the one that was signed on the day.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta

from backend.keys.service import SigningKey

__all__ = [
    "FORMAT",
    "Head",
    "HeadSignature",
    "HeadsUnreadable",
    "SignedHead",
    "head_of",
    "is_genuine",
    "read_heads",
    "sign_head",
]

Format = Literal["doorward-audit-head/1"]
FORMAT: Format = "doorward-audit-head/1"
# Before what is signed, so that a signature over a head is one over nothing else.
_DOMAIN = f"{FORMAT}\n".encode()
_SIGNATURE_BYTES = 64


class HeadsUnreadable(ValueError):
    """The text holds no signed heads; the message says where."""


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last entry of a chain on a day (in UTC): its number and its hash, 64 hexadecimal digits.

    ``chain`` is the community's id, or the zero UUID for the platform's own chain.
    """

    format: Format
    chain: UUID
    day: date
    seq: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    hash: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    signed_at: datetime


class HeadSignature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ed25519 over the head's canonical JSON; ``value`` is base64url without padding, 86 characters."""

    algorithm: Literal["EdDSA"]
    kid: str
    value: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{86}$")]


class SignedHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A head as it is handed out."""

    head: Head
    signature: HeadSignature

    @classmethod
    def of(cls, head: Head, *, kid: str, signature: bytes) -> "SignedHead":
        """From a head and the 64 bytes that sign it."""
        value = base64.urlsafe_b64encode(signature).rstrip(b"=").decode("ascii")
        return cls(head, HeadSignature(algorithm="EdDSA", kid=kid, value=value))


class _Listed(msgspec.Struct, frozen=True):
    checkpoints: tuple[SignedHead, ...]


def head_of(chain: UUID, *, day: date, seq: int, hash_: bytes, signed_at: datetime) -> Head:
    """A head out of its parts; ``hash_`` 32 bytes."""
    return Head(FORMAT, chain, day, seq, hash_.hex(), signed_at.astimezone(UTC))


def sign_head(head: Head, key: SigningKey) -> bytes:
    """The signature, 64 bytes."""
    return key.private.sign(_DOMAIN + _canonical(head))


def is_genuine(signed: SignedHead, keys: Mapping[str, Ed25519PublicKey]) -> bool:
    """Whether one of these keys signed exactly this head."""
    key = keys.get(signed.signature.kid)
    if key is None:
        return False
    value = base64.b64decode(signed.signature.value + "==", altchars=b"-_")
    try:
        key.verify(value, _DOMAIN + _canonical(signed.head))
    except InvalidSignature:
        return False
    return len(value) == _SIGNATURE_BYTES


def read_heads(data: bytes) -> list[SignedHead]:
    """Signed heads out of a file: one in each line, or an answer of the API's list.

    Raises:
        HeadsUnreadable: it is neither.
    """
    text = data.strip()
    try:
        return list(msgspec.json.decode(text, type=_Listed).checkpoints)
    except msgspec.DecodeError:
        pass
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            found.append(msgspec.json.decode(line, type=SignedHead))
        except msgspec.DecodeError as error:
            raise HeadsUnreadable(f"line {number} is no signed head: {error}") from None
    return found


def _canonical(head: Head) -> bytes:
    """The one text that stands for a head: JSON, members sorted by name, no blanks, UTF-8."""
    return msgspec.json.encode(head, order="sorted")

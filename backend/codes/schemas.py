"""Requests and responses about codes. Bytes are base64."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.codes.repository import KeyRow

__all__ = ["Challenge", "NewPhone", "Phone", "PhoneList", "Place", "PlaceList"]

Label = Annotated[str, Meta(min_length=1, max_length=60, description="What the owner calls the phone")]
PublicKey = Annotated[bytes, Meta(min_length=32, max_length=128)]
Opaque = Annotated[bytes, Meta(min_length=1, max_length=128)]


class Challenge(msgspec.Struct, frozen=True):
    """What the phone signs, and by when; ``now_us`` is the server's time, for a phone whose own clock is off."""

    challenge: bytes
    expires_at: datetime
    now_us: int


class NewPhone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A phone's public key, and its signature over the statement that docs/codes.md gives."""

    label: Label
    public_key: PublicKey
    challenge: Opaque
    proof: Opaque


class Phone(msgspec.Struct, frozen=True):
    """A registered phone; ``key_id`` is 16 hexadecimal digits."""

    key_id: str
    label: str
    created_at: datetime

    @classmethod
    def of(cls, row: KeyRow) -> "Phone":
        """From the database's row."""
        return cls(key_id=row.key_id.hex(), label=row.label, created_at=row.created_at)


class PhoneList(msgspec.Struct, frozen=True):
    """The caller's phones in one community, and the server's time."""

    community_id: UUID
    phones: tuple[Phone, ...]
    now_us: int


class Place(msgspec.Struct, frozen=True):
    """A community in which somebody may show a code."""

    community_id: UUID
    name: str


class PlaceList(msgspec.Struct, frozen=True):
    """Where the caller may show a code, by name."""

    communities: tuple[Place, ...]

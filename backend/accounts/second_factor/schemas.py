"""Requests and responses about the second factor."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["Code", "Elevated", "Enrolled", "Offer", "RecoveryCodes", "Reset", "SecondFactor"]

# Blanks and hyphens as people type them; letters where it is a recovery code.
TypedCode = Annotated[str, Meta(min_length=6, max_length=24, pattern="^[0-9A-Za-z -]+$")]


class SecondFactor(msgspec.Struct, frozen=True):
    """One's own second factor. ``elevated_until`` is null where it was not given in this session lately."""

    active: bool
    recovery_codes_left: int
    elevated_until: datetime | None


class Offer(msgspec.Struct, frozen=True):
    """A secret to be taken up by an authenticator, shown this once: the QR code's text, and the secret to be typed.

    In force once a code of it came back; ``expires_in`` in seconds.
    """

    otpauth_uri: str
    secret: str
    expires_in: int


class Code(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Six digits of the authenticator, or a recovery code."""

    code: TypedCode


class Enrolled(msgspec.Struct, frozen=True):
    """The second factor is in force. ``recovery_codes`` are shown this once; each is good for one time."""

    recovery_codes: tuple[str, ...]
    elevated_until: datetime


class Elevated(msgspec.Struct, frozen=True):
    """Until when this session may do what needs a second factor."""

    elevated_until: datetime


class RecoveryCodes(msgspec.Struct, frozen=True):
    """New recovery codes, shown this once; the ones before are void."""

    recovery_codes: tuple[str, ...]


class Reset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why somebody's second factor is taken off; goes into the audit trail, so no names."""

    reason: Annotated[str, Meta(min_length=1, max_length=500)]

"""Requests and responses about log-in and oneself."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.kit.auth import ACCESS_TTL

__all__ = [
    "Challenge",
    "Login",
    "LoginCode",
    "Me",
    "MeChange",
    "Name",
    "NumberMove",
    "Phone",
    "Refresh",
    "TokenPair",
]

Phone = Annotated[str, Meta(min_length=3, max_length=32, description="With country code, or national for China")]
Language = Literal["zh-CN", "en"]
Name = Annotated[str, Meta(min_length=1, max_length=200)]


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask for a code. ``language`` is the message's; else it follows Accept-Language, else what its owner chose."""

    phone: Phone
    language: Language | None = None


class Challenge(msgspec.Struct, frozen=True):
    """A code was asked for. ``expires_in`` in seconds. The same answer whether or not the number is known."""

    challenge_id: str
    expires_in: int


class LoginCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The code that arrived."""

    challenge_id: Annotated[str, Meta(min_length=1, max_length=200, pattern="^[A-Za-z0-9_-]+$")]
    code: Annotated[str, Meta(pattern="^[0-9]{6}$")]


class Refresh(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The refresh token, good for one exchange."""

    refresh_token: Annotated[str, Meta(min_length=20, max_length=100, pattern="^[A-Za-z0-9_-]+$")]


class TokenPair(msgspec.Struct, frozen=True):
    """An access token, its life in seconds, and the refresh token that replaces the one before."""

    access_token: str
    refresh_token: str
    expires_in: int = int(ACCESS_TTL.total_seconds())
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the scheme's name in RFC 6750, no password


class NumberMove(msgspec.Struct, frozen=True):
    """An office was asked to move the account to another number, of which these are the last two digits, ``at`` then.

    Until then whoever is logged in can call it off (DELETE /me/number).
    """

    at: datetime
    ends_in: str


class Me(msgspec.Struct, frozen=True):
    """The person who is logged in. ``name`` is null until he gives it."""

    person_id: UUID
    name: str | None
    language: Language
    phone: str
    number_move: NumberMove | None = None


class MeChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to change; what is absent stays."""

    name: Name | None = None
    language: Language | None = None

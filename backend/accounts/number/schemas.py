"""Requests and responses about changing one's number."""

from typing import Annotated

import msgspec
from msgspec import Meta

from backend.accounts.schemas import Phone

__all__ = ["NewNumber", "NumberChallenges", "NumberCodes"]

ChallengeId = Annotated[str, Meta(min_length=1, max_length=200, pattern="^[A-Za-z0-9_-]+$")]
SixDigits = Annotated[str, Meta(pattern="^[0-9]{6}$")]


class NewNumber(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The number that the account is to have."""

    phone: Phone


class NumberChallenges(msgspec.Struct, frozen=True):
    """A code was sent to each of the two numbers. ``expires_in`` in seconds."""

    current_challenge_id: str
    new_challenge_id: str
    expires_in: int


class NumberCodes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The code that each of the two numbers got."""

    current_challenge_id: ChallengeId
    current_code: SixDigits
    new_challenge_id: ChallengeId
    new_code: SixDigits

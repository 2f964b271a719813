"""Requests and responses about members' lost numbers."""

from datetime import datetime

import msgspec

from backend.accounts.schemas import Phone

__all__ = ["NumberAtDesk", "NumberPlanned", "Seen"]


class NumberAtDesk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The number that the member's account is to have."""

    phone: Phone


class NumberPlanned(msgspec.Struct, frozen=True):
    """When the account moves, unless it is called off before."""

    moves_at: datetime


class Seen(msgspec.Struct, frozen=True):
    """Until when a code sent to the number opens the account."""

    seen_until: datetime

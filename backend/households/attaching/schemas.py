"""Requests about a member's account."""

import msgspec

from backend.accounts.schemas import Phone

__all__ = ["NumberOfMember"]


class NumberOfMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The number that the member has now."""

    phone: Phone

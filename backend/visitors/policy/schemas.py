"""Requests and responses about what a community allows about guests."""

from typing import Annotated

import msgspec
from msgspec import Meta

from backend.visitors.policy.repository import PolicyRow

__all__ = ["GuestPolicy"]

Open = Annotated[int, Meta(ge=1, le=100, description="Passes of one home that are not over")]
HomeDays = Annotated[int, Meta(ge=1, le=366, description="Days of guests of one home, in the last 90 days and ahead")]
OneGuest = Annotated[int, Meta(ge=1, le=366, description="The same of one guest of the home")]

Grace = Annotated[int, Meta(ge=1, le=24, description="Hours after which a guest's face is erased that no pass needs")]


class GuestPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What homes may ask for, and whether they must name a guest's telephone number."""

    open_passes: Open
    home_days: HomeDays
    guest_days: OneGuest
    phone_required: bool = False
    grace_hours: Grace = 24

    @classmethod
    def of(cls, row: PolicyRow) -> "GuestPolicy":
        """From the database's row."""
        return cls(row.open_passes, row.home_days, row.guest_days, row.phone_required, row.grace_hours)

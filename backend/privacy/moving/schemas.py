"""Requests and responses about households that move."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.privacy.schemas import Started

__all__ = ["PlannedEnd", "Transfer", "Transferred"]

Time = Annotated[datetime, Meta(tz=True)]


class PlannedEnd(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a tenancy is to end; None withdraws a planned end, and it goes on."""

    ends_at: Time | None


class Transfer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a household moves; ``community_id`` where that is another community of the authority's."""

    home_id: UUID
    community_id: UUID | None = None


class Transferred(msgspec.Struct, frozen=True):
    """Where the household lives now.

    Attributes:
        community_id: the community.
        tenancy_id: the same as before within a community, a new one in another.
        home_id: the home.
        invited: members who have to join anew with a code: who had not joined, and minors in another community.
        faces: how many are known by face to the new community's gates already; the others go by QR code until then.
        erasures: what the community that was left forgets.
    """

    community_id: UUID
    tenancy_id: UUID
    home_id: UUID
    invited: int
    faces: int
    erasures: tuple[Started, ...]

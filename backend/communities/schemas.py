"""Requests and responses about communities."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.communities.repository import CapturePolicy, CommunityRow

__all__ = ["Community", "CommunityChange", "CommunityList", "NewCommunity"]

Name = Annotated[str, Meta(min_length=1, max_length=200)]
TimeZone = Annotated[str, Meta(min_length=1, max_length=64, pattern="^[A-Za-z0-9_+/-]+$", description="IANA name")]
Handler = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=300,
        description="Who processes its people's data (PIPL art. 17, GDPR art. 13): name and contact, as people read it",
    ),
]
StandingLease = Annotated[int, Meta(ge=60, le=604800, description="Seconds")]
VisitingLease = Annotated[int, Meta(ge=60, le=86400, description="Seconds")]


class NewCommunity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A community to be created."""

    name: Name
    time_zone: TimeZone = "Asia/Shanghai"
    capture_policy: CapturePolicy = "guided"
    handler: Handler | None = None


class CommunityChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to change; what is absent stays."""

    name: Name | None = None
    time_zone: TimeZone | None = None
    capture_policy: CapturePolicy | None = None
    standing_lease_s: StandingLease | None = None
    visiting_lease_s: VisitingLease | None = None
    handler: Handler | None = None


class Community(msgspec.Struct, frozen=True):
    """A community as its staff see it."""

    community_id: UUID
    name: str
    time_zone: str
    capture_policy: CapturePolicy
    fpir: float
    standing_lease_s: int
    visiting_lease_s: int
    handler: str | None

    @classmethod
    def of(cls, row: CommunityRow) -> "Community":
        """From the database's row."""
        return cls(
            community_id=row.community_id,
            name=row.name,
            time_zone=row.time_zone,
            capture_policy=row.capture_policy,
            fpir=row.fpir,
            standing_lease_s=row.standing_lease_s,
            visiting_lease_s=row.visiting_lease_s,
            handler=row.handler,
        )


class CommunityList(msgspec.Struct, frozen=True):
    """A page of communities by name."""

    communities: tuple[Community, ...]
    next_cursor: str | None

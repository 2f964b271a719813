"""Request and response of becoming one person."""

from typing import Annotated

import msgspec
from msgspec import Meta

from backend.couriers.employments.schemas import Employer

__all__ = ["CourierJoined", "JoinCourier"]


class JoinCourier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The refresh token of the session that a company's link began on this phone."""

    refresh_token: Annotated[str, Meta(min_length=1, max_length=200)]


class CourierJoined(msgspec.Struct, frozen=True):
    """The caller's companies as a courier.

    ``certificate_link`` is where he reads that what was kept of the courier apart from him is erased, where anything
    was. The link's session shows its new access by renewing it.
    """

    companies: tuple[Employer, ...]
    certificate_link: str | None = None

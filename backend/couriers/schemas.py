"""What an authority sets about couriers."""

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["CourierFaces"]


class CourierFaces(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Days that a courier's face is kept for after the last company that named him."""

    days: Annotated[int, Meta(ge=1, le=30)]

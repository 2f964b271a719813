"""Requests about register numbers."""

from typing import Annotated

import msgspec
from msgspec import Meta

from backend.households.homes.schemas import TEXT

__all__ = ["RegisterNumber"]

Number = Annotated[
    str, Meta(min_length=1, max_length=64, pattern=TEXT, description="As the authority's register has it")
]


class RegisterNumber(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the authority's register calls a tenancy or somebody in it; null takes the number away."""

    register_number: Number | None

"""Requests and responses about lists of codes."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

__all__ = ["CodeList", "CodeWanted", "PrintedCode"]


class CodeWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For whom: invited members of a community, or of one of its buildings.

    ``renew`` also replaces codes that are still good, for a list that was lost; else only who has none gets one.
    """

    building_id: UUID | None = None
    renew: bool = False
    after: UUID | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 500


class PrintedCode(msgspec.Struct, frozen=True):
    """A slip of the list: where it is handed in, to whom, and the code."""

    building: str
    unit: str
    home: str
    name: str
    relation: str
    member_id: UUID
    activation_code: str


class CodeList(msgspec.Struct, frozen=True):
    """Codes that are shown this once; ``after`` where more wait, to be sent with the next request."""

    codes: tuple[PrintedCode, ...]
    expires_at: datetime
    after: UUID | None

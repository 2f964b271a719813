"""Requests and responses about pictures of denied approaches."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from backend.communities.frames.repository import FramePolicyRow, FramePurpose
from backend.communities.frames.texts import supplement

__all__ = ["MOST_DAYS", "FramePolicy", "NewFramePolicy"]

Hours = Annotated[int, Meta(ge=1, le=24, description="How long each picture is kept")]
#: As the text says that people are asked to agree to.
MOST_DAYS = 90
Days = Annotated[int, Meta(ge=1, le=MOST_DAYS, description="After how many days this ends by itself")]


class NewFramePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What pictures of denied approaches are to be kept for, and how long."""

    purpose: FramePurpose
    hours: Hours
    days: Days = 30


class FramePolicy(msgspec.Struct, frozen=True):
    """What is turned on, and what people read about it."""

    purpose: FramePurpose
    hours: int
    set_at: datetime
    ends_at: datetime
    text_zh: str
    text_en: str

    @classmethod
    def of(cls, row: FramePolicyRow) -> "FramePolicy":
        """From the database's row."""
        return cls(
            purpose=row.purpose,
            hours=row.hours,
            set_at=row.set_at,
            ends_at=row.ends_at,
            text_zh=supplement(row, language="zh-CN"),
            text_en=supplement(row, language="en"),
        )

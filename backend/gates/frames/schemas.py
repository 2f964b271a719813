"""Responses about pictures of denied approaches."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.gates.frames.repository import FrameRow

__all__ = ["Frame", "FrameKey", "FrameList"]


class FrameKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of pictures ends."""

    taken_at: Annotated[datetime, Meta(tz=True)]
    frame_id: UUID


class Frame(msgspec.Struct, frozen=True):
    """A picture that can be looked at until ``expires_at``. ``reason`` is why the approach was denied."""

    frame_id: UUID
    gate_id: UUID
    reason: str
    taken_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, row: FrameRow) -> "Frame":
        """From the database's row."""
        return cls(row.frame_id, row.gate_id, row.reason, row.taken_at, row.expires_at)


class FrameList(msgspec.Struct, frozen=True):
    """Pictures, the newest first; ``next_cursor`` continues where there are more."""

    frames: tuple[Frame, ...]
    next_cursor: str | None

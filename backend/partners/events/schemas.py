"""Events as companies read them, and as webhooks carry them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.partners.events.kinds import EventKind
from backend.partners.events.repository import EventRow

__all__ = ["Event", "EventData", "EventKey", "EventList"]


class EventKey(msgspec.Struct, frozen=True, array_like=True):
    """How far a company has read."""

    seq: Annotated[int, Meta(ge=0, le=2**63 - 1)]


class EventData(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happened, as far as its kind has it.

    ``worker_id`` is the company's own; ``outcome`` is what the gate decided ("allow", "deny", ...); ``reason`` is why
    somebody was suspended, as a category: "safety", "conduct", "rules", "identity" or "other".
    """

    worker_id: str | None = None
    community_id: UUID | None = None
    gate_id: UUID | None = None
    gate: str | None = None
    outcome: str | None = None
    reason: str | None = None
    endpoint_id: UUID | None = None


class Event(msgspec.Struct, frozen=True):
    """Something that happened: of which type and when. ``seq`` counts a company's events, without gaps."""

    id: UUID
    seq: int
    type: EventKind
    timestamp: datetime
    data: EventData

    @classmethod
    def of(cls, row: EventRow) -> "Event":
        """From the database's row."""
        return cls(
            id=row.event_id,
            seq=row.seq,
            type=EventKind(row.kind),
            timestamp=row.at,
            data=EventData(
                worker_id=row.worker_id,
                community_id=row.about_community_id,
                gate_id=row.gate_id,
                gate=row.gate_name,
                outcome=row.outcome,
                reason=row.reason,
                endpoint_id=row.endpoint_id,
            ),
        )


class EventList(msgspec.Struct, frozen=True):
    """Events in their order. Go on from ``next_cursor`` whether there is ``more`` now or later."""

    events: tuple[Event, ...]
    next_cursor: str | None
    more: bool

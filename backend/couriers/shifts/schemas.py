"""Requests and responses about shifts."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.couriers.references import WorkerId
from backend.couriers.rules import GrantedState, state_of
from backend.couriers.shifts.repository import ShiftRow
from backend.kit.windows import Moment

__all__ = [
    "NewShift",
    "Shift",
]


class NewShift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A worker at a community for one window of at most 16 hours."""

    worker_id: WorkerId
    community_id: UUID
    starts_at: Moment
    ends_at: Moment


class Shift(msgspec.Struct, frozen=True):
    """A shift; ``granted`` once the courier said yes to the company."""

    shift_id: UUID
    worker_id: str
    community_id: UUID
    starts_at: datetime
    ends_at: datetime
    state: GrantedState

    @classmethod
    def of(cls, row: ShiftRow, now: datetime) -> "Shift":
        """From the database's row."""
        return cls(
            shift_id=row.shift_id,
            worker_id=row.worker_id,
            community_id=row.community_id,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            state=state_of(row, until=row.ends_at, now=now),
        )

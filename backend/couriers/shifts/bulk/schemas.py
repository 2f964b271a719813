"""Lines that assert shifts, and their answers."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.couriers.bulk.answering import LastLine
from backend.couriers.references import WorkerId
from backend.couriers.rules import GrantedState
from backend.kit.problems import ProblemDetails
from backend.kit.windows import Moment

__all__ = ["BulkShift", "ShiftLine", "ShiftThere", "ShiftsAsserted"]


class BulkShift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A worker at one or more communities for one window of at most 16 hours."""

    worker_id: WorkerId
    community_ids: Annotated[list[UUID], Meta(min_length=1, max_length=100)]
    starts_at: Moment
    ends_at: Moment


class ShiftThere(msgspec.Struct, frozen=True):
    """A line's shift at one of its communities; ``granted`` once the courier said yes to the company."""

    community_id: UUID
    shift_id: UUID
    state: GrantedState


class ShiftsAsserted(msgspec.Struct, frozen=True):
    """A line that was done at all its communities."""

    shifts: tuple[ShiftThere, ...]


class ShiftLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to the line of this number: its shifts, or the problem.

    A line is checked before any of it is done. Where the company is suspended at a community, or the worker named no
    longer, in that very moment, its other communities may have been done; sending it again says so.
    """

    line: int | None = None
    shifts: tuple[ShiftThere, ...] = ()
    problem: ProblemDetails | None = None
    end: LastLine | None = None

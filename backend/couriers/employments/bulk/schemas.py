"""Lines that name workers, and their answers."""

from typing import Literal

import msgspec

from backend.couriers.bulk.answering import LastLine
from backend.couriers.employments.schemas import Name, Phone
from backend.couriers.references import WorkerId
from backend.couriers.rules import CourierState
from backend.kit.problems import ProblemDetails

__all__ = ["BulkCourier", "CourierLine", "CourierNamed"]


class BulkCourier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A worker and his telephone number; the link goes there and to nobody else."""

    worker_id: WorkerId
    phone: Phone
    name: Name | None = None
    language: Literal["zh-CN", "en"] = "zh-CN"


class CourierNamed(msgspec.Struct, frozen=True):
    """A line that was done: whether the worker has said yes to this company, nothing else."""

    worker_id: str
    state: CourierState


class CourierLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to the line of this number: the worker's state, or the problem; or the last line."""

    line: int | None = None
    worker_id: str | None = None
    state: CourierState | None = None
    problem: ProblemDetails | None = None
    end: LastLine | None = None

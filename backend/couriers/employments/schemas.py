"""Requests and responses about workers."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.couriers.employments.repository import EmploymentRow
from backend.couriers.rules import CourierState, state_of_worker

__all__ = [
    "Courier",
    "Employer",
    "EmployerList",
    "PutCourier",
]

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Phone = Annotated[str, Meta(min_length=3, max_length=40, description="With country code, or a Chinese number without")]


class PutCourier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A worker of the company. The link goes to this telephone number and to nobody else."""

    phone: Phone
    name: Name | None = None
    language: Literal["zh-CN", "en"] = "zh-CN"


class Courier(msgspec.Struct, frozen=True):
    """What a company is told of a worker: whether he said yes to this company, nothing else."""

    worker_id: str
    state: CourierState

    @classmethod
    def of(cls, row: EmploymentRow) -> "Courier":
        """From the database's row."""
        return cls(worker_id=row.worker_id, state=state_of_worker(row))


class Employer(msgspec.Struct, frozen=True):
    """A company that names this courier its worker."""

    partner_id: UUID
    company: str
    state: CourierState

    @classmethod
    def of(cls, row: EmploymentRow) -> "Employer":
        """From the database's row."""
        return cls(partner_id=row.partner_id, company=row.partner_name, state=state_of_worker(row))


class EmployerList(msgspec.Struct, frozen=True):
    """The companies that name this courier, by name."""

    companies: tuple[Employer, ...]

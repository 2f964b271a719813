"""Requests and responses about couriers, shifts and deliveries."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.couriers.deliveries import DeliveryRow
from backend.couriers.repository import EmploymentRow, ShiftRow
from backend.couriers.rules import CourierState, GrantedState, state_of, state_of_worker
from backend.kit.windows import Moment

__all__ = [
    "Assignment",
    "Courier",
    "Delivery",
    "DeliveryList",
    "Employer",
    "EmployerList",
    "ExpectDelivery",
    "ExpectedDelivery",
    "NewDelivery",
    "NewShift",
    "PutCourier",
    "Shift",
]

# What companies call their people and orders: printable, without blanks, so that it is safe in an address.
_REFERENCE = "^[A-Za-z0-9._~:@+-]+$"
WorkerId = Annotated[str, Meta(min_length=1, max_length=100, pattern=_REFERENCE)]
OrderRef = Annotated[str, Meta(min_length=1, max_length=100, pattern=_REFERENCE)]
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


class ExpectDelivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order that a home expects of a company."""

    partner_id: UUID
    order_ref: OrderRef
    valid_from: Moment
    valid_until: Moment


class ExpectedDelivery(msgspec.Struct, frozen=True):
    """A delivery as the home sees it: expected, or assigned to a courier, and then when."""

    delivery_id: UUID
    partner_id: UUID
    order_ref: str
    valid_from: datetime
    valid_until: datetime
    state: Literal["expected", "assigned"]
    courier_from: datetime | None
    courier_until: datetime | None

    @classmethod
    def of(cls, row: DeliveryRow) -> "ExpectedDelivery":
        """From the database's row."""
        return cls(
            delivery_id=row.delivery_id,
            partner_id=row.partner_id,
            order_ref=row.order_ref,
            valid_from=row.expected_from,
            valid_until=row.expected_until,
            state="expected" if row.worker_id is None else "assigned",
            courier_from=row.valid_from,
            courier_until=row.valid_until,
        )


class DeliveryList(msgspec.Struct, frozen=True):
    """What a home still expects, soonest first."""

    deliveries: tuple[ExpectedDelivery, ...]


class NewDelivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who brings an order and when, within at most 12 hours."""

    order_ref: OrderRef
    worker_id: WorkerId
    community_id: UUID
    valid_from: Moment
    valid_until: Moment


class Assignment(msgspec.Struct, frozen=True):
    """What of a company's window the recipient agrees to."""

    valid_from: datetime
    valid_until: datetime


class Delivery(msgspec.Struct, frozen=True):
    """A delivery as the company sees it: nothing about the recipient but the window they have in common."""

    delivery_id: UUID
    order_ref: str
    worker_id: str
    community_id: UUID
    agreed: Assignment
    state: GrantedState

    @classmethod
    def of(cls, row: DeliveryRow, now: datetime) -> "Delivery":
        """From the row of a delivery that somebody brings."""
        assert row.worker_id is not None
        assert row.valid_from is not None
        assert row.valid_until is not None
        return cls(
            delivery_id=row.delivery_id,
            order_ref=row.order_ref,
            worker_id=row.worker_id,
            community_id=row.community_id,
            agreed=Assignment(valid_from=row.valid_from, valid_until=row.valid_until),
            state=state_of(row, until=row.valid_until, now=now),
        )


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

"""Requests and responses about deliveries."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.couriers.deliveries.repository import DeliveryRow, Handover
from backend.couriers.references import OrderRef, WorkerId
from backend.couriers.rules import DeliveryState, state_of
from backend.kit.windows import Moment

__all__ = [
    "Assignment",
    "Delivery",
    "DeliveryList",
    "ExpectDelivery",
    "ExpectedDelivery",
    "HandOver",
    "HomeName",
    "NewDelivery",
]


DoorName = Annotated[str, Meta(min_length=1, max_length=100)]


class ExpectDelivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order that a home expects of a company; ``ask_first``: gates ask the home before they let its courier in."""

    partner_id: UUID
    order_ref: OrderRef
    valid_from: Moment
    valid_until: Moment
    handover: Handover = "door"
    ask_first: bool = False


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
    handover: Handover
    announced: bool
    ask_first: bool

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
            handover=row.handover,
            announced=row.host_person_id is not None,
            ask_first=row.ask_first,
        )


class DeliveryList(msgspec.Struct, frozen=True):
    """What a home still expects, soonest first."""

    deliveries: tuple[ExpectedDelivery, ...]


class HandOver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the recipient takes it: at his door, or left at the gate, and then nobody is let in for it."""

    handover: Handover


class HomeName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A home by the names that stand on its door."""

    building: DoorName
    home: DoorName
    unit: Annotated[str, Meta(max_length=100)] = ""


class NewDelivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who brings an order and when, within at most 12 hours.

    An order that no resident has announced needs its ``home``, and then lasts at most 4 hours.
    """

    order_ref: OrderRef
    worker_id: WorkerId
    community_id: UUID
    valid_from: Moment
    valid_until: Moment
    home: HomeName | None = None


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
    state: DeliveryState

    @classmethod
    def of(cls, row: DeliveryRow, now: datetime) -> "Delivery":
        """From the row of a delivery that somebody brings."""
        assert row.worker_id is not None
        assert row.valid_from is not None
        assert row.valid_until is not None
        state = state_of(row, until=row.valid_until, now=now)
        return cls(
            delivery_id=row.delivery_id,
            order_ref=row.order_ref,
            worker_id=row.worker_id,
            community_id=row.community_id,
            agreed=Assignment(valid_from=row.valid_from, valid_until=row.valid_until),
            state="at_the_gate" if row.handover == "gate" and state == "waiting" else state,
        )

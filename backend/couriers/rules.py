"""What decides about couriers, as data and pure functions."""

from datetime import datetime, timedelta
from typing import Literal, Protocol

from backend.kit.windows import WindowEmpty, WindowOver, WindowTooFar, WindowTooLong

__all__ = [
    "DELIVERY_AHEAD",
    "DELIVERY_LONGEST",
    "EXPECTED_LONGEST",
    "LINK_LIFE",
    "OPEN_DELIVERIES_PER_HOME",
    "RESEND_AFTER",
    "SESSION_LIFE",
    "SHIFT_AHEAD",
    "SHIFT_LONGEST",
    "UNANNOUNCED_LONGEST",
    "WINDOW_REFUSALS",
    "CourierState",
    "DeliveryState",
    "GrantedState",
    "intersection",
    "state_of",
    "state_of_worker",
]

#: Why a window may not be asked for.
WINDOW_REFUSALS = (WindowEmpty, WindowOver, WindowTooLong, WindowTooFar)
# A day's work with its overtime; a template is on a gate for no longer than that.
SHIFT_LONGEST = timedelta(hours=16)
SHIFT_AHEAD = timedelta(days=30)
# A resident knows the day or the week-end; who brings it is at the gate for an hour or two of it.
EXPECTED_LONGEST = timedelta(days=3)
DELIVERY_LONGEST = timedelta(hours=12)
# On the company's word alone, while the household may not have looked at its list.
UNANNOUNCED_LONGEST = timedelta(hours=4)
DELIVERY_AHEAD = timedelta(days=30)
OPEN_DELIVERIES_PER_HOME = 20
# A courier has a week to open his link, and once he has said yes half a year from the phone that he said it on.
LINK_LIFE = timedelta(days=7)
SESSION_LIFE = timedelta(days=180)
# Repeating a PUT writes to the courier at most this often, whatever a company's retries do.
RESEND_AFTER = timedelta(hours=1)

# All that a company is told of a worker: not whether he is enrolled, nor what other companies say.
CourierState = Literal["pending", "active", "suspended"]
GrantedState = Literal["waiting", "granted", "ended"]
DeliveryState = Literal["waiting", "granted", "at_the_gate", "ended"]


class _Employment(Protocol):
    @property
    def accepted_at(self) -> datetime | None: ...
    @property
    def left_at(self) -> datetime | None: ...


class _Granted(Protocol):
    @property
    def subject_id(self) -> object | None: ...
    @property
    def ended_at(self) -> datetime | None: ...
    @property
    def simulated(self) -> bool: ...


def state_of_worker(employment: _Employment) -> CourierState:
    """What the company sees: active only after this courier said yes to this company."""
    if employment.accepted_at is not None:
        return "active"
    return "pending" if employment.left_at is None else "suspended"


def state_of(row: _Granted, *, until: datetime, now: datetime) -> GrantedState:
    """Whether a shift or a delivery opens gates: it waits for the courier's yes, and then until it is over."""
    if row.ended_at is not None or until <= now:
        return "ended"
    return "granted" if row.subject_id is not None or row.simulated else "waiting"


def intersection(one: tuple[datetime, datetime], other: tuple[datetime, datetime]) -> tuple[datetime, datetime] | None:
    """What two windows have in common, or ``None``."""
    begin, until = max(one[0], other[0]), min(one[1], other[1])
    return (begin, until) if begin < until else None

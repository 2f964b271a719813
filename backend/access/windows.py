"""When a grant stands in the roster, as against when it opens the gate. Pure."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from backend.access.errors import WindowInvalid
from gate_sdk.wire import GrantKind

__all__ = ["COURIER_MARGIN", "GUEST_LEAD", "GrantState", "Presence", "Window", "present", "state_at"]

# A gate that lost its network overnight still knows the guest of the day.
GUEST_LEAD = timedelta(hours=24)
# A courier's template rests on a gate for his shift and no longer; ten minutes are room for one poll and a slow clock.
COURIER_MARGIN = timedelta(minutes=10)

GrantState = Literal["scheduled", "present", "ended"]


class Window(msgspec.Struct, frozen=True):
    """When somebody may pass: half open, with time zone; ``until`` None has no end."""

    begin: datetime
    until: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse what no roster entry could say.

        Raises:
            WindowInvalid: it ends before it begins, or a time has no zone.
        """
        if self.begin.tzinfo is None or (self.until is not None and self.until.tzinfo is None):
            raise WindowInvalid("A time without a time zone is not a time.")
        if self.until is not None and self.until <= self.begin:
            raise WindowInvalid


class Presence(msgspec.Struct, frozen=True):
    """When the grant stands in the roster: half open, covers its window."""

    begin: datetime
    until: datetime | None


def present(kind: GrantKind, window: Window, *, now: datetime) -> Presence:
    """When a grant of that kind is to stand in the roster.

    Residents and staff at once: a tenancy may begin while a gate is offline. Guests from :data:`GUEST_LEAD` before,
    couriers :data:`COURIER_MARGIN` before and after.
    """
    match kind:
        case GrantKind.RESIDENT | GrantKind.STAFF:
            return Presence(begin=min(window.begin, now), until=window.until)
        case GrantKind.GUEST:
            return Presence(begin=window.begin - GUEST_LEAD, until=window.until)
        case GrantKind.COURIER:
            until = None if window.until is None else window.until + COURIER_MARGIN
            return Presence(begin=window.begin - COURIER_MARGIN, until=until)


def state_at(presence: Presence, now: datetime) -> GrantState:
    """Whether the roster is to carry the grant at ``now``."""
    if presence.until is not None and presence.until <= now:
        return "ended"
    return "present" if presence.begin <= now else "scheduled"

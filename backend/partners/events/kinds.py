"""What companies are told of, and why somebody may be suspended. Names of both are part of the interface."""

from enum import StrEnum
from typing import Literal

__all__ = ["EventKind", "SuspensionReason"]

# Told to the company as it is, and nothing more of what happened.
SuspensionReason = Literal["safety", "conduct", "rules", "identity", "other"]


class EventKind(StrEnum):
    """Kinds of events."""

    COURIER_ACTIVE = "courier.active"
    COURIER_LEFT = "courier.left"
    COURIER_ENTRY = "courier.entry"
    COURIER_SUSPENDED = "courier.suspended"
    COURIER_RESTORED = "courier.restored"
    COMPANY_SUSPENDED = "company.suspended"
    COMPANY_RESTORED = "company.restored"
    WEBHOOK_TEST = "webhook.test"
    WEBHOOK_DISABLED = "webhook.disabled"

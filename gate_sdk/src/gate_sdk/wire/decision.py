"""The words of a decision, shared by gates, events and the screens of staff and residents."""

from enum import StrEnum

__all__ = ["Outcome", "Reason"]


class Outcome(StrEnum):
    """What the gate should do."""

    ALLOW = "allow"
    DENY = "deny"
    NEEDS_APPROVAL = "needs_approval"
    NEEDS_SECOND_FACTOR = "needs_second_factor"


class Reason(StrEnum):
    """Why. Stable: vendors show texts by these codes."""

    MATCHED = "matched"
    NO_FACE = "no_face"
    FACE_TOO_SMALL = "face_too_small"
    LOW_QUALITY = "low_quality"
    NOT_LIVE = "not_live"
    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"
    OUTSIDE_WINDOW = "outside_window"
    LEASE_EXPIRED = "lease_expired"
    ROSTER_EMPTY = "roster_empty"
    NOT_READY = "not_ready"

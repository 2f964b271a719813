"""The words of a decision, shared by gates, events and the screens of staff and residents."""

from enum import StrEnum

__all__ = ["Outcome", "Reason", "Via"]


class Outcome(StrEnum):
    """What the gate should do."""

    ALLOW = "allow"
    DENY = "deny"
    NEEDS_APPROVAL = "needs_approval"
    NEEDS_SECOND_FACTOR = "needs_second_factor"


class Reason(StrEnum):
    """Why. Stable: vendors show texts by these codes."""

    MATCHED = "matched"
    NOT_A_PICTURE = "not_a_picture"
    NO_FACE = "no_face"
    FACE_TOO_SMALL = "face_too_small"
    LOW_QUALITY = "low_quality"
    NOT_LIVE = "not_live"
    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"
    OUTSIDE_WINDOW = "outside_window"
    OUTSIDE_HOURS = "outside_hours"
    WRONG_DOOR = "wrong_door"
    LEASE_EXPIRED = "lease_expired"
    LOCKED_DOWN = "locked_down"
    EMERGENCY_UNLOCK = "emergency_unlock"
    ROSTER_EMPTY = "roster_empty"
    NOT_READY = "not_ready"
    CODE_UNREADABLE = "code_unreadable"
    CODE_UNKNOWN = "code_unknown"
    CODE_FORGED = "code_forged"
    CODE_EXPIRED = "code_expired"
    CODE_REPLAYED = "code_replayed"
    CODE_USED_UP = "code_used_up"
    USE_UNCOUNTED = "use_uncounted"
    ASK_FIRST = "ask_first"
    APPROVED = "approved"
    APPROVAL_REFUSED = "approval_refused"
    APPROVAL_TIMEOUT = "approval_timeout"
    APPROVAL_OFFLINE = "approval_offline"
    PIN_NEEDED = "pin_needed"
    PIN_WRONG = "pin_wrong"
    PIN_LOCKED = "pin_locked"


class Via(StrEnum):
    """By what somebody wanted to pass: his face, a QR code, or a printed card with its PIN."""

    FACE = "face"
    QR = "qr"
    CARD = "card"

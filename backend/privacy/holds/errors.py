"""HoldNotFound, HeldPhotographNotFound, HeldPersonNotFound 404.

NothingToHold, ErasureBegun, PhotographsChanged, HoldEnded 409.

HoldPeriodInvalid, SecrecyUnfounded 422.
"""

from backend.kit.problems import Conflict, NotFound, Unprocessable

__all__ = [
    "ErasureBegun",
    "HeldPersonNotFound",
    "HeldPhotographNotFound",
    "HoldEnded",
    "HoldNotFound",
    "HoldPeriodInvalid",
    "NothingToHold",
    "PhotographsChanged",
    "SecrecyUnfounded",
]


class HoldNotFound(NotFound):
    """There is no such hold in this community."""

    code = "hold-not-found"
    remedy = "Take the id from the list of holds."


class HeldPhotographNotFound(NotFound):
    """The hold keeps no such photograph, or has ended."""

    code = "held-photograph-not-found"
    remedy = "Take the id from the hold."


class HeldPersonNotFound(NotFound):
    """The community knows no such member or subject."""

    code = "held-person-not-found"
    remedy = "Give the id of a member of this community's register, or a subject of its entries."


class NothingToHold(Conflict):
    """There are no photographs of this person."""

    code = "nothing-to-hold"
    remedy = "Tell whoever gave the order: photographs are kept only where the person agreed, and erased after that."


class ErasureBegun(Conflict):
    """It is too late: an erasure of this person's photographs has begun, and is not undone."""

    code = "erasure-begun"
    remedy = "Tell whoever gave the order; a hold that was set before the erasure began can be renewed."


class PhotographsChanged(Conflict):
    """Some of the photographs were given up or replaced while they were being copied; nothing is held."""

    code = "photographs-changed"
    remedy = "Set the hold again: it keeps what there is now."


class HoldEnded(Conflict):
    """The hold has ended, and what it kept is being destroyed."""

    code = "hold-ended"
    remedy = "Nothing can be done: what it kept does not come back."


class HoldPeriodInvalid(Unprocessable):
    """A hold ends in the future, at most six months from now."""

    code = "hold-period-invalid"
    remedy = "Give an earlier end; a hold can be renewed while it stands."


class SecrecyUnfounded(Unprocessable):
    """Only an order of an authority can forbid to tell the person."""

    code = "secrecy-unfounded"
    remedy = "Leave `forbidden_to_tell` out."

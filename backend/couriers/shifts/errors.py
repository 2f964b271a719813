"""ShiftNotFound 404."""

from backend.kit.problems import NotFound

__all__ = [
    "ShiftNotFound",
]


class ShiftNotFound(NotFound):
    """You have no such shift."""

    code = "shift-not-found"
    remedy = "Take the id from the answer in which the shift was asserted."

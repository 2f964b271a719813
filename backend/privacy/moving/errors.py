"""What can go wrong when a household moves.

Conflict 409: SameHome
"""

from backend.kit.problems import Conflict

__all__ = ["SameHome"]


class SameHome(Conflict):
    """The household lives in that home."""

    code = "same-home"
    remedy = "Give the home that it moves to."

"""GuardianUnfit 409."""

from backend.kit.problems import Conflict

__all__ = ["GuardianUnfit"]


class GuardianUnfit(Conflict):
    """He has not joined his own household yet, or is under age himself."""

    code = "guardian-unfit"
    remedy = "A guardian is a member of the community who is of age and has joined by his code."

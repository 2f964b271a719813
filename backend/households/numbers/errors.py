"""What can go wrong with register numbers. RegisterNumberTaken 409."""

from backend.kit.problems import Conflict

__all__ = ["RegisterNumberTaken"]


class RegisterNumberTaken(Conflict):
    """Another open tenancy or member of the community has that number."""

    code = "register-number-taken"
    remedy = "Find who has it in the register's export; take it from him first where it was set by mistake."

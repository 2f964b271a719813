"""Failures of giving a member an account.

AccountExists 409 · NumberInUse 409
"""

from backend.kit.problems import Conflict

__all__ = ["AccountExists", "NumberInUse"]


class AccountExists(Conflict):
    """The member has an account."""

    code = "account-exists"
    remedy = "Move the account to the other number instead, at POST .../members/{member_id}/number."


class NumberInUse(Conflict):
    """The account of this number is already somebody's: he belongs to a household, or has agreed to something."""

    # Said only to who has proven that he holds the number.
    code = "number-in-use"
    remedy = "Log in with a number of your own; where that account is yours and unused, delete it first."

"""Failures of changing a number.

NumberNotProven 422 · NumberTaken 409 · SameNumber 409 · NoAccount 409 · NumberOfStaff 409 · NoNumberChange 409
"""

from backend.kit.problems import Conflict, Unprocessable

__all__ = ["NoAccount", "NoNumberChange", "NumberNotProven", "NumberOfStaff", "NumberTaken", "SameNumber"]


class NumberNotProven(Unprocessable):
    """One of the two codes is wrong, was used, has expired, or was tried too often."""

    code = "number-not-proven"
    remedy = "Check the digits of both codes, or ask for new ones."


class NumberTaken(Conflict):
    """Another account has this number."""

    # Said only to who has proven that he holds it: nobody learns of others' numbers.
    code = "number-taken"
    remedy = "Log in with it and delete that account if it is yours; else ask your community's office."


class SameNumber(Conflict):
    """The account has this number already."""

    code = "same-number"
    remedy = "Give another number."


class NoAccount(Conflict):
    """The member has no account."""

    code = "no-account"
    remedy = "Give him an activation code, or issue a card."


class NumberOfStaff(Conflict):
    """The member works for an authority, and his number is a log-in of staff."""

    code = "number-of-staff"
    remedy = "An administrator removes him from the staff first, and adds him with the new number."


class NoNumberChange(Conflict):
    """No move to another number is planned."""

    code = "no-number-change"
    remedy = "Nothing is left to call off."

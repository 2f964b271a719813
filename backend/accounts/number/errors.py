"""Failures of changing one's number. NumberNotProven 422 · NumberTaken 409 · SameNumber 409."""

from backend.kit.problems import Conflict, Unprocessable

__all__ = ["NumberNotProven", "NumberTaken", "SameNumber"]


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

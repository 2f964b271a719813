"""Failures about passes.

PassNotFound, CompanyNotFound, BlockNotFound 404 · PassOver, PassNotAccepted, TooManyPasses, GuestDaysSpent,
GuestBlocked 409 · RecurrenceInvalid, GuestPhoneNeeded 422
"""

from backend.kit.problems import Conflict, NotFound, Unprocessable

__all__ = [
    "BlockNotFound",
    "CompanyNotFound",
    "GuestBlocked",
    "GuestDaysSpent",
    "GuestPhoneNeeded",
    "PassNotAccepted",
    "PassNotFound",
    "PassOver",
    "RecurrenceInvalid",
    "TooManyPasses",
]


class PassNotFound(NotFound):
    """The home has no such pass."""

    code = "pass-not-found"
    remedy = "Take the id from the list of the home's passes."


class PassOver(Conflict):
    """The pass has ended, was cancelled, or the guest withdrew."""

    code = "pass-over"
    remedy = "Make a new pass."


class PassNotAccepted(Conflict):
    """The guest has not accepted yet."""

    code = "pass-not-accepted"
    remedy = "Let the guest open his link and accept; then there is a code."


class TooManyPasses(Conflict):
    """The home has as many open passes as it may."""

    code = "too-many-passes"
    remedy = "Cancel one that is not needed, or wait until one ends."


class GuestDaysSpent(Conflict):
    """The home would have more days of guests than it may, or of this one guest."""

    code = "guest-days-spent"
    remedy = "Choose a shorter window, cancel another pass, or register somebody who stays as a member of the home."


class CompanyNotFound(NotFound):
    """No such company names you its courier."""

    code = "company-not-found"
    remedy = "Take the id from the list of your companies."


class GuestBlocked(Conflict):
    """The community does not admit whoever has this number as a guest."""

    code = "guest-blocked"
    remedy = "Ask the community's office."


class BlockNotFound(NotFound):
    """The community has no such block."""

    code = "block-not-found"
    remedy = "Take the id from the list of blocks."


class GuestPhoneNeeded(Unprocessable):
    """This community wants to know a guest's telephone number."""

    code = "guest-phone-needed"
    remedy = "Give his number; it is not kept, but found again by a keyed hash."


class RecurrenceInvalid(Unprocessable):
    """The rule of recurrence is none that is taken; `part` says which part of it."""

    code = "recurrence-invalid"
    remedy = (
        "Give FREQ=DAILY, WEEKLY or MONTHLY, and COUNT or UNTIL; INTERVAL, BYDAY or BYMONTHDAY as RFC 5545 has them. "
        "At most 60 visits of at most a day each within half a year, the first of them at `valid_from`."
    )

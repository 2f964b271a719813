"""PassNotFound, CompanyNotFound 404, PassOver, PassNotAccepted, TooManyPasses, GuestDaysSpent 409."""

from backend.kit.problems import Conflict, NotFound

__all__ = ["CompanyNotFound", "GuestDaysSpent", "PassNotAccepted", "PassNotFound", "PassOver", "TooManyPasses"]


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
    """The home would have more days of guests than it may."""

    code = "guest-days-spent"
    remedy = "Choose a shorter window, cancel another pass, or register somebody who stays as a member of the home."


class CompanyNotFound(NotFound):
    """No such company names you its courier."""

    code = "company-not-found"
    remedy = "Take the id from the list of your companies."

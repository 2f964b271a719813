"""Failures of log-in and of keeping staff.

PhoneInvalid 422 · CodeRefused 401 · AccountDormant 403 · TooManyCodes 429 · SessionEnded 401 ·
TokenRenewedElsewhere 409 · SessionNotFound 404 ·
StaffNotFound 404 · StaffExists 409 · LastAdministrator 409 · RoleReachesFurther 422 · LegalOfficerAlone 422
"""

from backend.kit.problems import Conflict, Forbidden, NotFound, TooManyRequests, Unauthorised, Unprocessable

__all__ = [
    "AccountDormant",
    "CodeRefused",
    "LastAdministrator",
    "LegalOfficerAlone",
    "PhoneInvalid",
    "RoleReachesFurther",
    "SessionEnded",
    "SessionNotFound",
    "StaffExists",
    "StaffNotFound",
    "TokenRenewedElsewhere",
    "TooManyCodes",
]


class PhoneInvalid(Unprocessable):
    """That is no number of a phone that can receive messages."""

    code = "phone-invalid"
    remedy = "Give a mobile number with its country code, such as +86 and eleven digits."


class CodeRefused(Unauthorised):
    """The code is wrong, was used, has expired, or was tried too often."""

    # One answer for all of these: which of them it was would tell a stranger who has an account.
    code = "code-refused"
    remedy = "Check the digits, or ask for a new code."


class AccountDormant(Forbidden):
    """Nobody has logged in to the account of this number for 180 days, so the number alone does not open it."""

    # Said only to who has given the code. It tells him that there is an account, and nothing of whose or what it is.
    code = "account-dormant"
    title = "Not used for long"
    remedy = (
        "Go to your community's office, which lets you in again once you were seen there; staff ask an administrator. "
        "If the number is new to you, the office gives the account's owner his own."
    )


class TooManyCodes(TooManyRequests):
    """Too many codes were asked for, for this number or from this address."""

    code = "too-many-codes"

    def __init__(self, *, retry_after_s: int) -> None:
        super().__init__(headers={"Retry-After": str(retry_after_s)})


class SessionEnded(Unauthorised):
    """This session has ended."""

    code = "session-ended"
    remedy = "Log in again."


class SessionNotFound(NotFound):
    """None of your sessions has that id."""

    code = "session-not-found"
    remedy = "Take the id from the list of your sessions."


class TokenRenewedElsewhere(Conflict):
    """This refresh token was exchanged a moment ago by another request of the same session."""

    code = "token-renewed-elsewhere"
    remedy = "Use the tokens that the other request got; renew from one place at a time."


class StaffNotFound(NotFound):
    """There is no such member among your authority's staff."""

    code = "staff-not-found"
    remedy = "Take the id from the list of staff."


class StaffExists(Conflict):
    """This number belongs to a member of staff already."""

    code = "staff-exists"
    remedy = "Change the roles of the member who is there."


class LastAdministrator(Conflict):
    """The authority would be left without an administrator."""

    code = "last-administrator"
    remedy = "Make somebody else an administrator first."


class RoleReachesFurther(Unprocessable):
    """An authority's administrator or legal officer cannot be one for a single community."""

    code = "role-reaches-further"
    remedy = "Leave the community out, or make him the community's manager."


class LegalOfficerAlone(Unprocessable):
    """A legal officer has no other role."""

    code = "legal-officer-alone"
    remedy = "Give this role to somebody who has no other, and that one nothing else."

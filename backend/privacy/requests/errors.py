"""Failures of requests.

FreshLogInNeeded 403 · RequestNotFound 404 · RequestDecided 409 · ExportExpired 410 · RequestIncomplete 422 ·
TooManyRequestsMade 429
"""

from backend.kit.problems import Conflict, Forbidden, Gone, NotFound, TooManyRequests, Unprocessable

__all__ = [
    "ExportExpired",
    "FreshLogInNeeded",
    "RequestDecided",
    "RequestIncomplete",
    "RequestNotFound",
    "TooManyRequestsMade",
]


class FreshLogInNeeded(Forbidden):
    """This needs a log-in by one-time code within the last five minutes, so that no borrowed phone can ask for it."""

    code = "fresh-log-in-needed"
    remedy = "Log in again with a new code, then repeat the request."


class RequestNotFound(NotFound):
    """There is no such request, or it is not yours."""

    code = "request-not-found"
    remedy = "Take the id from the list of requests."


class RequestDecided(Conflict):
    """The request has been decided already."""

    code = "request-decided"
    remedy = "Read the request; where it has to be decided otherwise, it is made anew."


class ExportExpired(Gone):
    """The copy could be fetched for 24 hours, and these are over."""

    code = "export-expired"
    remedy = "Ask for access again."


class RequestIncomplete(Unprocessable):
    """A correction needs the name; a restriction and an objection need the community."""

    code = "request-incomplete"
    remedy = "Give name for a correction, and community_id for a restriction or an objection."


class TooManyRequestsMade(TooManyRequests):
    """Ten requests in a day are all that can be made."""

    code = "too-many-requests-made"
    remedy = "Wait until tomorrow, or ask your community's office."

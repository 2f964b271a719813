"""CourierNotFound and SuspensionNotFound 404, CourierSuspended 409."""

from backend.kit.problems import Conflict, NotFound

__all__ = ["CourierNotFound", "CourierSuspended", "SuspensionNotFound"]


class CourierNotFound(NotFound):
    """The community knows no courier by this pseudonym."""

    code = "courier-not-found"
    remedy = "Take the subject_id from one of the courier's entries."


class SuspensionNotFound(NotFound):
    """There is no such suspension, or it was lifted."""

    code = "suspension-not-found"
    remedy = "Take the id from the list of suspensions."


class CourierSuspended(Conflict):
    """The community does not let this courier in at present."""

    code = "courier-suspended"
    remedy = "Send somebody else; an event tells when he may come again. Ask the community's office."

"""ApprovalNotFound 404, ApprovalAnswered 409, ApprovalOver 409."""

from backend.kit.problems import Conflict, NotFound

__all__ = ["ApprovalAnswered", "ApprovalNotFound", "ApprovalOver"]


class ApprovalNotFound(NotFound):
    """The home has no such question."""

    code = "approval-not-found"
    remedy = "Take the id from the home's open questions."


class ApprovalAnswered(Conflict):
    """The question was answered otherwise before, by you or by somebody else of the home; that answer stands."""

    code = "approval-answered"
    remedy = "To keep a guest out from now on, cancel the pass or the delivery."


class ApprovalOver(Conflict):
    """Nobody waits for the answer any more: its time is up, or the right that it is about has ended."""

    code = "approval-over"
    remedy = "Answer within the time shown; the guest may ask again at the gate."

"""MomentInvalid 400, BatchInvalid 422."""

from backend.kit.problems import BadRequest, Unprocessable

__all__ = ["BatchInvalid", "MomentInvalid"]


class BatchInvalid(Unprocessable):
    """The batch of events cannot be taken."""

    code = "batch-invalid"
    title = "Batch refused"
    remedy = "Send 1 to 500 events of one store epoch, in the order of their sequence numbers."


class MomentInvalid(BadRequest):
    """A moment needs a time zone, and must lie within the calendar."""

    code = "moment-invalid"
    remedy = "Give it as in RFC 3339, such as 2026-11-02T10:00:00+08:00."

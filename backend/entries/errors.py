"""BatchInvalid 422."""

from backend.kit.problems import Unprocessable

__all__ = ["BatchInvalid"]


class BatchInvalid(Unprocessable):
    """The batch of events cannot be taken."""

    code = "batch-invalid"
    title = "Batch refused"
    remedy = "Send 1 to 500 events of one store epoch, in the order of their sequence numbers."

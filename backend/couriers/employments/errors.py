"""WorkerNotFound 404, CourierHasWorkerId 409, TooManyLinks 429."""

from backend.kit.problems import Conflict, NotFound, TooManyRequests

__all__ = [
    "CourierHasWorkerId",
    "TooManyLinks",
    "WorkerNotFound",
]


class WorkerNotFound(NotFound):
    """You have not told us of a worker with this id."""

    code = "worker-not-found"
    remedy = "PUT /partner/v1/couriers/{worker_id} first."


class CourierHasWorkerId(Conflict):
    """You have another worker with this telephone number."""

    code = "courier-has-worker-id"
    remedy = "Use the worker id that the error names, or correct the number."


class TooManyLinks(TooManyRequests):
    """Too many links were sent today: to this number, to numbers near it, or by you."""

    # One answer for all of these: which of them it was would tell that other companies have written to the number.
    code = "too-many-links"
    remedy = "Name the worker again when Retry-After is over (in bulk: `retry_after_s`)."

    def __init__(self, *, retry_after_s: int) -> None:
        super().__init__(headers={"Retry-After": str(retry_after_s)}, retry_after_s=retry_after_s)

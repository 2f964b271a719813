"""WorkerNotFound 404, CourierHasWorkerId 409."""

from backend.kit.problems import Conflict, NotFound

__all__ = [
    "CourierHasWorkerId",
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

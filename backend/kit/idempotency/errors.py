"""Failures of repeated requests.

IdempotencyKeyInvalid 400 · RequestInProgress 409 · AnswerLost 409 · IdempotencyKeyReused 422 · BodyTooLargeToRepeat 413
"""

from backend.kit.problems import BadRequest, Conflict, PayloadTooLarge, Unprocessable

__all__ = [
    "AnswerLost",
    "BodyTooLargeToRepeat",
    "IdempotencyKeyInvalid",
    "IdempotencyKeyReused",
    "RequestInProgress",
]


class IdempotencyKeyInvalid(BadRequest):
    """The Idempotency-Key is empty, too long, or not of visible ASCII characters."""

    code = "idempotency-key-invalid"
    remedy = "Send a new random UUID with each new request, and the same one when repeating it."


class RequestInProgress(Conflict):
    """A request with this Idempotency-Key is being worked on."""

    code = "request-in-progress"
    remedy = "Repeat it as Retry-After says."

    def __init__(self, *, retry_after_s: int = 1) -> None:
        super().__init__(headers={"Retry-After": str(retry_after_s)})


class AnswerLost(Conflict):
    """The request with this Idempotency-Key was carried out, but its answer was lost before it could be kept."""

    code = "answer-lost"
    remedy = "Look for what it made in the list; nothing is made twice under this key."


class IdempotencyKeyReused(Unprocessable):
    """This Idempotency-Key was sent before with another request."""

    code = "idempotency-key-reused"
    remedy = "Take a new key for every new request."


class BodyTooLargeToRepeat(PayloadTooLarge):
    """A request with an Idempotency-Key has a body of at most one megabyte."""

    code = "body-too-large-to-repeat"
    remedy = "Send it without the header."

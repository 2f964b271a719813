"""Failures of the second factor.

SecondFactorRefused 422 · TooManyAttempts 429 · SecondFactorMissing 409 · NothingToConfirm 409 · OwnSecondFactor 409
"""

from backend.kit.problems import Conflict, TooManyRequests, Unprocessable

__all__ = ["NothingToConfirm", "OwnSecondFactor", "SecondFactorMissing", "SecondFactorRefused", "TooManyAttempts"]


class SecondFactorRefused(Unprocessable):
    """The code is wrong, has expired, or was used before."""

    # One answer for all of these: which of them it was would help whoever is guessing.
    code = "second-factor-refused"
    remedy = "Wait for the authenticator's next code; see that the clocks agree; or give a recovery code."


class TooManyAttempts(TooManyRequests):
    """Too many wrong codes were given for this member of staff."""

    code = "too-many-attempts"

    def __init__(self, *, retry_after_s: int) -> None:
        super().__init__(headers={"Retry-After": str(retry_after_s)})


class SecondFactorMissing(Conflict):
    """You have no second factor yet."""

    code = "second-factor-missing"
    remedy = "Begin at POST /staff/v1/second-factor/enrol."


class NothingToConfirm(Conflict):
    """No authenticator waits to be confirmed: none was begun, or too long ago."""

    code = "nothing-to-confirm"
    remedy = "Begin again at POST /staff/v1/second-factor/enrol."


class OwnSecondFactor(Conflict):
    """Nobody takes off his own second factor; that would let whoever holds his session do so."""

    code = "own-second-factor"
    remedy = "Replace it with a new one, or ask another administrator."

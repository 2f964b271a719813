"""What the server's refusals mean: problem documents (RFC 9457) turned into errors."""

import contextlib
import email.utils
import time

import httpx
import msgspec

from gate_sdk.errors import (
    GateRevokedError,
    NotAuthorizedError,
    RequestRefusedError,
    RosterDivergedError,
    UnavailableError,
)

__all__ = ["UNAUTHORIZED", "Problem", "raise_problem"]

UNAUTHORIZED = 401
_TOO_MANY = 429


class Problem(msgspec.Struct, frozen=True):
    """What an error answer says (RFC 9457)."""

    type: str = "about:blank"
    title: str = ""
    status: int = 0
    detail: str = ""
    remedy: str = ""
    code: str = ""

    def named(self, name: str) -> bool:
        """Whether the problem's type or code is ``name``."""
        return self.code == name or self.type.rsplit("/", 1)[-1] == name


def raise_problem(response: httpx.Response) -> None:
    """Raise what an answer outside of 2xx means; return otherwise."""
    if response.is_success:
        return
    try:
        problem = msgspec.json.decode(response.content, type=Problem)
    except msgspec.DecodeError:
        problem = Problem(title=response.reason_phrase)
    status = response.status_code
    said = f"{status} {problem.detail or problem.title or problem.type}"
    if problem.named("gate-revoked"):
        raise GateRevokedError
    if problem.named("roster-diverged"):
        raise RosterDivergedError(said, status=status, problem=problem.type)
    if status == UNAUTHORIZED:
        raise NotAuthorizedError(said, status=status, problem=problem.type)
    if status == _TOO_MANY or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        after = _seconds(response.headers.get("Retry-After"))
        raise UnavailableError(said, status=status, problem=problem.type, retry_after=after)
    raise RequestRefusedError(said, status=status, problem=problem.type, remedy=problem.remedy or None)


def _seconds(value: str | None) -> float | None:
    if value is None:
        return None
    with contextlib.suppress(ValueError):
        return max(0.0, float(value))
    # The header comes from anybody on the way; what is neither seconds nor a date says nothing.
    with contextlib.suppress(ValueError, OverflowError):
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    return None

"""Fixed windows, handed out to processes in small leases, so that not every request writes a row."""

import asyncio
from collections import OrderedDict, defaultdict
from datetime import UTC, datetime, timedelta

import msgspec

from backend.kit.db import Database, Scope
from backend.kit.problems import TooManyRequests
from backend.kit.rates import repository

__all__ = ["Allowance", "Quota", "RateExceeded", "RateLimiter", "window_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Clients of each quota whose present window a process remembers; forgetting one costs what is left of a lease.
_REMEMBERED = 4096
# A window is handed out in so many leases: the fewer, the less is written; the more, the less lies unused elsewhere.
_LEASES = 20


class Quota(msgspec.Struct, frozen=True):
    """At most ``limit`` requests in each window of ``window_s`` seconds, by the clock; ``name`` as headers have it."""

    name: str
    limit: int
    window_s: int

    def policy(self) -> str:
        """The ``RateLimit-Policy`` header."""
        return f'"{self.name}";q={self.limit};w={self.window_s}'


def window_of(quota: Quota, now: datetime) -> tuple[datetime, int]:
    """When the present window began, and in how many seconds the next one does, at least one."""
    window = timedelta(seconds=quota.window_s)
    began_at = _EPOCH + (now - _EPOCH) // window * window
    return began_at, max(1, round((began_at + window - now).total_seconds()))


class Allowance(msgspec.Struct, frozen=True):
    """What is left after this request, and in how many seconds the next window begins."""

    quota: Quota
    left: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        """RateLimit header fields for HTTP (draft-ietf-httpapi-ratelimit-headers-10)."""
        return {
            "RateLimit-Policy": self.quota.policy(),
            "RateLimit": f'"{self.quota.name}";r={self.left};t={self.reset_s}',
        }


class RateExceeded(TooManyRequests):
    """Too many requests in the present window."""

    code = "rate-exceeded"
    title = "Too many requests"
    remedy = "Wait as long as Retry-After says; send work in bulk, and poll no faster than it changes."


class _Lease:
    __slots__ = ("began_at", "left", "lock", "taken")

    def __init__(self) -> None:
        self.began_at = _EPOCH
        self.left = 0
        self.taken = 0
        self.lock = asyncio.Lock()


class RateLimiter:
    """Counts clients' requests; never more are let through than the quota.

    Where a client's requests are spread over many processes, the rest of a lease in one of them may go unused.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        # Each quota by itself: a crowd of addresses at one must not cost companies their leases of another.
        self._leases: dict[str, OrderedDict[str, _Lease]] = defaultdict(OrderedDict)

    async def take(self, client: str, quota: Quota, *, now: datetime) -> Allowance:
        """Count one request.

        Args:
            client: who asks, at most 80 characters, nothing personal.
            quota: what he may.
            now: the present.

        Raises:
            RateExceeded: the window is used up; its headers say when the next one begins.
            DatabaseUnavailable: nobody can count.
        """
        began_at, reset_s = window_of(quota, now)
        lease = self._lease(quota.name, client)
        async with lease.lock:
            if lease.began_at != began_at:
                lease.began_at, lease.left, lease.taken = began_at, 0, 0
            if lease.left == 0 and not await self._renew(f"{quota.name}:{client}", lease, quota):
                refused = Allowance(quota, 0, reset_s)
                raise RateExceeded(headers={**refused.headers(), "Retry-After": str(reset_s)})
            lease.left -= 1
            return Allowance(quota, quota.limit - lease.taken + lease.left, reset_s)

    async def _renew(self, client: str, lease: _Lease, quota: Quota) -> bool:
        count = max(1, quota.limit // _LEASES)
        async with self._db.transaction(Scope(platform=True)) as conn:
            taken = await repository.lease(conn, client=client, began_at=lease.began_at, count=count, limit=quota.limit)
        if taken is None:
            return False
        lease.left, lease.taken = count, taken
        return True

    def _lease(self, quota: str, client: str) -> _Lease:
        leases = self._leases[quota]
        lease = leases.get(client)
        if lease is None:
            lease = leases[client] = _Lease()
            if len(leases) > _REMEMBERED:
                leases.popitem(last=False)
        return lease

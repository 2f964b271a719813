"""Whether a process can serve: what it needs is asked, all at once and not for long."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from backend.health import repository
from backend.health.errors import NotReady
from backend.kit.db import Database, Scope
from backend.kit.storage import ObjectStore

__all__ = ["HELD_S", "TIMEOUT_S", "Readiness", "checks"]

_log = structlog.get_logger(__name__)
#: A load balancer gives up after five.
TIMEOUT_S = 3.0
#: Anybody may ask, and none of it is free: an answer serves all who ask within this time.
HELD_S = 1.0
_PROBE = "health/probe"

Check = Callable[[], Awaitable[None]]


class SchemaBehind(Exception):
    """A migration that this release needs was not applied."""


class Readiness:
    """Asks all checks at the same time, once for everybody who asks meanwhile."""

    def __init__(self, checks: Mapping[str, Check], *, timeout_s: float = TIMEOUT_S) -> None:
        """Nothing is asked yet.

        Args:
            checks: by name; each raises where something is amiss.
            timeout_s: how long each may take.
        """
        self._checks = checks
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()
        self._asked: tuple[float, bool] | None = None

    async def require(self) -> None:
        """Return where everything is there. Which part is not stands in the log and is told to nobody.

        Raises:
            NotReady: something is not.
        """
        async with self._turn:
            if self._asked is None or time.monotonic() - self._asked[0] > HELD_S:
                results = await asyncio.gather(*(self._is_well(name, check) for name, check in self._checks.items()))
                self._asked = time.monotonic(), all(results)
            if not self._asked[1]:
                raise NotReady

    async def _is_well(self, name: str, check: Check) -> bool:
        try:
            async with asyncio.timeout(self._timeout_s):
                await check()
        except Exception as error:  # noqa: BLE001 - whatever it is, this process cannot serve
            _log.warning("not-ready", part=name, error=type(error).__name__)
            return False
        return True


def checks(
    data: Database, keys: Database, objects: ObjectStore, *, needed: Mapping[str, Sequence[str]]
) -> Mapping[str, Check]:
    """What the API needs.

    Args:
        data: the data.
        keys: the key store.
        objects: photographs' place.
        needed: versions of migrations that must have been applied, by "data" and "keys".
    """

    async def database(db: Database, versions: Sequence[str]) -> None:
        async with db.transaction(Scope(), read_only=True) as conn:
            if await repository.list_missing(conn, needed=list(versions)):
                raise SchemaBehind

    async def reach() -> None:
        await objects.exists(_PROBE)

    return {
        "database": lambda: database(data, needed["data"]),
        "keys": lambda: database(keys, needed["keys"]),
        "objects": reach,
    }

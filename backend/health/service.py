"""Whether a process can serve: what it needs is asked, all at once and not for long.

Of a release's migrations some come before it runs and some after the last process of the release before has ended.
Without the first it does not start. Without the others it serves, and says how many there are: nothing else would
remind whoever rolls a release out of its last step.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import asyncpg
import structlog

from backend.health import repository
from backend.health.errors import NotReady, SchemaBehind
from backend.health.watermark import require_level
from backend.kit.db import Database, Scope
from backend.kit.storage import ObjectStore

__all__ = ["HELD_S", "TIMEOUT_S", "Readiness", "Schema", "checks", "require_schema"]

_log = structlog.get_logger(__name__)
#: A load balancer gives up after five.
TIMEOUT_S = 3.0
#: Anybody may ask, and none of it is free: an answer serves all who ask within this time.
HELD_S = 1.0
_PROBE = "health/probe"

#: Raises where something is amiss; answers how many migrations are still to be applied.
Check = Callable[[], Awaitable[int]]


async def require_schema(db: Database, needed: Sequence[str]) -> None:
    """Return where all of these migrations were applied.

    Args:
        db: the data, or the key store.
        needed: versions of migrations.

    Raises:
        SchemaBehind: one was not; it names the first.
        DatabaseUnavailable: the database does not answer.
    """
    try:
        missing = await _missing(db, needed)
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        # Nothing was ever applied, or not even what lets us look.
        missing = list(needed)
    if missing:
        raise SchemaBehind(
            "The database has not the schema that this release needs: migrations that are not applied: "
            f"{len(missing)}, from {missing[0]} on."
        )


async def _missing(db: Database, versions: Sequence[str]) -> list[str]:
    async with db.transaction(Scope(), read_only=True) as conn:
        return await repository.list_missing(conn, needed=list(versions))


class Schema:
    """What this release's migrations have come to, in both databases."""

    def __init__(
        self,
        data: Database,
        keys: Database,
        *,
        needed: Mapping[str, Sequence[str]],
        afterwards: Mapping[str, Sequence[str]],
    ) -> None:
        """Nothing is asked yet.

        Args:
            data: the data.
            keys: the key store.
            needed: versions of the migrations without which this release cannot work, by "data" and "keys".
            afterwards: those that wait until no process is of the release before, likewise.
        """
        self._databases = {"data": data, "keys": keys}
        self._needed = needed
        self._afterwards = afterwards

    async def look(self, database: str) -> int:
        """How many migrations of "data" or "keys" are still to be applied, all of which may wait.

        Raises:
            SchemaBehind: one may not.
            DatabaseUnavailable: the database does not answer.
        """
        db = self._databases[database]
        await require_schema(db, self._needed[database])
        return len(await _missing(db, self._afterwards[database]))

    async def level(self) -> int:
        """Nothing is to be applied, and neither database was set back.

        Raises:
            DataSetBack, KeysSetBack: one was.
            DatabaseUnavailable: a database does not answer.
        """
        await require_level(self._databases["data"], self._databases["keys"])
        return 0

    async def outstanding(self) -> int:
        """How many of both databases' migrations are not applied, whether they may wait or not.

        Raises:
            DatabaseUnavailable: a database does not answer.
        """
        return sum(
            [
                len(await _missing(db, [*self._needed[name], *self._afterwards[name]]))
                for name, db in self._databases.items()
            ]
        )

    async def remind(self) -> None:
        """Say in the log what is left to do of this release, if anything is.

        Raises:
            DatabaseUnavailable: a database does not answer.
        """
        if outstanding := await self.outstanding():
            remedy = "run `doorward migrate` once no process is of the release before"
            _log.warning("migrations-outstanding", migrations=outstanding, remedy=remedy)


class Readiness:
    """Asks all checks at the same time, once for everybody who asks meanwhile."""

    def __init__(self, checks: Mapping[str, Check], *, timeout_s: float = TIMEOUT_S) -> None:
        """Nothing is asked yet.

        Args:
            checks: by name.
            timeout_s: how long each may take.
        """
        self._checks = checks
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()
        self._asked: tuple[float, list[int | None]] | None = None

    async def require(self) -> int:
        """How many migrations are still to be applied, where everything is there that this release needs.

        Which part is not there stands in the log and is told to nobody.

        Raises:
            NotReady: something is not.
        """
        async with self._turn:
            if self._asked is None or time.monotonic() - self._asked[0] > HELD_S:
                found = await asyncio.gather(*(self._ask(name, check) for name, check in self._checks.items()))
                self._asked = time.monotonic(), found
            well = [count for count in self._asked[1] if count is not None]
            if len(well) < len(self._checks):
                raise NotReady
            return sum(well)

    async def _ask(self, name: str, check: Check) -> int | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await check()
        except Exception as error:  # noqa: BLE001 - whatever it is, this process cannot serve
            _log.warning("not-ready", part=name, error=type(error).__name__)
            return None


def checks(schema: Schema, objects: ObjectStore) -> Mapping[str, Check]:
    """What the API needs.

    Args:
        schema: both databases, which are also to be of one moment.
        objects: photographs' place.
    """

    async def reach() -> int:
        await objects.exists(_PROBE)
        return 0

    return {
        "database": lambda: schema.look("data"),
        "keys": lambda: schema.look("keys"),
        "level": schema.level,
        "objects": reach,
    }

"""Whether the data or the key store were set back to an earlier moment, by a restore that nobody finished.

Each of the two databases holds a number. The worker raises the data's and then the key store's, once a minute, so that
the data's is the same or one more, whenever either is cut off. Data that are behind the key store have lost what was
done since: erasures, ends of tenancies, and rosters that gates hold already. A key store that is behind the data has
keys again that were destroyed. Neither may serve before what was done since is done again.
"""

from backend.health import repository
from backend.health.errors import DataSetBack, KeysSetBack
from backend.kit.db import Database, Scope

__all__ = ["EVERY_S", "level_marks", "raise_marks", "require_level"]

#: Seconds between two marks: data that are set back by less may go unseen, a key store by less than twice as much.
EVERY_S = 60


async def require_level(data: Database, keys: Database) -> None:
    """Return where both databases are of one moment.

    Args:
        data: the data, under the API's role or the worker's.
        keys: the key store.

    Raises:
        DataSetBack: the data are of an earlier moment than the key store.
        KeysSetBack: the key store is of an earlier moment than the data.
        DatabaseUnavailable: a database does not answer.
    """
    # The worker may raise both meanwhile: the data's mark lies between what the key store says before and after.
    before = await _read(keys)
    here = await _read(data)
    if here < before:
        raise DataSetBack
    if here > before + 1 and here > await _read(keys) + 1:
        raise KeysSetBack


async def raise_marks(data: Database, keys: Database) -> None:
    """Raise both numbers by one. Cut off between the two, it is gone on with by the next.

    Args:
        data: the data, under the worker's role.
        keys: the key store.

    Raises:
        DataSetBack, KeysSetBack, DatabaseUnavailable: as :func:`require_level`.
    """
    await require_level(data, keys)
    here = await _read(data)
    # Level before the next step, so that the difference is never more than one.
    await _write(keys, here)
    await _write(data, here + 1)
    await _write(keys, here + 1)


async def level_marks(data: Database, keys: Database) -> None:
    """Let both say that they are of one moment, once everything was done that a restore leaves to do.

    Args:
        data: the data, under the worker's role.
        keys: the key store.

    Raises:
        DatabaseUnavailable: a database does not answer.
    """
    mark = max(await _read(data), await _read(keys)) + 1
    await _write(data, mark)
    await _write(keys, mark)


async def _read(db: Database) -> int:
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        return await repository.get_mark(conn)


async def _write(db: Database, mark: int) -> None:
    async with db.transaction(Scope(platform=True)) as conn:
        await repository.raise_mark(conn, mark=mark)

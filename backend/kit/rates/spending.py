"""Budgets that are counted exactly, within the caller's own transaction: for what costs money each time."""

from collections.abc import Sequence
from datetime import datetime

from backend.kit.db import Connection
from backend.kit.rates import repository
from backend.kit.rates.limiter import Quota, window_of

__all__ = ["forget", "spend"]


async def spend(conn: Connection, budgets: Sequence[tuple[Quota, str]], *, now: datetime) -> int:
    """Count one more against every budget. Whoever is told to wait has to roll back: then nothing was counted.

    All processes count the same row and hold it until they commit, so name what many share last.

    Args:
        conn: a transaction in the platform scope.
        budgets: what may be spent, and whose it is: at most 80 characters, nothing personal.
        now: the present.

    Returns:
        0, or in how many seconds the used-up budget begins anew.
    """
    for quota, whose in budgets:
        began_at, reset_s = window_of(quota, now)
        taken = await repository.lease(
            conn, client=f"{quota.name}:{whose}", began_at=began_at, count=1, limit=quota.limit
        )
        if taken is None:
            return reset_s
    return 0


async def forget(conn: Connection, *, before: datetime) -> int:
    """Forget windows that began before then; how many. Needs the platform scope.

    Args:
        conn: a transaction.
        before: at least a window's length ago, or what was spent in the present one could be spent again.
    """
    return await repository.delete_before(conn, before=before)

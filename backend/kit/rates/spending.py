"""Budgets that are counted exactly, within the caller's own transaction: for what costs money each time."""

from collections.abc import Sequence
from datetime import datetime

from backend.kit.db import Connection
from backend.kit.rates import repository
from backend.kit.rates.limiter import Quota, window_of

__all__ = ["forget", "spend", "spend_each"]


async def spend(conn: Connection, budgets: Sequence[tuple[Quota, str]], *, now: datetime) -> int:
    """Count one more against every budget, or against none where one of them is used up.

    All processes count the same row and hold it until they commit, so name what many share last.

    Args:
        conn: a transaction in the platform scope.
        budgets: what may be spent, and whose it is: at most 80 characters, nothing personal.
        now: the present.

    Returns:
        0, or in how many seconds the used-up budget begins anew.
    """
    (wait,) = await spend_each(conn, [budgets], now=now)
    return wait


async def spend_each(conn: Connection, many: Sequence[Sequence[tuple[Quota, str]]], *, now: datetime) -> list[int]:
    """The same for each of many, those first that stand first; how long each has to wait.

    Args:
        conn: a transaction in the platform scope.
        many: for each its budgets, by the same quotas in the same order.
        now: the present.
    """
    if not many:
        return []
    # Column by column, each sorted, so that whoever spends at the same moment waits for the same rows in one order.
    quotas = {
        f"{quota.name}:{whose}": quota
        for column in zip(*many, strict=True)
        for quota, whose in sorted(column, key=lambda one: one[1])
    }
    windows = {client: window_of(quota, now) for client, quota in quotas.items()}
    taken = await repository.hold(conn, windows=[(client, began_at) for client, (began_at, _) in windows.items()])
    left = {client: quota.limit - taken[client] for client, quota in quotas.items()}
    spent = dict.fromkeys(quotas, 0)
    waits = []
    for budgets in many:
        mine = [f"{quota.name}:{whose}" for quota, whose in budgets]
        waits.append(max((windows[client][1] for client in mine if left[client] <= 0), default=0))
        if waits[-1] == 0:
            for client in mine:
                left[client] -= 1
                spent[client] += 1
    await repository.add(conn, counts=[(client, count) for client, count in spent.items() if count > 0])
    return waits


async def forget(conn: Connection, *, before: datetime, limit: int) -> int:
    """Forget windows that began before then, at most ``limit``; how many. Needs the platform scope.

    Args:
        conn: a transaction.
        before: at least a window's length ago, or what was spent in the present one could be spent again.
        limit: windows at most.
    """
    return await repository.delete_before(conn, before=before, limit=limit)

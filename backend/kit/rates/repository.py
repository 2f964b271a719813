"""SQL of rate limits."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from backend.kit.db import Connection, affected, fetch_all

__all__ = ["add", "delete_before", "hold", "lease"]


class _Window(msgspec.Struct, frozen=True):
    client: str
    taken: int


async def lease(conn: Connection, *, client: str, began_at: datetime, count: int, limit: int) -> int | None:
    """Take ``count`` requests out of the client's window for this process.

    Needs the platform scope.

    Returns:
        How many are taken by all processes now; ``None`` where so many are not left.
    """
    taken: int | None = await conn.fetchval(
        """
        INSERT INTO rate_window AS w (client, began_at, taken) VALUES ($1, $2, $3)
        ON CONFLICT (client) DO UPDATE SET
            began_at = greatest(w.began_at, excluded.began_at),
            taken = CASE WHEN w.began_at < excluded.began_at THEN excluded.taken ELSE w.taken + excluded.taken END
        WHERE w.began_at < excluded.began_at OR w.taken + excluded.taken <= $4
        RETURNING taken
        """,
        client, began_at, count, limit,
    )  # fmt: skip
    return taken


async def hold(conn: Connection, *, windows: Sequence[tuple[str, datetime]]) -> dict[str, int]:
    """How many are taken of each client's window that began then, held in this order until the transaction ends.

    Needs the platform scope. No client stands there twice.
    """
    rows = await fetch_all(
        conn,
        _Window,
        """
        INSERT INTO rate_window AS w (client, began_at, taken)
        SELECT client, began_at, 0 FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS g (client, began_at, n)
        ORDER BY n
        ON CONFLICT (client) DO UPDATE SET
            began_at = greatest(w.began_at, excluded.began_at),
            taken = CASE WHEN w.began_at < excluded.began_at THEN 0 ELSE w.taken END
        RETURNING client, taken
        """,
        [client for client, _ in windows], [began_at for _, began_at in windows],
    )  # fmt: skip
    return {row.client: row.taken for row in rows}


async def add(conn: Connection, *, counts: Sequence[tuple[str, int]]) -> None:
    """Take so many more of windows that are held. Needs the platform scope."""
    await conn.execute(
        """
        UPDATE rate_window w SET taken = w.taken + g.count
        FROM unnest($1::text[], $2::integer[]) AS g (client, count) WHERE w.client = g.client
        """,
        [client for client, _ in counts], [count for _, count in counts],
    )  # fmt: skip


async def delete_before(conn: Connection, *, before: datetime, limit: int) -> int:
    """Delete windows that began before then, at most ``limit``; how many. Needs the platform scope."""
    status = await conn.execute(
        """
        DELETE FROM rate_window WHERE began_at < $1 AND client IN (
            SELECT client FROM rate_window WHERE began_at < $1 LIMIT $2
        )
        """,
        before, limit,
    )  # fmt: skip
    return affected(status)

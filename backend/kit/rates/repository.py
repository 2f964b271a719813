"""SQL of rate limits."""

from datetime import datetime

from backend.kit.db import Connection, affected

__all__ = ["delete_before", "lease"]


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


async def delete_before(conn: Connection, *, before: datetime) -> int:
    """Delete windows that began before then; how many. Needs the platform scope."""
    status = await conn.execute("DELETE FROM rate_window WHERE began_at < $1", before)
    return affected(status)

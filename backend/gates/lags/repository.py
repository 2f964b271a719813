"""SQL of lags."""

from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all

__all__ = ["LagRow", "list_lags"]


class LagRow(msgspec.Struct, frozen=True):
    """A change of the roster: how long ago, and whether it took a subject off it."""

    seconds: float
    removal: bool


async def list_lags(conn: Connection, *, community_id: UUID, after: int, upto: int, limit: int) -> list[LagRow]:
    """The newest changes of the versions after ``after`` up to ``upto``. Both times are the database's own."""
    return await fetch_all(
        conn,
        LagRow,
        """
        SELECT extract(epoch FROM clock_timestamp() - changed_at)::float8 AS seconds, body IS NULL AS removal
        FROM roster WHERE community_id = $1 AND version > $2 AND version <= $3
        ORDER BY version DESC LIMIT $4
        """,
        community_id, after, upto, limit,
    )  # fmt: skip

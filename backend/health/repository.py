"""SQL of health."""

from backend.kit.db import Connection

__all__ = ["get_mark", "list_missing", "raise_mark"]


async def list_missing(conn: Connection, *, needed: list[str]) -> list[str]:
    """Those of the migrations that were not applied to this database, in their order."""
    rows = await conn.fetch(
        "SELECT n.version FROM unnest($1::text[]) AS n (version) WHERE NOT EXISTS ("
        "SELECT FROM schema_migrations m WHERE m.version = n.version) ORDER BY 1",
        needed,
    )
    return [str(row["version"]) for row in rows]


async def get_mark(conn: Connection) -> int:
    """The number by which a database that was set back is known."""
    mark: int = await conn.fetchval("SELECT coalesce(max(mark), 0) FROM watermark")
    return mark


async def raise_mark(conn: Connection, *, mark: int) -> None:
    """Raise it; it never falls."""
    await conn.execute(
        "INSERT INTO watermark (mark) VALUES ($1)"
        " ON CONFLICT (one) DO UPDATE SET mark = greatest(watermark.mark, excluded.mark)",
        mark,
    )

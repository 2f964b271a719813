"""SQL of health."""

from backend.kit.db import Connection

__all__ = ["list_missing"]


async def list_missing(conn: Connection, *, needed: list[str]) -> list[str]:
    """Those of the migrations that were not applied to this database, in their order."""
    rows = await conn.fetch(
        "SELECT n.version FROM unnest($1::text[]) AS n (version) WHERE NOT EXISTS ("
        "SELECT FROM schema_migrations m WHERE m.version = n.version) ORDER BY 1",
        needed,
    )
    return [str(row["version"]) for row in rows]

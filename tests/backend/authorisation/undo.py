"""What a request changed, and undoing it: one world serves thousands of requests, each of which may destroy it."""

from typing import Self, TypeAlias

import asyncpg

__all__ = ["Undo"]

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_TABLES = """
    SELECT c.oid, format('%I.%I', nspname, relname) AS name, relname, array(
        SELECT quote_ident(attname) FROM pg_attribute
        WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
    ) AS columns
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE relkind = 'r' AND nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'undo')
"""
# Statement triggers, so that a table which is only read costs nothing; ALWAYS, so that no setting hides a change.
_PREPARE = """
    CREATE SCHEMA undo;
    CREATE TABLE undo.changed (name text NOT NULL);
    CREATE FUNCTION undo.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
            INSERT INTO undo.changed VALUES (TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME);
            RETURN NULL;
        END $$;
    REVOKE ALL ON FUNCTION undo.note() FROM PUBLIC;
    GRANT USAGE ON SCHEMA undo TO PUBLIC;
    GRANT EXECUTE ON FUNCTION undo.note() TO PUBLIC;
"""


class Undo:
    """Copies of every table as the world left it, and the way back to them."""

    def __init__(self, conn: Connection) -> None:
        """See :meth:`of`."""
        self._conn = conn
        self._columns: dict[str, str] = {}
        self._parents: dict[str, list[str]] = {}

    @classmethod
    async def of(cls, superuser_url: str) -> Self:
        """Take the copies; from here on changes are noted."""
        conn: Connection = await asyncpg.connect(superuser_url)
        self = cls(conn)
        await conn.execute(_PREPARE)
        for row in await conn.fetch(_TABLES):
            copy = _copy_of(row["name"])
            self._columns[row["name"]] = ", ".join(row["columns"])
            await conn.execute(f"CREATE TABLE {copy} AS TABLE {row['name']}")
            await self._note(row["name"], "INSERT OR UPDATE OR DELETE OR TRUNCATE")
        # A statement upon a partitioned table fires its own triggers, not its partitions'.
        for parent, partition in await conn.fetch(
            "SELECT format('%I.%I', pn.nspname, p.relname), format('%I.%I', cn.nspname, c.relname) FROM pg_inherits i"
            " JOIN pg_class p ON p.oid = i.inhparent AND p.relkind = 'p' "
            " JOIN pg_namespace pn ON pn.oid = p.relnamespace"
            " JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace cn ON cn.oid = c.relnamespace"
        ):
            if parent not in self._parents:
                await self._note(parent, "INSERT OR UPDATE OR DELETE")
            self._parents.setdefault(parent, []).append(partition)
        await conn.execute("SET session_replication_role = replica")
        return self

    async def _note(self, table: str, events: str) -> None:
        await self._conn.execute(
            f"CREATE TRIGGER undo_note AFTER {events} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION undo.note();"
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER undo_note"
        )

    async def close(self) -> None:
        """Leave no trace of the noting."""
        try:
            await self._conn.execute("DROP SCHEMA undo CASCADE")
        finally:
            await self._conn.close()

    async def changed(self) -> set[str]:
        """The tables that statements were aimed at since the last restoring and whose rows are others now."""
        touched = await self.touched()
        return {
            name
            for name in touched
            if await self._conn.fetchval(
                f"SELECT EXISTS ((TABLE {name} EXCEPT TABLE {_copy_of(name)})"
                f" UNION ALL (TABLE {_copy_of(name)} EXCEPT TABLE {name}))"
            )
        }

    async def restore(self) -> None:
        """Put every changed table back."""
        touched = await self.touched()
        if touched:
            statements = [
                f"DELETE FROM {name}; INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE"
                f" SELECT {columns} FROM {_copy_of(name)}"
                for name in sorted(touched)
                for columns in [self._columns[name]]
            ]
            await self._conn.execute("BEGIN;" + ";".join(statements) + "; DELETE FROM undo.changed; COMMIT")

    async def touched(self) -> set[str]:
        """The tables that statements were aimed at since the last restoring, whether they changed a row or not."""
        names = [row[0] for row in await self._conn.fetch("SELECT DISTINCT name FROM undo.changed")]
        return {table for name in names for table in self._parents.get(name, [name])}


def _copy_of(name: str) -> str:
    return 'undo."' + name.replace('"', "") + '"'

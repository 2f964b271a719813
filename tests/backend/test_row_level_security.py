"""Every table, whoever adds it: nobody sees a row of it without saying for whom he works."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from tests.databases import DatabaseUrls

# What every logged-in caller may read, whomever he works for: names and rules of communities, texts of consents.
FOR_ANYBODY = {"community", "consent_document"}
# The migration tool's own; no role of ours may touch it.
NOT_OURS = {"schema_migrations"}
SOMEBODY = UUID("00000000-0000-4000-8000-000000000001")

_VALUES = {
    "uuid": f"'{SOMEBODY}'",
    "text": "'x'",
    "bytea": "'\\x00'",
    "boolean": "true",
    "timestamp with time zone": "now()",
    "date": "now()",
    "interval": "'1 hour'",
    "jsonb": "'{}'",
    "inet": "'127.0.0.1'",
    "halfvec": "'[1]'",
    "smallint": "1",
    "integer": "1",
    "bigint": "1",
    "real": "1",
    "double precision": "1",
}


class Table(msgspec.Struct, frozen=True):
    """A table of ours, and what its columns are: name and type of those that an INSERT may name."""

    name: str
    secured: bool
    primary_key: list[str]
    community_owned: bool
    columns: list[tuple[str, str]]


class ForeignKey(msgspec.Struct, frozen=True):
    name: str
    child: str
    parent: str
    columns: list[str]
    referenced: list[str]


async def tables(conn: "asyncpg.Connection[asyncpg.Record]") -> list[Table]:
    rows = await conn.fetch(
        """
        SELECT c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS secured,
            coalesce((SELECT array_agg(a.attname::text ORDER BY k.position)
                FROM pg_index i
                CROSS JOIN unnest(i.indkey::int[]) WITH ORDINALITY AS k (number, position)
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
                WHERE i.indrelid = c.oid AND i.indisprimary), '{}') AS primary_key,
            EXISTS (SELECT FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attname = 'community_id' AND a.attnotnull) AS community_owned,
            (SELECT array_agg(ARRAY[a.attname::text, format_type(a.atttypid, NULL)] ORDER BY a.attnum)
                FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                    AND a.attgenerated = '' AND a.attidentity = '') AS columns
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
            -- Such a view shows what its tables show to whoever asks; any other must be secured itself.
            AND NOT (c.relkind = 'v' AND coalesce('security_invoker=true' = ANY (c.reloptions), false))
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
        ORDER BY c.relname
        """
    )
    found = [Table(**{**row, "columns": [(name, kind) for name, kind in row["columns"]]}) for row in rows]
    return [table for table in found if table.name not in NOT_OURS]


async def fill(conn: "asyncpg.Connection[asyncpg.Record]", found: Sequence[Table]) -> None:
    """A row into every table, all about the same community and person, past every rule but the columns' types.

    So a table that nobody thought of here is tested the day it is made.
    """
    await conn.execute("CREATE TABLE gallery_rest PARTITION OF gallery DEFAULT")
    await conn.execute("SET session_replication_role = replica")
    rules = await conn.fetch(
        """
        SELECT conrelid::regclass::text AS name, conname FROM pg_constraint
        WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND coninhcount = 0
            AND conrelid <> 0
        """
    )
    for rule in rules:
        await conn.execute(f'ALTER TABLE {rule["name"]} DROP CONSTRAINT "{rule["conname"]}"')
    for table in found:
        names = ", ".join(f'"{name}"' for name, _ in table.columns)
        values = ", ".join("'{}'" if kind.endswith("[]") else _VALUES[kind] for _, kind in table.columns)
        await conn.execute(f"INSERT INTO {table.name} ({names}) VALUES ({values}) ON CONFLICT DO NOTHING")
        assert await conn.fetchval(f"SELECT EXISTS (SELECT FROM {table.name})")


async def test_every_table_has_row_level_security_for_its_owner_too(
    owner: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    found = await tables(owner)
    assert len(found) > 20
    assert [table.name for table in found if not table.secured] == []


@pytest.mark.parametrize("role", ["api", "worker"])
async def test_without_a_scope_nobody_sees_or_deletes_a_row_of_any_table(
    owner: "asyncpg.Connection[asyncpg.Record]", database_urls: DatabaseUrls, role: str
) -> None:
    found = await tables(owner)
    await fill(owner, found)
    conn = await asyncpg.connect(getattr(database_urls, role))
    try:
        for table in found:
            if await _may(conn, table, "SELECT"):
                assert await conn.fetchval(f"SELECT count(*) FROM {table.name}") == 0, table.name
            if await _may(conn, table, "DELETE"):
                assert await conn.execute(f"DELETE FROM {table.name}") == "DELETE 0", table.name
    finally:
        await conn.close()


@pytest.mark.parametrize("role", ["api", "worker"])
@pytest.mark.parametrize("setting", ["community", "person"])
async def test_in_another_s_scope_nobody_sees_a_row(
    owner: "asyncpg.Connection[asyncpg.Record]", database_urls: DatabaseUrls, role: str, setting: str
) -> None:
    found = await tables(owner)
    await fill(owner, found)
    conn = await asyncpg.connect(getattr(database_urls, role))
    try:
        await conn.execute(f"SET doorward.{setting} = '{uuid4()}'")
        for table in found:
            if table.name not in FOR_ANYBODY and await _may(conn, table, "SELECT"):
                assert await conn.fetchval(f"SELECT count(*) FROM {table.name}") == 0, table.name
    finally:
        await conn.close()


async def test_the_auditor_reads_the_trail_and_nothing_else(
    owner: "asyncpg.Connection[asyncpg.Record]", database_urls: DatabaseUrls
) -> None:
    conn = await asyncpg.connect(database_urls.audit)
    try:
        readable = {table.name for table in await tables(owner) if await _may(conn, table, "SELECT")}
        for privilege in ("INSERT", "UPDATE", "DELETE"):
            assert not [table.name for table in await tables(owner) if await _may(conn, table, privilege)]
    finally:
        await conn.close()
    assert readable == {"audit_entry", "audit_head", "audit_checkpoint"}


async def test_only_the_worker_reads_the_jobs(owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    readers = await owner.fetch(
        """
        SELECT DISTINCT r.rolname AS name FROM pg_class c CROSS JOIN pg_roles r
        WHERE c.relnamespace = 'jobs'::regnamespace AND c.relkind = 'r' AND r.rolname LIKE 'doorward%'
            AND r.rolname <> 'doorward_owner' AND has_table_privilege(r.oid, c.oid, 'SELECT')
        """
    )
    assert [row["name"] for row in readers] == ["doorward_worker"]


async def test_a_gallery_s_partition_is_no_way_around_its_policy(
    owner: "asyncpg.Connection[asyncpg.Record]", database_urls: DatabaseUrls
) -> None:
    await owner.execute(f"INSERT INTO authority (authority_id, name) VALUES ('{SOMEBODY}', 'x')")
    await owner.execute(
        f"INSERT INTO community (community_id, authority_id, name) VALUES ('{SOMEBODY}', '{SOMEBODY}', 'x')"
    )
    conn = await asyncpg.connect(database_urls.api)
    try:
        await conn.execute(f"SET doorward.community = '{SOMEBODY}'")
        await conn.execute("SELECT gallery_ensure()")
        partitions = await owner.fetch("SELECT inhrelid::regclass::text AS name FROM pg_inherits")
        names = [row["name"] for row in partitions if row["name"].startswith("gallery_") and "pkey" not in row["name"]]
        assert names
        for name in names:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.fetch(f"SELECT FROM {name}")
    finally:
        await conn.close()


async def test_keys_of_community_owned_tables_begin_with_the_community(
    owner: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """So that the tables can be spread by community, and no row can point into another one."""
    found = await tables(owner)
    owned = {table.name for table in found if table.community_owned}
    assert [t.name for t in found if t.community_owned and t.primary_key[:1] != ["community_id"]] == []
    keys = [ForeignKey(**row) for row in await owner.fetch(
        """
        SELECT f.conname AS name, child.relname AS child, parent.relname AS parent,
            ARRAY(SELECT a.attname::text FROM unnest(f.conkey) WITH ORDINALITY AS k (number, position)
                JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.number ORDER BY position) AS columns,
            ARRAY(SELECT a.attname::text FROM unnest(f.confkey) WITH ORDINALITY AS k (number, position)
                JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.number ORDER BY position) AS referenced
        FROM pg_constraint f
        JOIN pg_class child ON child.oid = f.conrelid
        JOIN pg_class parent ON parent.oid = f.confrelid
        WHERE f.contype = 'f' AND f.connamespace = 'public'::regnamespace
        """
    )]  # fmt: skip
    assert keys
    assert [
        key.name
        for key in keys
        if key.child in owned
        and key.parent in owned
        and (key.columns[0], key.referenced[0]) != ("community_id", "community_id")
    ] == []


async def test_no_role_of_ours_can_step_past_the_policies(owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    roles = await owner.fetch(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname LIKE 'doorward%'"
    )
    assert len(roles) >= 5
    assert [row["rolname"] for row in roles if row["rolsuper"] or row["rolbypassrls"] or row["rolcreaterole"]] == []


async def test_no_function_of_ours_that_runs_as_its_owner_is_open_to_all(
    owner: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """Such a function sees what its caller does not; each says who may call it. Triggers cannot be called."""
    rows: list[Any] = await owner.fetch(
        """
        SELECT p.oid::regprocedure::text AS name FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef AND p.prorettype <> 'trigger'::regtype
            AND has_function_privilege('public', p.oid, 'EXECUTE')
        """
    )
    assert [row["name"] for row in rows] == []


async def _may(conn: "asyncpg.Connection[asyncpg.Record]", table: Table, privilege: str) -> bool:
    function = "has_table_privilege" if privilege == "DELETE" else "has_any_column_privilege"
    allowed: bool = await conn.fetchval(f"SELECT {function}($1::text, $2)", table.name, privilege)
    return allowed

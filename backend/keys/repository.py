"""SQL of the key store. Its database is its own; rows are wrapped before they come here."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all, fetch_one

__all__ = [
    "PersonKeyRow",
    "TombstoneRow",
    "WrappedRow",
    "WrappingKeyRow",
    "delete_buried_keys",
    "delete_destroyed",
    "delete_old_wrapping_keys",
    "delete_person_keys",
    "get_person_key",
    "get_secret",
    "get_wrapping_key",
    "insert_person_key",
    "insert_secret",
    "insert_tombstones",
    "insert_wrapping_key",
    "list_by_master",
    "list_owners",
    "list_person_keys",
    "list_tombstones",
    "list_wrapped_before",
    "list_wrapping_keys",
    "lock_people",
    "set_wrapped",
    "set_wrapped_by_master",
    "was_destroyed",
]


class WrappingKeyRow(msgspec.Struct, frozen=True):
    """A community's or authority's key, wrapped by the master key."""

    owner_id: UUID
    version: int
    wrapped: bytes


class PersonKeyRow(msgspec.Struct, frozen=True):
    """A person's key, wrapped by its owner's key."""

    person_id: UUID
    owner_id: UUID
    owner_version: int
    wrapped: bytes


class TombstoneRow(msgspec.Struct, frozen=True):
    """A person's key that was destroyed, and when."""

    person_id: UUID
    destroyed_at: datetime


class WrappedRow(msgspec.Struct, frozen=True):
    """What the master key wraps: where it stands, by what name, and to what its wrapping is bound."""

    kind: Literal["wrapping_key", "signing_key", "secret"]
    name: str
    version: int
    context: str
    wrapped: bytes


class _Wrapped(msgspec.Struct, frozen=True):
    wrapped: bytes


class _Owner(msgspec.Struct, frozen=True):
    owner_id: UUID


async def get_wrapping_key(conn: Connection, *, owner_id: UUID, version: int | None = None) -> WrappingKeyRow | None:
    """The owner's key of that version, or the newest."""
    return await fetch_one(
        conn,
        WrappingKeyRow,
        """
        SELECT owner_id, version, wrapped FROM wrapping_key
        WHERE owner_id = $1 AND ($2::integer IS NULL OR version = $2)
        ORDER BY version DESC LIMIT 1
        """,
        owner_id, version,
    )  # fmt: skip


async def list_wrapping_keys(conn: Connection, *, owner_id: UUID, before: int) -> list[WrappingKeyRow]:
    """The owner's versions before that one."""
    return await fetch_all(
        conn,
        WrappingKeyRow,
        "SELECT owner_id, version, wrapped FROM wrapping_key WHERE owner_id = $1 AND version < $2",
        owner_id, before,
    )  # fmt: skip


async def insert_wrapping_key(conn: Connection, *, owner_id: UUID, version: int, wrapped: bytes) -> None:
    """The owner's key of that version; nothing happens where another process made one first."""
    await conn.execute(
        "INSERT INTO wrapping_key (owner_id, version, wrapped) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        owner_id, version, wrapped,
    )  # fmt: skip


async def list_owners(conn: Connection, *, rotating: bool = False) -> list[UUID]:
    """Who has a wrapping key; only those with an old version that is still there where ``rotating``."""
    rows = await fetch_all(
        conn,
        _Owner,
        """
        SELECT owner_id FROM wrapping_key GROUP BY owner_id HAVING NOT $1 OR count(*) > 1 ORDER BY owner_id
        """,
        rotating,
    )
    return [row.owner_id for row in rows]


async def list_wrapped_before(conn: Connection, *, owner_id: UUID, version: int, limit: int) -> list[PersonKeyRow]:
    """Keys of people that an older version of the owner's key wraps, locked until the transaction ends.

    In the order of ids, so that two that do this at once follow each other and never wait in a circle.
    """
    return await fetch_all(
        conn,
        PersonKeyRow,
        """
        SELECT person_id, owner_id, owner_version, wrapped FROM person_key
        WHERE owner_id = $1 AND owner_version < $2 ORDER BY person_id LIMIT $3 FOR NO KEY UPDATE
        """,
        owner_id, version, limit,
    )  # fmt: skip


async def set_wrapped(conn: Connection, *, version: int, rows: Sequence[tuple[UUID, bytes]]) -> None:
    """The people's keys, wrapped by that version of their owner's key. Rows that are gone stay gone."""
    await conn.execute(
        """
        UPDATE person_key p SET owner_version = $1, wrapped = n.wrapped
        FROM unnest($2::uuid[], $3::bytea[]) AS n (person_id, wrapped) WHERE p.person_id = n.person_id
        """,
        version, [person_id for person_id, _ in rows], [wrapped for _, wrapped in rows],
    )  # fmt: skip


async def delete_old_wrapping_keys(conn: Connection, *, owner_id: UUID, version: int) -> bool:
    """Destroy the versions before that one that wrap nobody's key; whether none is left.

    Raises:
        asyncpg.ForeignKeyViolationError: at this moment a key was made under an old version.
    """
    await conn.execute(
        """
        DELETE FROM wrapping_key w WHERE owner_id = $1 AND version < $2
            AND NOT EXISTS (SELECT FROM person_key p WHERE p.owner_id = w.owner_id AND p.owner_version = w.version)
        """,
        owner_id, version,
    )  # fmt: skip
    left: bool = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM wrapping_key WHERE owner_id = $1 AND version < $2)", owner_id, version
    )
    return not left


async def lock_people(conn: Connection, *, person_ids: Sequence[UUID]) -> None:
    """Have the making and the destroying of one person's key follow each other until the transaction ends.

    Otherwise a key that is made while it is destroyed would be there afterwards. Taken in the order given.
    """
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(id, 0)) FROM unnest($1::text[]) AS id",
        [str(person_id) for person_id in person_ids],
    )


async def get_person_key(conn: Connection, *, person_id: UUID) -> PersonKeyRow | None:
    """The person's key."""
    return await fetch_one(
        conn,
        PersonKeyRow,
        "SELECT person_id, owner_id, owner_version, wrapped FROM person_key WHERE person_id = $1",
        person_id,
    )


async def list_person_keys(conn: Connection, *, person_ids: list[UUID]) -> list[PersonKeyRow]:
    """The keys of those people who have one."""
    return await fetch_all(
        conn,
        PersonKeyRow,
        "SELECT person_id, owner_id, owner_version, wrapped FROM person_key WHERE person_id = ANY ($1)",
        person_ids,
    )


async def insert_person_key(
    conn: Connection, *, person_id: UUID, owner_id: UUID, owner_version: int, wrapped: bytes
) -> None:
    """The person's key; nothing happens where another process made one first."""
    await conn.execute(
        """
        INSERT INTO person_key (person_id, owner_id, owner_version, wrapped) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING
        """,
        person_id, owner_id, owner_version, wrapped,
    )  # fmt: skip


async def was_destroyed(conn: Connection, *, person_id: UUID) -> bool:
    """Whether the person's key was destroyed."""
    found: bool = await conn.fetchval("SELECT EXISTS (SELECT FROM destroyed_key WHERE person_id = $1)", person_id)
    return found


async def delete_destroyed(conn: Connection, *, person_id: UUID) -> None:
    """Forget that the person's key was destroyed."""
    await conn.execute("DELETE FROM destroyed_key WHERE person_id = $1", person_id)


async def delete_person_keys(conn: Connection, *, person_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """Destroy the keys and remember that; when it was first done to each. Repeating changes nothing."""
    await conn.execute("DELETE FROM person_key WHERE person_id = ANY ($1)", person_ids)
    # The time of now, not of the transaction's begin: a key may have been made while this one waited.
    rows = await fetch_all(
        conn,
        TombstoneRow,
        """
        INSERT INTO destroyed_key (person_id, destroyed_at)
        SELECT DISTINCT id, clock_timestamp() FROM unnest($1::uuid[]) AS id ORDER BY id
        ON CONFLICT (person_id) DO UPDATE SET destroyed_at = destroyed_key.destroyed_at
        RETURNING person_id, destroyed_at
        """,
        person_ids,
    )
    await insert_tombstones(conn, tombstones=rows)
    return {row.person_id: row.destroyed_at for row in rows}


async def list_tombstones(conn: Connection) -> list[TombstoneRow]:
    """Every destruction of a key, the oldest first."""
    return await fetch_all(
        conn, TombstoneRow, "SELECT person_id, destroyed_at FROM key_tombstone ORDER BY destroyed_at, person_id"
    )


async def insert_tombstones(conn: Connection, *, tombstones: Sequence[TombstoneRow]) -> None:
    """Remember destructions, those of another copy of this key store included."""
    await conn.execute(
        """
        INSERT INTO key_tombstone (person_id, destroyed_at) SELECT * FROM unnest($1::uuid[], $2::timestamptz[])
        ON CONFLICT DO NOTHING
        """,
        [row.person_id for row in tombstones], [row.destroyed_at for row in tombstones],
    )  # fmt: skip


async def delete_buried_keys(conn: Connection) -> int:
    """Destroy the keys that are older than their person's tombstone; how many. After a backup was restored."""
    found: int = await conn.fetchval(
        """
        WITH last AS (SELECT person_id, max(destroyed_at) AS destroyed_at FROM key_tombstone GROUP BY person_id),
        gone AS (
            DELETE FROM person_key p USING last
            WHERE p.person_id = last.person_id AND p.created_at <= last.destroyed_at RETURNING p.person_id
        ),
        known AS (
            INSERT INTO destroyed_key (person_id, destroyed_at)
            SELECT person_id, destroyed_at FROM last
            WHERE person_id IN (SELECT person_id FROM gone)
                OR NOT EXISTS (SELECT FROM person_key p WHERE p.person_id = last.person_id)
            ON CONFLICT DO NOTHING
        )
        SELECT count(*) FROM gone
        """
    )
    return found


async def list_by_master(conn: Connection) -> list[WrappedRow]:
    """Everything that the master key itself wraps: a few rows for each community."""
    return await fetch_all(
        conn,
        WrappedRow,
        """
        SELECT 'wrapping_key' AS kind, owner_id::text AS name, version,
            format('wrapping-key/%s/%s', owner_id, version) AS context, wrapped FROM wrapping_key
        UNION ALL SELECT 'signing_key', kid, 0, 'signing-key/' || kid, wrapped FROM signing_key
        UNION ALL SELECT 'secret', name, 0, 'secret/' || name, wrapped FROM secret
        """,
    )


async def set_wrapped_by_master(conn: Connection, *, row: WrappedRow, wrapped: bytes) -> None:
    """The same key under another master key; nothing happens where it has changed or gone meanwhile."""
    match row.kind:
        case "wrapping_key":
            await conn.execute(
                "UPDATE wrapping_key SET wrapped = $4 WHERE owner_id = $1::uuid AND version = $2 AND wrapped = $3",
                row.name, row.version, row.wrapped, wrapped,
            )  # fmt: skip
        case "signing_key":
            await conn.execute(
                "UPDATE signing_key SET wrapped = $3 WHERE kid = $1 AND wrapped = $2", row.name, row.wrapped, wrapped
            )
        case "secret":
            await conn.execute(
                "UPDATE secret SET wrapped = $3 WHERE name = $1 AND wrapped = $2", row.name, row.wrapped, wrapped
            )


async def get_secret(conn: Connection, *, name: str) -> bytes | None:
    """A wrapped secret by name."""
    row = await fetch_one(conn, _Wrapped, "SELECT wrapped FROM secret WHERE name = $1", name)
    return None if row is None else row.wrapped


async def insert_secret(conn: Connection, *, name: str, wrapped: bytes) -> None:
    """A secret; nothing happens where there is one of that name."""
    await conn.execute("INSERT INTO secret (name, wrapped) VALUES ($1, $2) ON CONFLICT DO NOTHING", name, wrapped)

"""SQL of the key store. Its database is its own; rows are wrapped before they come here."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all, fetch_one

__all__ = [
    "PersonKeyRow",
    "SigningKeyRow",
    "WrappingKeyRow",
    "delete_destroyed",
    "delete_person_key",
    "get_person_key",
    "get_secret",
    "get_wrapping_key",
    "insert_person_key",
    "insert_secret",
    "insert_signing_key",
    "insert_wrapping_key",
    "list_person_keys",
    "list_signing_keys",
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


class SigningKeyRow(msgspec.Struct, frozen=True):
    """An Ed25519 key; ``wrapped`` is its 32-byte seed under the master key."""

    kid: str
    public_key: bytes
    wrapped: bytes
    retired_at: datetime | None


class _Wrapped(msgspec.Struct, frozen=True):
    wrapped: bytes


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


async def insert_wrapping_key(conn: Connection, *, owner_id: UUID, wrapped: bytes) -> None:
    """The owner's first key; nothing happens where another process made one first."""
    await conn.execute(
        "INSERT INTO wrapping_key (owner_id, wrapped) VALUES ($1, $2) ON CONFLICT DO NOTHING", owner_id, wrapped
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


async def delete_person_key(conn: Connection, *, person_id: UUID) -> datetime:
    """Destroy the key and remember that; answers when it was first done. Repeating changes nothing."""
    await conn.execute("DELETE FROM person_key WHERE person_id = $1", person_id)
    at: datetime = await conn.fetchval(
        """
        INSERT INTO destroyed_key (person_id) VALUES ($1)
        ON CONFLICT (person_id) DO UPDATE SET destroyed_at = destroyed_key.destroyed_at
        RETURNING destroyed_at
        """,
        person_id,
    )
    return at


async def list_signing_keys(conn: Connection, *, purpose: str, owner_id: UUID | None) -> list[SigningKeyRow]:
    """The keys for that purpose, the current one first."""
    return await fetch_all(
        conn,
        SigningKeyRow,
        """
        SELECT kid, public_key, wrapped, retired_at FROM signing_key
        WHERE purpose = $1 AND owner_id IS NOT DISTINCT FROM $2
        ORDER BY retired_at DESC NULLS FIRST
        """,
        purpose, owner_id,
    )  # fmt: skip


async def insert_signing_key(
    conn: Connection, *, kid: str, purpose: str, owner_id: UUID | None, public_key: bytes, wrapped: bytes
) -> None:
    """A current key; nothing happens where there is one."""
    await conn.execute(
        """
        INSERT INTO signing_key (kid, purpose, owner_id, public_key, wrapped) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT DO NOTHING
        """,
        kid, purpose, owner_id, public_key, wrapped,
    )  # fmt: skip


async def get_secret(conn: Connection, *, name: str) -> bytes | None:
    """A wrapped secret by name."""
    row = await fetch_one(conn, _Wrapped, "SELECT wrapped FROM secret WHERE name = $1", name)
    return None if row is None else row.wrapped


async def insert_secret(conn: Connection, *, name: str, wrapped: bytes) -> None:
    """A secret; nothing happens where there is one of that name."""
    await conn.execute("INSERT INTO secret (name, wrapped) VALUES ($1, $2) ON CONFLICT DO NOTHING", name, wrapped)

"""SQL of signing keys, in the key store's database. Rows are wrapped before they come here."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all

__all__ = [
    "SigningKeyRow",
    "insert_signing_key",
    "list_signers",
    "list_signing_keys",
    "replace_token_key",
    "succeed_signing_key",
]


class SigningKeyRow(msgspec.Struct, frozen=True):
    """An Ed25519 key; ``wrapped`` is its 32-byte seed under the master key.

    One that took another's place (``by_kid``) signs from ``signs_from`` on, and has that one's signature for it.
    ``retired_at`` is when the next one begins.
    """

    kid: str
    public_key: bytes
    wrapped: bytes
    by_kid: str | None = None
    signs_from: datetime | None = None
    endorsement: bytes | None = None
    retired_at: datetime | None = None


class _Owner(msgspec.Struct, frozen=True):
    owner_id: UUID


async def list_signing_keys(conn: Connection, *, purpose: str, owner_id: UUID | None) -> list[SigningKeyRow]:
    """The keys for that purpose, the current one first."""
    return await fetch_all(
        conn,
        SigningKeyRow,
        """
        SELECT kid, public_key, wrapped, by_kid, signs_from, endorsement, retired_at FROM signing_key
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


async def succeed_signing_key(conn: Connection, *, row: SigningKeyRow, owner_id: UUID) -> None:
    """A key for heads in the place of the current one; nothing happens where another has taken it already."""
    await conn.execute(
        """
        WITH before AS (
            UPDATE signing_key SET retired_at = $4 WHERE kid = $3 AND retired_at IS NULL RETURNING kid
        )
        INSERT INTO signing_key (kid, purpose, owner_id, public_key, wrapped, by_kid, signs_from, endorsement)
        SELECT $1, 'head', $2, $5, $6, kid, $4, $7 FROM before
        """,
        row.kid, owner_id, row.by_kid, row.signs_from, row.public_key, row.wrapped, row.endorsement,
    )  # fmt: skip


async def replace_token_key(conn: Connection, *, row: SigningKeyRow, before: str, at: datetime) -> None:
    """A key for access tokens that begins where the current one ends; nothing happens where another does already."""
    await conn.execute(
        """
        WITH before AS (
            UPDATE signing_key SET retired_at = $3 WHERE kid = $2 AND purpose = 'jwt' AND retired_at IS NULL
            RETURNING kid
        )
        INSERT INTO signing_key (kid, purpose, public_key, wrapped) SELECT $1, 'jwt', $4, $5 FROM before
        """,
        row.kid, before, at, row.public_key, row.wrapped,
    )  # fmt: skip


async def list_signers(conn: Connection) -> list[UUID]:
    """Communities that have a key for heads."""
    rows = await fetch_all(
        conn, _Owner, "SELECT DISTINCT owner_id FROM signing_key WHERE purpose = 'head' ORDER BY owner_id"
    )
    return [row.owner_id for row in rows]

"""SQL of companies' keys and assertions."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all, require_one
from backend.partners.clients.assertions import Alg, ClientKey

__all__ = [
    "KeyRow",
    "delete_expired",
    "insert_key",
    "is_live",
    "list_live_keys",
    "remember_assertion",
    "revoke_key",
]


class KeyRow(msgspec.Struct, frozen=True):
    """A live public key of a company."""

    key_id: UUID
    kid: str
    alg: Alg
    public_key: bytes
    created_at: datetime


async def insert_key(conn: Connection, *, partner_id: UUID, key: ClientKey, now: datetime) -> KeyRow:
    """A further key. Needs the platform scope."""
    return await require_one(
        conn,
        KeyRow,
        """
        INSERT INTO partner_key (partner_id, kid, alg, public_key, created_at) VALUES ($1, $2, $3, $4, $5)
        RETURNING key_id, kid, alg, public_key, created_at
        """,
        partner_id, key.kid, key.alg, key.public_key, now,
    )  # fmt: skip


async def list_live_keys(conn: Connection, *, partner_id: UUID) -> list[KeyRow]:
    """The keys not revoked, oldest first. Needs the platform scope."""
    return await fetch_all(
        conn,
        KeyRow,
        """
        SELECT key_id, kid, alg, public_key, created_at FROM partner_key
        WHERE partner_id = $1 AND revoked_at IS NULL ORDER BY created_at, key_id
        """,
        partner_id,
    )


async def revoke_key(conn: Connection, *, partner_id: UUID, key_id: UUID, now: datetime) -> bool:
    """Revoke one; whether it was live. Needs the platform scope."""
    done = await conn.fetchval(
        """
        UPDATE partner_key SET revoked_at = $3
        WHERE partner_id = $1 AND key_id = $2 AND revoked_at IS NULL RETURNING true
        """,
        partner_id, key_id, now,
    )  # fmt: skip
    return done is not None


async def is_live(conn: Connection, *, partner_id: UUID, credential_id: UUID) -> bool:
    """Whether the company has a live secret or key of that id. Needs the platform scope."""
    found: bool = await conn.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM partner_secret WHERE partner_id = $1 AND secret_id = $2 AND revoked_at IS NULL
            UNION ALL
            SELECT FROM partner_key WHERE partner_id = $1 AND key_id = $2 AND revoked_at IS NULL
        )
        """,
        partner_id, credential_id,
    )  # fmt: skip
    return found


async def remember_assertion(conn: Connection, *, partner_id: UUID, jti_hash: bytes, expires_at: datetime) -> bool:
    """Keep that this assertion was taken; whether it was new. Needs the platform scope."""
    done = await conn.fetchval(
        """
        INSERT INTO partner_assertion (partner_id, jti_hash, expires_at) VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING RETURNING true
        """,
        partner_id, jti_hash, expires_at,
    )  # fmt: skip
    return done is not None


async def delete_expired(conn: Connection, *, partner_id: UUID, before: datetime) -> None:
    """Forget the company's assertions that can be taken no more anyway. Needs the platform scope."""
    await conn.execute(
        "DELETE FROM partner_assertion WHERE partner_id = $1 AND expires_at < $2", partner_id, before
    )  # fmt: skip

"""SQL of courier companies."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all, fetch_one, require_one
from backend.partners.events.kinds import SuspensionReason

__all__ = [
    "AdmissionRow",
    "PartnerRow",
    "SecretRow",
    "admit",
    "find_client",
    "get_admission",
    "get_name",
    "get_partner",
    "has_live_key",
    "insert_partner",
    "insert_secret",
    "is_sandbox",
    "list_admissions",
    "list_live_secrets",
    "list_of_community",
    "list_partners",
    "lock_partner",
    "lock_sandbox",
    "resume",
    "revoke_secret",
    "suspend",
]


class PartnerRow(msgspec.Struct, frozen=True):
    """A courier company."""

    partner_id: UUID
    name: str
    client_id: str
    sandbox: bool


class SecretRow(msgspec.Struct, frozen=True):
    """A live secret; ``secret_hash`` is its keyed hash, 32 bytes."""

    secret_id: UUID
    secret_hash: bytes
    created_at: datetime


class AdmissionRow(msgspec.Struct, frozen=True):
    """A company at a community."""

    community_id: UUID
    community_name: str
    partner_id: UUID
    partner_name: str
    suspended_at: datetime | None
    suspended_for: SuspensionReason | None
    sandbox: bool


async def insert_partner(
    conn: Connection, *, authority_id: UUID, name: str, client_id: str, sandbox: bool
) -> PartnerRow:
    """A new company. Needs the platform scope."""
    return await require_one(
        conn,
        PartnerRow,
        "INSERT INTO partner (authority_id, name, client_id, sandbox) VALUES ($1, $2, $3, $4) "
        "RETURNING partner_id, name, client_id, sandbox",
        authority_id, name, client_id, sandbox,
    )  # fmt: skip


async def get_partner(conn: Connection, *, authority_id: UUID, partner_id: UUID) -> PartnerRow | None:
    """A company of this authority."""
    return await fetch_one(
        conn,
        PartnerRow,
        """
        SELECT partner_id, name, client_id, sandbox FROM partner
        WHERE authority_id = $1 AND partner_id = $2
        """,
        authority_id,
        partner_id,
    )


async def lock_partner(conn: Connection, *, authority_id: UUID, partner_id: UUID) -> PartnerRow | None:
    """A company of this authority, locked until the transaction ends. Needs the platform scope."""
    return await fetch_one(
        conn,
        PartnerRow,
        """
        SELECT partner_id, name, client_id, sandbox FROM partner
        WHERE authority_id = $1 AND partner_id = $2 FOR UPDATE
        """,
        authority_id, partner_id,
    )  # fmt: skip


async def list_partners(
    conn: Connection, *, authority_id: UUID, after: tuple[str, UUID] | None, limit: int
) -> list[PartnerRow]:
    """An authority's companies by name, those after (name, partner_id)."""
    name, last = after or (None, None)
    return await fetch_all(
        conn,
        PartnerRow,
        """
        SELECT partner_id, name, client_id, sandbox FROM partner
        WHERE authority_id = $1 AND ($2::text IS NULL OR (name, partner_id) > ($2, $3::uuid))
        ORDER BY name, partner_id LIMIT $4
        """,
        authority_id, name, last, limit,
    )  # fmt: skip


async def find_client(conn: Connection, *, client_id: str) -> PartnerRow | None:
    """The company of a client id, at log-in. Needs the platform scope."""
    return await fetch_one(
        conn,
        PartnerRow,
        "SELECT partner_id, name, client_id, sandbox FROM partner WHERE client_id = $1",
        client_id,
    )


async def insert_secret(conn: Connection, *, partner_id: UUID, secret_hash: bytes, now: datetime) -> SecretRow:
    """A further secret. Needs the platform scope."""
    return await require_one(
        conn,
        SecretRow,
        """
        INSERT INTO partner_secret (partner_id, secret_hash, created_at) VALUES ($1, $2, $3)
        RETURNING secret_id, secret_hash, created_at
        """,
        partner_id, secret_hash, now,
    )  # fmt: skip


async def list_live_secrets(conn: Connection, *, partner_id: UUID) -> list[SecretRow]:
    """The secrets not revoked, oldest first. Needs the platform scope."""
    return await fetch_all(
        conn,
        SecretRow,
        """
        SELECT secret_id, secret_hash, created_at FROM partner_secret
        WHERE partner_id = $1 AND revoked_at IS NULL ORDER BY created_at, secret_id
        """,
        partner_id,
    )


async def has_live_key(conn: Connection, *, partner_id: UUID) -> bool:
    """Whether the company may log in by signing. Needs the platform scope."""
    found: bool = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM partner_key WHERE partner_id = $1 AND revoked_at IS NULL)", partner_id
    )
    return found


async def revoke_secret(conn: Connection, *, partner_id: UUID, secret_id: UUID, now: datetime) -> bool:
    """Revoke one; whether it was live. Needs the platform scope."""
    done = await conn.fetchval(
        """
        UPDATE partner_secret SET revoked_at = $3
        WHERE partner_id = $1 AND secret_id = $2 AND revoked_at IS NULL RETURNING true
        """,
        partner_id, secret_id, now,
    )  # fmt: skip
    return done is not None


async def admit(conn: Connection, *, partner_id: UUID, community_ids: Sequence[UUID], now: datetime) -> None:
    """Admit the company to these communities; where it is already admitted, nothing changes."""
    await conn.execute(
        """
        INSERT INTO partner_community (community_id, partner_id, admitted_at) SELECT unnest($2::uuid[]), $1, $3
        ON CONFLICT (community_id, partner_id) DO NOTHING
        """,
        partner_id, list(community_ids), now,
    )  # fmt: skip


async def get_admission(conn: Connection, *, community_id: UUID, partner_id: UUID) -> AdmissionRow | None:
    """The company at this community, suspended or not."""
    return await fetch_one(
        conn,
        AdmissionRow,
        """
        SELECT pc.community_id, c.name AS community_name, pc.partner_id, p.name AS partner_name,
            pc.suspended_at, pc.suspended_for, p.sandbox
        FROM partner_community pc JOIN community c USING (community_id) JOIN partner p USING (partner_id)
        WHERE pc.community_id = $1 AND pc.partner_id = $2
        """,
        community_id, partner_id,
    )  # fmt: skip


async def list_admissions(
    conn: Connection, *, partner_id: UUID, after: tuple[str, UUID] | None = None, limit: int = 1000
) -> list[AdmissionRow]:
    """Communities that the company was admitted to, by name, those after (name, community_id). The platform's scope."""
    name, last = after or (None, None)
    return await fetch_all(
        conn,
        AdmissionRow,
        """
        SELECT pc.community_id, c.name AS community_name, pc.partner_id, p.name AS partner_name,
            pc.suspended_at, pc.suspended_for, p.sandbox
        FROM partner_community pc JOIN community c USING (community_id) JOIN partner p USING (partner_id)
        WHERE pc.partner_id = $1 AND ($2::text IS NULL OR (c.name, pc.community_id) > ($2, $3::uuid))
        ORDER BY c.name, pc.community_id LIMIT $4
        """,
        partner_id, name, last, limit,
    )  # fmt: skip


async def list_of_community(
    conn: Connection, *, community_id: UUID, after: tuple[str, UUID] | None, limit: int, everybody: bool
) -> list[AdmissionRow]:
    """The companies admitted to this community, by name, those after (name, partner_id).

    Without ``everybody`` those that may come: neither suspended ones nor sandboxes.
    """
    name, last = after or (None, None)
    return await fetch_all(
        conn,
        AdmissionRow,
        """
        SELECT pc.community_id, c.name AS community_name, pc.partner_id, p.name AS partner_name,
            pc.suspended_at, pc.suspended_for, p.sandbox
        FROM partner_community pc JOIN community c USING (community_id) JOIN partner p USING (partner_id)
        WHERE pc.community_id = $1 AND ($2 OR (pc.suspended_at IS NULL AND NOT p.sandbox))
            AND ($3::text IS NULL OR (p.name, pc.partner_id) > ($3, $4::uuid))
        ORDER BY p.name, pc.partner_id LIMIT $5
        """,
        community_id, everybody, name, last, limit,
    )  # fmt: skip


async def suspend(
    conn: Connection, *, community_id: UUID, partner_id: UUID, reason: SuspensionReason, now: datetime
) -> bool:
    """Suspend the company at this community; whether it was not before."""
    done = await conn.fetchval(
        """
        UPDATE partner_community SET suspended_at = $3, suspended_for = $4
        WHERE community_id = $1 AND partner_id = $2 AND suspended_at IS NULL RETURNING true
        """,
        community_id, partner_id, now, reason,
    )  # fmt: skip
    return done is not None


async def resume(conn: Connection, *, community_id: UUID, partner_id: UUID) -> bool:
    """Let it back; whether it was suspended."""
    done = await conn.fetchval(
        """
        UPDATE partner_community SET suspended_at = NULL, suspended_for = NULL
        WHERE community_id = $1 AND partner_id = $2 AND suspended_at IS NOT NULL RETURNING true
        """,
        community_id, partner_id,
    )  # fmt: skip
    return done is not None


async def get_name(conn: Connection, *, partner_id: UUID) -> str:
    """What the company is called; nothing where there is none. Needs the platform scope."""
    name: str | None = await conn.fetchval("SELECT name FROM partner WHERE partner_id = $1", partner_id)
    return name or ""


async def is_sandbox(conn: Connection, *, partner_id: UUID) -> bool:
    """Whether the company only tries its system out. In the platform's scope, or where it is admitted."""
    sandbox: bool | None = await conn.fetchval("SELECT sandbox FROM partner WHERE partner_id = $1", partner_id)
    return bool(sandbox)


async def lock_sandbox(conn: Connection, *, partner_id: UUID) -> None:
    """Let two requests of one sandbox follow each other."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('sandbox/' || $1::text, 14))", str(partner_id))

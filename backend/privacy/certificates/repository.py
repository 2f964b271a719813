"""SQL of certificates, and of the gates' words that they name."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all, fetch_one, require_one

__all__ = [
    "CertificateRow",
    "GateWordRow",
    "ensure",
    "find",
    "get",
    "list_consents",
    "list_gate_words",
    "list_of_erasure",
    "store",
]


class CertificateRow(msgspec.Struct, frozen=True):
    """A certificate; ``about_community`` None is the person's own, ``document`` the signed JSON."""

    certificate_id: UUID
    erasure_id: UUID
    person_id: UUID
    about_community: UUID | None
    status: Literal["awaited", "provisional", "complete"]
    document: bytes | None
    made_at: datetime | None


class GateWordRow(msgspec.Struct, frozen=True):
    """A gate, and the first roster without the person that it said it has."""

    gate_id: UUID
    name: str
    last_contact_at: datetime
    revoked_at: datetime | None
    wipe_after_s: int
    epoch: int | None
    version: int | None
    digest: bytes | None
    verified: bool | None
    confirmed_at: datetime | None


class ConsentProofRow(msgspec.Struct, frozen=True):
    """An agreement, of somebody who is here or of one who is gone."""

    purpose: str
    version: int
    language: str
    text_sha256: bytes
    given_at: datetime
    withdrawn_at: datetime | None


async def ensure(
    conn: Connection, *, erasure_id: UUID, person_id: UUID, about_community: UUID | None
) -> CertificateRow:
    """The erasure's certificate for the person (None) or a community; made where there is none. The person's scope."""
    await conn.execute(
        """
        INSERT INTO erasure_certificate (erasure_id, person_id, about_community) VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING
        """,
        erasure_id, person_id, about_community,
    )  # fmt: skip
    return await require_one(
        conn,
        CertificateRow,
        """
        SELECT certificate_id, erasure_id, person_id, about_community, status, document, made_at
        FROM erasure_certificate WHERE erasure_id = $1 AND about_community IS NOT DISTINCT FROM $2
        """,
        erasure_id, about_community,
    )  # fmt: skip


async def get(
    conn: Connection, *, erasure_id: UUID, person_id: UUID | None = None, about_community: UUID | None
) -> CertificateRow | None:
    """The erasure's certificate that the scope sees: the person's own (None), or a community's."""
    return await fetch_one(
        conn,
        CertificateRow,
        """
        SELECT certificate_id, erasure_id, person_id, about_community, status, document, made_at
        FROM erasure_certificate
        WHERE erasure_id = $1 AND about_community IS NOT DISTINCT FROM $2 AND ($3::uuid IS NULL OR person_id = $3)
        """,
        erasure_id, about_community, person_id,
    )  # fmt: skip


async def find(conn: Connection, *, certificate_id: UUID) -> CertificateRow | None:
    """A certificate by its own id. Needs the platform scope; the caller has shown that he holds its link."""
    return await fetch_one(
        conn,
        CertificateRow,
        """
        SELECT certificate_id, erasure_id, person_id, about_community, status, document, made_at
        FROM erasure_certificate WHERE certificate_id = $1
        """,
        certificate_id,
    )


async def list_of_erasure(conn: Connection, *, erasure_id: UUID) -> list[CertificateRow]:
    """All certificates of an erasure, the person's own first. Needs his scope."""
    return await fetch_all(
        conn,
        CertificateRow,
        """
        SELECT certificate_id, erasure_id, person_id, about_community, status, document, made_at
        FROM erasure_certificate WHERE erasure_id = $1 ORDER BY about_community NULLS FIRST
        """,
        erasure_id,
    )


async def store(
    conn: Connection,
    *,
    certificate_id: UUID,
    status: Literal["provisional", "complete"],
    document: bytes,
    at: datetime,
) -> None:
    """What is handed out from now on; a complete one stays as it is. Needs the person's scope."""
    await conn.execute(
        """
        UPDATE erasure_certificate SET status = $2, document = $3, made_at = $4
        WHERE certificate_id = $1 AND status <> 'complete'
        """,
        certificate_id, status, document, at,
    )  # fmt: skip


async def list_gate_words(
    conn: Connection, *, community_id: UUID, epoch: int, version: int, removed_at: datetime
) -> list[GateWordRow]:
    """The community's gates that may have known somebody who was removed then, by name. The community's scope.

    Those in service, those revoked since, none that was made later; and of each the first roster at or after that
    version that its present device said it has.
    """
    return await fetch_all(
        conn,
        GateWordRow,
        """
        SELECT g.gate_id, g.name, greatest(g.provisioned_at, g.last_seen_at, g.acked_at) AS last_contact_at,
            g.revoked_at, c.wipe_after_s, r.epoch, r.version, r.digest, r.verified, r.confirmed_at
        FROM gate g
        JOIN community c USING (community_id)
        LEFT JOIN LATERAL (
            SELECT epoch, version, digest, verified, confirmed_at FROM roster_receipt r
            WHERE r.community_id = g.community_id AND r.gate_id = g.gate_id AND r.confirmed_at >= g.provisioned_at
                AND ((r.epoch = $2 AND r.version >= $3) OR r.epoch > $2)
            ORDER BY r.confirmed_at, r.epoch, r.version LIMIT 1
        ) r ON true
        WHERE g.community_id = $1 AND g.provisioned_at IS NOT NULL AND g.created_at <= $4
            AND (g.revoked_at IS NULL OR g.revoked_at >= $4)
        ORDER BY g.name, g.gate_id
        """,
        community_id, epoch, version, removed_at,
    )  # fmt: skip


async def list_consents(conn: Connection, *, person_id: UUID, erasure_id: UUID) -> list[ConsentProofRow]:
    """What the person agreed to, the oldest first, whether he is here or only the proof of it. Needs his scope."""
    return await fetch_all(
        conn,
        ConsentProofRow,
        """
        SELECT purpose, version, language, text_sha256, given_at, withdrawn_at FROM consent WHERE person_id = $1
        UNION ALL
        SELECT purpose, version, language, text_sha256, given_at, withdrawn_at FROM consent_proof
        WHERE person_id = $1 AND erasure_id = $2
        ORDER BY given_at, purpose LIMIT 500
        """,
        person_id, erasure_id,
    )  # fmt: skip

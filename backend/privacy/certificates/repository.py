"""SQL of certificates, and of the gates' words that they name."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all, fetch_one
from backend.privacy.repository import ErasureRow

__all__ = [
    "CertificateRow",
    "GateWordRow",
    "Wanted",
    "ensure",
    "find",
    "get",
    "list_consents",
    "list_gate_words",
    "list_of_erasures",
    "store",
]


class CertificateRow(msgspec.Struct, frozen=True):
    """A certificate; ``about_community`` None is the person's own, ``document`` the signed JSON."""

    certificate_id: UUID
    erasure_id: UUID
    about_community: UUID | None
    document: bytes | None


class Wanted(msgspec.Struct, frozen=True):
    """A certificate that an erasure has: the person's own (None), or a community's."""

    erasure_id: UUID
    person_id: UUID
    about_community: UUID | None


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
    """An agreement; ``erasure_id`` is whose certificate names it, ``gone`` that only the proof of it is left."""

    erasure_id: UUID
    purpose: str
    version: int
    language: str
    text_sha256: bytes
    given_at: datetime
    withdrawn_at: datetime | None
    gone: bool


async def ensure(conn: Connection, *, wanted: Sequence[Wanted]) -> None:
    """Make those certificates, still empty, that are not there. The person's scope; the platform's for the worker."""
    await conn.execute(
        """
        INSERT INTO erasure_certificate (erasure_id, person_id, about_community)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) ON CONFLICT DO NOTHING
        """,
        [one.erasure_id for one in wanted], [one.person_id for one in wanted],
        [one.about_community for one in wanted],
    )  # fmt: skip


async def get(
    conn: Connection, *, erasure_id: UUID, person_id: UUID | None = None, about_community: UUID | None
) -> CertificateRow | None:
    """The erasure's certificate that the scope sees: the person's own (None), or a community's."""
    return await fetch_one(
        conn,
        CertificateRow,
        """
        SELECT certificate_id, erasure_id, about_community, document
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
        SELECT certificate_id, erasure_id, about_community, document
        FROM erasure_certificate WHERE certificate_id = $1
        """,
        certificate_id,
    )


async def list_of_erasures(conn: Connection, *, erasure_ids: Sequence[UUID]) -> list[CertificateRow]:
    """All certificates of the erasures, the people's own first. The worker's, in the platform scope."""
    return await fetch_all(
        conn,
        CertificateRow,
        """
        SELECT certificate_id, erasure_id, about_community, document
        FROM erasure_certificate WHERE erasure_id = ANY ($1) ORDER BY about_community NULLS FIRST
        """,
        erasure_ids,
    )


async def store(
    conn: Connection,
    *,
    status: Literal["provisional", "complete"],
    documents: Sequence[tuple[UUID, bytes]],
    at: datetime,
) -> None:
    """What is handed out from now on, by certificate; a complete one stays as it is. The worker's, as above."""
    await conn.execute(
        """
        UPDATE erasure_certificate c SET status = $3, document = d.document, made_at = $4
        FROM unnest($1::uuid[], $2::bytea[]) AS d (certificate_id, document)
        WHERE c.certificate_id = d.certificate_id AND c.status <> 'complete'
        """,
        [certificate_id for certificate_id, _ in documents], [document for _, document in documents], status, at,
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


async def list_consents(conn: Connection, *, erasures: Sequence[ErasureRow]) -> dict[UUID, list[ConsentProofRow]]:
    """What each agreed to, the oldest first, whether he is here or only the proof of it. The worker's, as above."""
    rows = await fetch_all(
        conn,
        ConsentProofRow,
        """
        WITH asked AS (SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS a (erasure_id, person_id))
        SELECT a.erasure_id, c.purpose, c.version, c.language, c.text_sha256, c.given_at, c.withdrawn_at,
            false AS gone
        FROM asked a JOIN consent c USING (person_id)
        UNION ALL
        SELECT a.erasure_id, c.purpose, c.version, c.language, c.text_sha256, c.given_at, c.withdrawn_at,
            true AS gone
        FROM asked a JOIN consent_proof c USING (erasure_id, person_id)
        ORDER BY given_at, purpose
        """,
        [row.erasure_id for row in erasures], [row.person_id for row in erasures],
    )  # fmt: skip
    found: dict[UUID, list[ConsentProofRow]] = {row.erasure_id: [] for row in erasures}
    for row in rows:
        found[row.erasure_id].append(row)
    return found

"""SQL of consent documents, consents and holds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.guardians.repository import GuardianRelation
from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one

__all__ = [
    "ConsentRow",
    "DocumentRow",
    "Language",
    "Paper",
    "Versions",
    "delete_hold",
    "delete_holds",
    "delete_old_consents",
    "get_document",
    "get_standing",
    "get_versions",
    "has_agreed",
    "has_hold",
    "insert_consent",
    "insert_hold",
    "list_consents",
    "list_current_documents",
    "withdraw",
    "withdraw_as",
]

Language = Literal["zh-CN", "en"]


class DocumentRow(msgspec.Struct, frozen=True):
    """A published text; ``sha256`` is over the body's UTF-8 bytes, 32 bytes.

    ``asks_again`` says that agreement to earlier versions ends with it; ``changes`` is what it says anew.
    """

    purpose: str
    version: int
    language: Language
    title: str
    body: str
    sha256: bytes
    asks_again: bool
    changes: str | None


class Versions(msgspec.Struct, frozen=True):
    """Of a purpose's text: the current version, and the first one to which agreement still counts."""

    current: int
    counts_from: int


class Paper(msgspec.Struct, frozen=True):
    """A text signed on paper: the number under which the office keeps the sheet, and who of its staff recorded it."""

    reference: str
    recorded_by: UUID


class ConsentRow(msgspec.Struct, frozen=True):
    """A person's agreement to one exact text. ``counts`` says that it stands, and that no later text has ended it.

    ``paper_reference`` and ``recorded_by`` where he signed it on paper at an office's desk: the sheet's number there,
    and who of its staff recorded it.
    """

    consent_id: UUID
    purpose: str
    version: int
    language: Language
    text_sha256: bytes
    given_at: datetime
    withdrawn_at: datetime | None
    counts: bool
    # Who said it for a child, while he is known to us, and what he is to it.
    guardian_relation: GuardianRelation | None = None


async def list_current_documents(conn: Connection) -> list[DocumentRow]:
    """The current text of every purpose in every language."""
    return await fetch_all(
        conn,
        DocumentRow,
        """
        SELECT purpose, version, language, title, body, sha256, asks_again, changes FROM consent_document d
        WHERE version = (SELECT max(version) FROM consent_document WHERE purpose = d.purpose)
        ORDER BY purpose, language
        """,
    )


async def get_document(conn: Connection, *, purpose: str, version: int, language: str) -> DocumentRow | None:
    """One text."""
    return await fetch_one(
        conn,
        DocumentRow,
        """
        SELECT purpose, version, language, title, body, sha256, asks_again, changes FROM consent_document
        WHERE purpose = $1 AND version = $2 AND language = $3
        """,
        purpose, version, language,
    )  # fmt: skip


async def get_versions(conn: Connection, *, purpose: str) -> Versions:
    """Which versions there are of the purpose's text."""
    return await require_one(
        conn,
        Versions,
        """
        SELECT max(version) AS current, coalesce(max(version) FILTER (WHERE asks_again), 1) AS counts_from
        FROM consent_document WHERE purpose = $1
        """,
        purpose,
    )


async def has_agreed(conn: Connection, *, person_id: UUID, purpose: str) -> bool:
    """Whether the person has agreed to a version that counts, and has not taken it back."""
    found: bool = await conn.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM consent c WHERE c.person_id = $1 AND c.purpose = $2 AND c.withdrawn_at IS NULL
                AND NOT EXISTS (
                    SELECT FROM consent_document d
                    WHERE d.purpose = c.purpose AND d.version > c.version AND d.asks_again
                )
        )
        """,
        person_id, purpose,
    )  # fmt: skip
    return found


async def get_standing(conn: Connection, *, person_id: UUID, purpose: str, version: int) -> ConsentRow | None:
    """The person's agreement to that version, where he has not taken it back."""
    return await fetch_one(
        conn,
        ConsentRow,
        """
        SELECT consent_id, purpose, version, language, text_sha256, given_at, withdrawn_at, guardian_relation,
            NOT EXISTS (
                SELECT FROM consent_document d
                WHERE d.purpose = c.purpose AND d.version > c.version AND d.asks_again
            ) AS counts
        FROM consent c
        WHERE person_id = $1 AND purpose = $2 AND version = $3 AND withdrawn_at IS NULL
        """,
        person_id, purpose, version,
    )  # fmt: skip


async def insert_consent(
    conn: Connection,
    *,
    person_id: UUID,
    document: DocumentRow,
    surface: str,
    given_at: datetime,
    given_by: UUID | None = None,
    guardian_relation: GuardianRelation | None = None,
    paper: Paper | None = None,
) -> bool:
    """The person's agreement; False, and nothing happens, where it stands already. Needs the person's scope."""
    done = await conn.execute(
        """
        INSERT INTO consent (person_id, purpose, version, language, text_sha256, surface, given_at, given_by,
            guardian_relation, paper_reference, recorded_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (person_id, purpose, version) WHERE withdrawn_at IS NULL DO NOTHING
        """,
        person_id, document.purpose, document.version, document.language, document.sha256, surface, given_at,
        given_by, guardian_relation, None if paper is None else paper.reference,
        None if paper is None else paper.recorded_by,
    )  # fmt: skip
    return affected(done) == 1


async def list_consents(conn: Connection, *, person_id: UUID) -> list[ConsentRow]:
    """All that the person ever agreed to, the newest first."""
    return await fetch_all(
        conn,
        ConsentRow,
        """
        SELECT consent_id, purpose, version, language, text_sha256, given_at, withdrawn_at, guardian_relation,
            withdrawn_at IS NULL AND NOT EXISTS (
                SELECT FROM consent_document d
                WHERE d.purpose = c.purpose AND d.version > c.version AND d.asks_again
            ) AS counts
        FROM consent c WHERE person_id = $1 ORDER BY given_at DESC, version DESC, purpose LIMIT 500
        """,
        person_id,
    )


async def withdraw(conn: Connection, *, person_id: UUID, purpose: str, now: datetime) -> int:
    """Take back every standing agreement to the purpose; answers how many. Needs the person's scope."""
    done: str = await conn.execute(
        """
        UPDATE consent SET withdrawn_at = greatest($3, given_at)
        WHERE person_id = $1 AND purpose = $2 AND withdrawn_at IS NULL
        """,
        person_id, purpose, now,
    )  # fmt: skip
    return affected(done)


async def withdraw_as(conn: Connection, *, person_id: UUID, purpose: str, by_guardian: bool, now: datetime) -> int:
    """End what guardians agreed to for him, or what he himself did; answers how many. Needs the person's scope."""
    return affected(
        await conn.execute(
            """
            UPDATE consent SET withdrawn_at = greatest($4, given_at)
            WHERE person_id = $1 AND purpose = $2 AND withdrawn_at IS NULL AND (guardian_relation IS NOT NULL) = $3
            """,
            person_id, purpose, by_guardian, now,
        )
    )  # fmt: skip


async def insert_hold(conn: Connection, *, person_id: UUID, erasure_id: UUID) -> None:
    """Keep the person from giving anew until the erasure lifts it. Needs the person's scope."""
    await conn.execute(
        "INSERT INTO consent_hold (person_id, erasure_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", person_id, erasure_id
    )


async def delete_hold(conn: Connection, *, person_id: UUID, erasure_id: UUID) -> None:
    """Lift an erasure's hold. Needs the person's scope."""
    await conn.execute("DELETE FROM consent_hold WHERE person_id = $1 AND erasure_id = $2", person_id, erasure_id)


async def delete_holds(conn: Connection, *, erasure_ids: Sequence[UUID]) -> None:
    """Lift the holds of many erasures. The worker's, in the platform scope."""
    await conn.execute("DELETE FROM consent_hold WHERE erasure_id = ANY ($1)", erasure_ids)


async def has_hold(conn: Connection, *, person_id: UUID) -> bool:
    """Whether an erasure holds the person's consent. Needs the person's scope."""
    held: bool = await conn.fetchval("SELECT EXISTS (SELECT FROM consent_hold WHERE person_id = $1)", person_id)
    return held


async def delete_old_consents(conn: Connection, *, before: datetime, limit: int) -> int:
    """Delete consents that were withdrawn before that time, at most ``limit``; how many. Platform scope."""
    return affected(
        await conn.execute(
            """
            DELETE FROM consent WHERE consent_id IN (
                SELECT consent_id FROM consent WHERE withdrawn_at < $1 ORDER BY withdrawn_at LIMIT $2
            )
            """,
            before, limit,
        )
    )  # fmt: skip

"""SQL of look-alikes: the marks that credentials bear. Always in the community's scope."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from backend.enrolment.findings import LOOK_ALIKE
from backend.kit.db import Connection, fetch_all

__all__ = ["LookAlikeRow", "is_vouched", "list_lookalikes", "mark", "unmark"]


class LookAlikeRow(msgspec.Struct, frozen=True):
    """A subject marked as somebody's look-alike; ``still`` where he is."""

    subject_id: UUID
    still: bool


async def is_vouched(conn: Connection, *, community_id: UUID, subject_id: UUID) -> bool:
    """Whether the subject has a credential for which somebody, or the register's photograph, has vouched."""
    found: bool = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM face_credential WHERE community_id = $1 AND subject_id = $2 AND vouched)",
        community_id,
        subject_id,
    )
    return found


async def mark(conn: Connection, *, community_id: UUID, subject_id: UUID, vouched: bool, alike: Sequence[UUID]) -> None:
    """Say of a credential whether somebody has vouched for it, and of it and these others that they are look-alikes."""
    await conn.execute(
        """
        UPDATE face_credential
        SET lookalike = CASE WHEN subject_id = $2 THEN cardinality($4::uuid[]) > 0 ELSE true END,
            vouched = CASE WHEN subject_id = $2 THEN $3 ELSE vouched END
        WHERE community_id = $1 AND (subject_id = $2 OR (subject_id = ANY ($4) AND NOT lookalike))
        """,
        community_id, subject_id, vouched, list(alike),
    )  # fmt: skip


async def list_lookalikes(conn: Connection, *, community_id: UUID, after: UUID, limit: int) -> list[LookAlikeRow]:
    """Subjects that are marked as look-alikes, and whether any other still is so like them; by subject."""
    return await fetch_all(
        conn,
        LookAlikeRow,
        """
        SELECT fc.subject_id, EXISTS (
            SELECT FROM gallery g JOIN gallery o
                ON o.community_id = g.community_id AND o.pack = g.pack AND o.subject_id <> g.subject_id
            WHERE g.community_id = $1 AND g.subject_id = fc.subject_id AND -(o.embedding <#> g.embedding) >= $4
        ) AS still
        FROM face_credential fc
        WHERE fc.community_id = $1 AND fc.lookalike AND fc.subject_id > $2
            AND EXISTS (SELECT FROM gallery g WHERE g.community_id = $1 AND g.subject_id = fc.subject_id)
        ORDER BY fc.subject_id LIMIT $3
        """,
        community_id, after, limit, LOOK_ALIKE,
    )  # fmt: skip


async def unmark(conn: Connection, *, community_id: UUID, subject_ids: Sequence[UUID]) -> None:
    """They are nobody's look-alikes any more."""
    await conn.execute(
        "UPDATE face_credential SET lookalike = false WHERE community_id = $1 AND subject_id = ANY ($2)",
        community_id, list(subject_ids),
    )  # fmt: skip

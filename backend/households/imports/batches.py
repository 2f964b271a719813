"""SQL of imports' batches: some hundred lines of one community each, and what became of them. Platform or community."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all, fetch_one, require_one

__all__ = [
    "BatchRow",
    "NewBatch",
    "Progress",
    "delete_batches",
    "get_outcome",
    "get_progress",
    "hold_batch",
    "insert_batches",
    "list_batches",
    "list_outcomes",
    "list_sealed",
    "reset_batches",
    "settle_batch",
    "touches",
]


Kind = Literal["lines", "unread", "ends"]


class Progress(msgspec.Struct, frozen=True):
    """How many lines there are so far, how many are done, and what became of them."""

    lines: int
    done: int
    created: int
    updated: int
    unchanged: int
    ended: int
    refused: int


class BatchRow(msgspec.Struct, frozen=True):
    """A batch without its lines."""

    community_id: UUID
    position: int
    kind: Kind
    done_at: datetime | None


class NewBatch(msgspec.Struct, frozen=True):
    """A batch to be written. Lines that could not be read are done as they are."""

    community_id: UUID
    position: int
    kind: Kind
    first_line: int
    lines: int
    sealed: bytes | None = None
    outcome: bytes | None = None
    ended: int = 0
    refused: int = 0
    done_at: datetime | None = None


class SealedRow(msgspec.Struct, frozen=True):
    """A batch's lines, sealed."""

    position: int
    sealed: bytes


class OutcomeRow(msgspec.Struct, frozen=True):
    """What became of a batch's lines, encoded; None while it is not done."""

    position: int
    community_id: UUID
    first_line: int
    outcome: bytes | None


async def touches(conn: Connection, *, import_id: UUID, communities: Sequence[UUID]) -> bool:
    """Whether the import has lines of one of these communities."""
    found: bool = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM register_import_batch WHERE community_id = ANY ($2) AND import_id = $1)",
        import_id, list(communities),
    )  # fmt: skip
    return found


async def get_progress(conn: Connection, *, import_id: UUID, communities: Sequence[UUID] | None = None) -> Progress:
    """Sums over the import's batches, or those of some communities: some hundred rows."""
    return await require_one(
        conn,
        Progress,
        """
        SELECT coalesce(sum(lines), 0) AS lines, coalesce(sum(lines) FILTER (WHERE done_at IS NOT NULL), 0) AS done,
            coalesce(sum(created), 0) AS created, coalesce(sum(updated), 0) AS updated,
            coalesce(sum(unchanged), 0) AS unchanged, coalesce(sum(ended), 0) AS ended,
            coalesce(sum(refused), 0) AS refused
        FROM register_import_batch WHERE import_id = $1 AND ($2::uuid[] IS NULL OR community_id = ANY ($2))
        """,
        import_id, None if communities is None else list(communities),
    )  # fmt: skip


async def reset_batches(conn: Connection, *, import_id: UUID) -> None:
    """Forget what a check found, but for whom it would end, and for what could not be read."""
    await conn.execute(
        """
        UPDATE register_import_batch SET done_at = NULL, created = 0, updated = 0, unchanged = 0, ended = 0,
            outcome = CASE WHEN kind = 'ends' THEN outcome END, refused = 0
        WHERE import_id = $1 AND kind <> 'unread'
        """,
        import_id,
    )


async def get_outcome(conn: Connection, *, community_id: UUID, import_id: UUID, position: int) -> bytes | None:
    """What a batch keeps, encoded."""
    kept: bytes | None = await conn.fetchval(
        "SELECT outcome FROM register_import_batch WHERE community_id = $1 AND import_id = $2 AND position = $3",
        community_id, import_id, position,
    )  # fmt: skip
    return kept


async def delete_batches(conn: Connection, *, import_id: UUID) -> None:
    """Begin to read anew."""
    await conn.execute("DELETE FROM register_import_batch WHERE import_id = $1", import_id)


async def insert_batches(conn: Connection, *, import_id: UUID, batches: Sequence[NewBatch]) -> None:
    """Batches that were read."""
    await conn.executemany(
        """
        INSERT INTO register_import_batch (community_id, import_id, position, kind, first_line, lines, sealed, outcome,
                                           ended, refused, done_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        [
            (
                batch.community_id, import_id, batch.position, batch.kind, batch.first_line, batch.lines, batch.sealed,
                batch.outcome, batch.ended, batch.refused, batch.done_at,
            )
            for batch in batches
        ],
    )  # fmt: skip


async def list_batches(conn: Connection, *, import_id: UUID) -> list[BatchRow]:
    """The import's batches in the order in which they were read, the ends last."""
    return await fetch_all(
        conn,
        BatchRow,
        """
        SELECT community_id, position, kind, done_at FROM register_import_batch
        WHERE import_id = $1 ORDER BY position
        """,
        import_id,
    )


async def hold_batch(conn: Connection, *, community_id: UUID, import_id: UUID, position: int) -> SealedRow | None:
    """A batch that is not done, locked: two runs never do one twice. The community's scope."""
    return await fetch_one(
        conn,
        SealedRow,
        """
        SELECT position, sealed FROM register_import_batch
        WHERE community_id = $1 AND import_id = $2 AND position = $3 AND done_at IS NULL AND sealed IS NOT NULL
        FOR UPDATE
        """,
        community_id, import_id, position,
    )  # fmt: skip


async def list_sealed(conn: Connection, *, community_id: UUID, import_id: UUID) -> list[SealedRow]:
    """All lines of a community's, sealed."""
    return await fetch_all(
        conn,
        SealedRow,
        """
        SELECT position, sealed FROM register_import_batch
        WHERE community_id = $1 AND import_id = $2 AND kind = 'lines' AND sealed IS NOT NULL ORDER BY position
        """,
        community_id, import_id,
    )  # fmt: skip


async def settle_batch(
    conn: Connection, *, community_id: UUID, import_id: UUID, position: int, outcome: bytes, created: int, updated: int,
    unchanged: int, ended: int, refused: int, now: datetime,
) -> None:  # fmt: skip
    """What became of a batch, in the transaction that did it."""
    await conn.execute(
        """
        UPDATE register_import_batch SET outcome = $4, created = $5, updated = $6, unchanged = $7, ended = $8,
            refused = $9, done_at = $10
        WHERE community_id = $1 AND import_id = $2 AND position = $3
        """,
        community_id, import_id, position, outcome, created, updated, unchanged, ended, refused, now,
    )  # fmt: skip


async def list_outcomes(
    conn: Connection,
    *,
    import_id: UUID,
    communities: Sequence[UUID] | None,
    after: tuple[int, int] | None,
    limit: int,
) -> list[OutcomeRow]:
    """Batches by their first line, those after (first line, position); of all communities, or of some."""
    line, position = after or (None, None)
    return await fetch_all(
        conn,
        OutcomeRow,
        """
        SELECT position, community_id, first_line, outcome FROM register_import_batch
        WHERE import_id = $1 AND ($2::integer IS NULL OR (first_line, position) > ($2, $3::integer))
            AND ($5::uuid[] IS NULL OR community_id = ANY ($5))
        ORDER BY first_line, position LIMIT $4
        """,
        import_id, line, position, limit, None if communities is None else list(communities),
    )  # fmt: skip

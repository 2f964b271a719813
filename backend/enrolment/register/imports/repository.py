"""SQL of imports of register photographs. Always in the community's scope, but for what the worker looks for."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one

__all__ = [
    "ImportRow",
    "ImportState",
    "LineRow",
    "OutcomeRow",
    "begin_reading",
    "count_open",
    "count_outcomes",
    "delete_old",
    "enqueue",
    "finish",
    "get_import",
    "insert_import",
    "insert_line",
    "list_imports",
    "list_lines",
    "list_open",
    "list_read",
    "set_received",
]

ImportState = Literal["receiving", "waiting", "working", "done", "failed"]


class ImportRow(msgspec.Struct, frozen=True):
    """An archive; ``size`` in bytes, ``files`` once its directory has been read."""

    community_id: UUID
    import_id: UUID
    state: ImportState
    size: int
    files: int | None
    failure: str | None
    created_at: datetime
    created_by: UUID
    finished_at: datetime | None


class LineRow(msgspec.Struct, frozen=True):
    """What became of one file."""

    line: int
    file_name: str
    outcome: str
    member_id: UUID | None


class OutcomeRow(msgspec.Struct, frozen=True):
    """How many files came to one outcome."""

    outcome: str
    count: int


class _Line(msgspec.Struct, frozen=True):
    line: int


async def insert_import(
    conn: Connection, *, community_id: UUID, import_id: UUID, created_by: UUID, now: datetime
) -> None:
    """An import whose archive is about to be received."""
    await conn.execute(
        """
        INSERT INTO register_photo_import (community_id, import_id, state, created_at, created_by)
        VALUES ($1, $2, 'receiving', $3, $4)
        """,
        community_id, import_id, now, created_by,
    )  # fmt: skip


async def count_open(conn: Connection, *, community_id: UUID) -> int:
    """How many of the community's imports are not finished."""
    count: int = await conn.fetchval(
        """
        SELECT count(*) FROM register_photo_import
        WHERE community_id = $1 AND state IN ('receiving', 'waiting', 'working')
        """,
        community_id,
    )
    return count


async def set_received(conn: Connection, *, community_id: UUID, import_id: UUID, pieces: int, size: int) -> bool:
    """The archive is there, whole; False where the import was given up meanwhile."""
    done: str = await conn.execute(
        """
        UPDATE register_photo_import SET state = 'waiting', pieces = $3, size = $4
        WHERE community_id = $1 AND import_id = $2 AND state = 'receiving'
        """,
        community_id, import_id, pieces, size,
    )  # fmt: skip
    return affected(done) == 1


async def begin_reading(conn: Connection, *, community_id: UUID, import_id: UUID, files: int) -> None:
    """The archive's directory has been read."""
    await conn.execute(
        """
        UPDATE register_photo_import SET state = 'working', files = $3
        WHERE community_id = $1 AND import_id = $2 AND state IN ('waiting', 'working')
        """,
        community_id, import_id, files,
    )  # fmt: skip


async def finish(conn: Connection, *, community_id: UUID, import_id: UUID, failure: str | None, now: datetime) -> None:
    """The import is over."""
    await conn.execute(
        """
        UPDATE register_photo_import
        SET state = CASE WHEN $3::text IS NULL THEN 'done' ELSE 'failed' END, failure = $3, finished_at = $4
        WHERE community_id = $1 AND import_id = $2 AND state IN ('receiving', 'waiting', 'working')
        """,
        community_id, import_id, failure, now,
    )  # fmt: skip


async def get_import(conn: Connection, *, community_id: UUID, import_id: UUID) -> ImportRow | None:
    """One import of the community."""
    return await fetch_one(
        conn,
        ImportRow,
        """
        SELECT community_id, import_id, state, size, files, failure, created_at, created_by, finished_at
        FROM register_photo_import WHERE community_id = $1 AND import_id = $2
        """,
        community_id, import_id,
    )  # fmt: skip


async def list_imports(conn: Connection, *, community_id: UUID, limit: int) -> list[ImportRow]:
    """The community's newest imports."""
    return await fetch_all(
        conn,
        ImportRow,
        """
        SELECT community_id, import_id, state, size, files, failure, created_at, created_by, finished_at
        FROM register_photo_import WHERE community_id = $1 ORDER BY created_at DESC, import_id LIMIT $2
        """,
        community_id, limit,
    )  # fmt: skip


async def list_open(conn: Connection, *, limit: int) -> list[ImportRow]:
    """Imports that are not finished, in whatever community. The worker's, in the platform scope."""
    return await fetch_all(
        conn,
        ImportRow,
        """
        SELECT community_id, import_id, state, size, files, failure, created_at, created_by, finished_at
        FROM register_photo_import
        WHERE state IN ('receiving', 'waiting', 'working') ORDER BY created_at LIMIT $1
        """,
        limit,
    )


async def insert_line(conn: Connection, *, community_id: UUID, import_id: UUID, row: LineRow) -> bool:
    """What became of a file; False where that stands already."""
    done: str = await conn.execute(
        """
        INSERT INTO register_photo_line (community_id, import_id, line, file_name, outcome, member_id)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
        """,
        community_id, import_id, row.line, row.file_name, row.outcome, row.member_id,
    )  # fmt: skip
    return affected(done) == 1


async def list_read(conn: Connection, *, community_id: UUID, import_id: UUID) -> set[int]:
    """The lines that are done."""
    rows = await fetch_all(
        conn,
        _Line,
        "SELECT line FROM register_photo_line WHERE community_id = $1 AND import_id = $2",
        community_id, import_id,
    )  # fmt: skip
    return {row.line for row in rows}


async def count_outcomes(conn: Connection, *, community_id: UUID, import_id: UUID) -> list[OutcomeRow]:
    """How many files came to what."""
    return await fetch_all(
        conn,
        OutcomeRow,
        """
        SELECT outcome, count(*) AS count FROM register_photo_line
        WHERE community_id = $1 AND import_id = $2 GROUP BY outcome ORDER BY outcome
        """,
        community_id, import_id,
    )  # fmt: skip


async def list_lines(conn: Connection, *, community_id: UUID, import_id: UUID, after: int, limit: int) -> list[LineRow]:
    """What became of the files, in the archive's order."""
    return await fetch_all(
        conn,
        LineRow,
        """
        SELECT line, file_name, outcome, member_id FROM register_photo_line
        WHERE community_id = $1 AND import_id = $2 AND line > $3 ORDER BY line LIMIT $4
        """,
        community_id, import_id, after, limit,
    )  # fmt: skip


async def delete_old(conn: Connection, *, community_id: UUID, before: datetime, limit: int) -> int:
    """Delete reports of imports that were over before that time, at most ``limit`` lines; how many lines and imports.

    The worker's.
    """
    lines = affected(
        await conn.execute(
            """
            DELETE FROM register_photo_line WHERE community_id = $1 AND (import_id, line) IN (
                SELECT l.import_id, l.line
                FROM register_photo_import i JOIN register_photo_line l USING (community_id, import_id)
                WHERE i.community_id = $1 AND i.finished_at < $2 LIMIT $3
            )
            """,
            community_id, before, limit,
        )
    )  # fmt: skip
    if lines == limit:
        return lines
    imports = affected(
        await conn.execute(
            "DELETE FROM register_photo_import WHERE community_id = $1 AND finished_at < $2", community_id, before
        )
    )
    return min(limit - 1, lines + imports)


async def enqueue(conn: Connection, *, entrypoint: str, community_id: UUID, import_id: UUID) -> None:
    """Have the worker read the archive once this transaction commits, unless that waits or runs already."""
    await conn.execute(
        "SELECT jobs.enqueue($1, $2, $3)",
        entrypoint, f"{community_id}/{import_id}".encode(), f"{entrypoint}/{import_id}",
    )  # fmt: skip

"""SQL of imports; of their batches in batches. The platform's scope."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one

__all__ = [
    "ImportRow",
    "begin_run",
    "count_open",
    "delete_old_imports",
    "enqueue",
    "finish",
    "get_import",
    "hold_run",
    "insert_import",
    "list_imports",
    "list_reach",
    "list_to_run",
    "list_to_shred",
    "mark_shredded",
    "note_progress",
    "peek",
    "set_received",
    "set_state",
]

ImportState = Literal[
    "receiving", "waiting", "checking", "checked", "applying", "done", "cancelled", "failed", "expired"
]


class ImportRow(msgspec.Struct, frozen=True):
    """An import. ``options`` is JSON; ``reach`` the communities that it may change, None for all of the authority's."""

    import_id: UUID
    authority_id: UUID
    staff_id: UUID
    reach: list[UUID] | None
    options: str
    state: ImportState
    run: int
    file_bytes: int
    blocks: int
    read_bytes: int
    read_at: datetime | None
    encoding: str | None
    failure: str | None
    created_at: datetime
    began_at: datetime | None
    finished_at: datetime | None


class _Id(msgspec.Struct, frozen=True):
    id: UUID


async def list_reach(conn: Connection, *, staff_id: UUID, role: str) -> list[UUID]:
    """The communities that a role of this member of staff names."""
    rows = await fetch_all(
        conn,
        _Id,
        "SELECT reach AS id FROM staff_role WHERE staff_id = $1 AND role = $2 AND reach IS NOT NULL ORDER BY reach",
        staff_id, role,
    )  # fmt: skip
    return [row.id for row in rows]


async def count_open(conn: Connection, *, authority_id: UUID) -> int:
    """The authority's imports whose files are still there; the authority is locked, so that two cannot both be last."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"imports/{authority_id}")
    count: int = await conn.fetchval(
        "SELECT count(*) FROM register_import WHERE authority_id = $1 AND shredded_at IS NULL", authority_id
    )
    return count


async def insert_import(
    conn: Connection, *, authority_id: UUID, staff_id: UUID, reach: Sequence[UUID] | None, options: str, now: datetime
) -> ImportRow:
    """A new import that waits for its file."""
    return await require_one(
        conn,
        ImportRow,
        """
        INSERT INTO register_import (authority_id, staff_id, reach, options, state, created_at)
        VALUES ($1, $2, $3, $4, 'receiving', $5)
        RETURNING import_id, authority_id, staff_id, reach, options, state, run, file_bytes, blocks, read_bytes,
            read_at, encoding, failure, created_at, began_at, finished_at
        """,
        authority_id, staff_id, None if reach is None else list(reach), options, now,
    )  # fmt: skip


async def get_import(conn: Connection, *, authority_id: UUID, import_id: UUID, lock: bool = False) -> ImportRow | None:
    """One import of the authority's; locked where it is to be changed."""
    if lock:
        await conn.execute(
            "SELECT FROM register_import WHERE authority_id = $1 AND import_id = $2 FOR UPDATE", authority_id, import_id
        )
    return await fetch_one(
        conn, ImportRow, """
        SELECT import_id, authority_id, staff_id, reach, options, state, run, file_bytes, blocks, read_bytes,
            read_at, encoding, failure, created_at, began_at, finished_at
        FROM register_import WHERE authority_id = $1 AND import_id = $2
        """,
        authority_id, import_id,
    )  # fmt: skip


async def list_imports(
    conn: Connection,
    *,
    authority_id: UUID,
    staff_id: UUID,
    reach: Sequence[UUID] | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[ImportRow]:
    """The authority's imports, the newest first; with ``reach`` those of the member of staff and of those places."""
    at, import_id = before or (None, None)
    return await fetch_all(
        conn,
        ImportRow,
        """
        SELECT import_id, authority_id, staff_id, reach, options, state, run, file_bytes, blocks, read_bytes,
            read_at, encoding, failure, created_at, began_at, finished_at
        FROM register_import i
        WHERE authority_id = $1 AND ($3::uuid[] IS NULL OR staff_id = $2 OR EXISTS (
                SELECT FROM register_import_batch b WHERE b.community_id = ANY ($3) AND b.import_id = i.import_id
            ))
            AND ($4::timestamptz IS NULL OR (created_at, import_id) < ($4, $5::uuid))
        ORDER BY created_at DESC, import_id DESC LIMIT $6
        """,
        authority_id, staff_id, None if reach is None else list(reach), at, import_id, limit,
    )  # fmt: skip


async def set_received(conn: Connection, *, import_id: UUID, file_bytes: int, blocks: int) -> bool:
    """The file is there; whether it was still waited for."""
    return (
        affected(
            await conn.execute(
                """
                UPDATE register_import SET state = 'waiting', file_bytes = $2, blocks = $3
                WHERE import_id = $1 AND state = 'receiving'
                """,
                import_id, file_bytes, blocks,
            )
        )
        == 1
    )  # fmt: skip


async def set_state(
    conn: Connection, *, import_id: UUID, state: ImportState, options: str, finished_at: datetime | None
) -> None:
    """What the office decided: to apply what was checked, or to cancel."""
    await conn.execute(
        "UPDATE register_import SET state = $2, options = $3, finished_at = $4 WHERE import_id = $1",
        import_id, state, options, finished_at,
    )  # fmt: skip


async def peek(conn: Connection, *, import_id: UUID) -> ImportRow | None:
    """An import, whoever's it is. The worker's."""
    return await fetch_one(
        conn,
        ImportRow,
        """
        SELECT import_id, authority_id, staff_id, reach, options, state, run, file_bytes, blocks, read_bytes,
            read_at, encoding, failure, created_at, began_at, finished_at
        FROM register_import WHERE import_id = $1
        """,
        import_id,
    )


async def begin_run(conn: Connection, *, import_id: UUID, state: ImportState, now: datetime) -> ImportRow | None:
    """Take the import for this run of the worker, if it is to be run; one that had it before writes nothing more."""
    return await fetch_one(
        conn,
        ImportRow,
        """
        UPDATE register_import SET run = run + 1, state = $2,
            began_at = CASE WHEN state = $2 THEN coalesce(began_at, $3) ELSE $3 END
        WHERE import_id = $1 AND state IN ('waiting', 'checking', 'applying')
        RETURNING import_id, authority_id, staff_id, reach, options, state, run, file_bytes, blocks, read_bytes,
            read_at, encoding, failure, created_at, began_at, finished_at
        """,
        import_id, state, now,
    )  # fmt: skip


async def hold_run(conn: Connection, *, import_id: UUID, run: int) -> bool:
    """Whether the import is still this run's and not cancelled; held so until the transaction ends."""
    found = await conn.fetchval(
        """
        SELECT true FROM register_import
        WHERE import_id = $1 AND run = $2 AND state IN ('checking', 'applying') FOR SHARE
        """,
        import_id, run,
    )  # fmt: skip
    return found is True


async def note_progress(
    conn: Connection, *, import_id: UUID, read_bytes: int, read_at: datetime | None, encoding: str
) -> None:
    """How far the file is read; ``read_at`` once it is to its end."""
    await conn.execute(
        "UPDATE register_import SET read_bytes = $2, read_at = $3, encoding = $4 WHERE import_id = $1",
        import_id, read_bytes, read_at, encoding,
    )  # fmt: skip


async def finish(
    conn: Connection, *, import_id: UUID, run: int, state: ImportState, failure: str | None, now: datetime
) -> bool:
    """How this run of the import ended; False where it was cancelled or another run has it."""
    return (
        affected(
            await conn.execute(
                """
                UPDATE register_import SET state = $3, failure = $4, finished_at = $5
                WHERE import_id = $1 AND run = $2 AND state IN ('checking', 'applying')
                """,
                import_id, run, state, failure, now,
            )
        )
        == 1
    )  # fmt: skip


async def list_to_run(conn: Connection) -> list[UUID]:
    """Imports that the worker has something to do for."""
    rows = await fetch_all(
        conn,
        _Id,
        """
        SELECT import_id AS id FROM register_import
        WHERE shredded_at IS NULL AND state IN ('waiting', 'checking', 'applying') ORDER BY created_at LIMIT 100
        """,
    )
    return [row.id for row in rows]


async def list_to_shred(conn: Connection, *, before: datetime, limit: int) -> list[UUID]:
    """Imports whose file is not needed any more: they are over, or were begun before that time."""
    rows = await fetch_all(
        conn,
        _Id,
        """
        SELECT import_id AS id FROM register_import
        WHERE shredded_at IS NULL
            AND (state IN ('done', 'cancelled', 'failed', 'expired') OR created_at < $1)
        ORDER BY created_at LIMIT $2
        """,
        before, limit,
    )  # fmt: skip
    return [row.id for row in rows]


async def mark_shredded(conn: Connection, *, import_id: UUID, now: datetime) -> None:
    """The file's key is destroyed; the sealed lines go, and an import that was still open has expired."""
    await conn.execute("UPDATE register_import_batch SET sealed = NULL WHERE import_id = $1", import_id)
    await conn.execute(
        """
        UPDATE register_import SET shredded_at = $2, run = run + 1, finished_at = coalesce(finished_at, $2),
            state = CASE WHEN state IN ('done', 'cancelled', 'failed') THEN state ELSE 'expired' END
        WHERE import_id = $1
        """,
        import_id, now,
    )  # fmt: skip


async def delete_old_imports(conn: Connection, *, before: datetime, limit: int) -> int:
    """Delete imports that were over before that time, with their reports, at most ``limit``; how many."""
    return affected(
        await conn.execute(
            """
            DELETE FROM register_import WHERE import_id IN (
                SELECT import_id FROM register_import
                WHERE finished_at < $1 AND shredded_at IS NOT NULL ORDER BY finished_at LIMIT $2
            )
            """,
            before, limit,
        )
    )  # fmt: skip


async def enqueue(conn: Connection, *, entrypoint: str, import_id: UUID) -> None:
    """Have the worker run the import once this transaction commits; nothing where that waits already."""
    await conn.execute(
        "SELECT jobs.enqueue($1, $2, $3)", entrypoint, str(import_id).encode(), f"{entrypoint}/{import_id}"
    )

"""SQL of guests' passes."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one

__all__ = [
    "PassRow",
    "WindowRow",
    "change_window",
    "count_open",
    "delete_old_passes",
    "end_pass",
    "get_uses",
    "insert_pass",
    "list_of_home",
    "list_open_of_home",
    "list_windows",
    "lock_pass",
    "read_pass",
    "set_accepted",
    "set_uses",
]


class PassRow(msgspec.Struct, frozen=True):
    """A guest's pass. ``subject_id`` once he accepted; ``ended_by`` is "host", "guest" or "staff"."""

    community_id: UUID
    pass_id: UUID
    home_id: UUID
    host_person_id: UUID | None
    guest_name: str
    kind: str
    valid_from: datetime
    valid_until: datetime
    subject_id: UUID | None
    accepted_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None


class WindowRow(msgspec.Struct, frozen=True):
    """When a guest may or might have come."""

    begin: datetime
    until: datetime


async def insert_pass(
    conn: Connection,
    *,
    community_id: UUID,
    home_id: UUID,
    host_person_id: UUID,
    guest_name: str,
    kind: str,
    valid_from: datetime,
    valid_until: datetime,
) -> PassRow:
    """A new pass, not yet accepted."""
    return await require_one(
        conn,
        PassRow,
        """
        INSERT INTO guest_pass (community_id, home_id, host_person_id, guest_name, kind, valid_from, valid_until)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        RETURNING community_id, pass_id, home_id, host_person_id, guest_name, kind, valid_from, valid_until, subject_id,
            accepted_at, ended_at, ended_by
        """,
        community_id, home_id, host_person_id, guest_name, kind, valid_from, valid_until,
    )  # fmt: skip


async def read_pass(conn: Connection, *, community_id: UUID, pass_id: UUID) -> PassRow | None:
    """A community's pass, for the guest whose it is."""
    return await fetch_one(
        conn,
        PassRow,
        """
        SELECT community_id, pass_id, home_id, host_person_id, guest_name, kind, valid_from, valid_until, subject_id,
            accepted_at, ended_at, ended_by
        FROM guest_pass WHERE community_id = $1 AND pass_id = $2
        """,
        community_id, pass_id,
    )  # fmt: skip


async def lock_pass(conn: Connection, *, community_id: UUID, home_id: UUID | None, pass_id: UUID) -> PassRow | None:
    """A home's pass, locked; ``home_id`` None is for the guest, whose link names no home."""
    return await fetch_one(
        conn,
        PassRow,
        """
        SELECT community_id, pass_id, home_id, host_person_id, guest_name, kind, valid_from, valid_until, subject_id,
            accepted_at, ended_at, ended_by
        FROM guest_pass WHERE community_id = $1 AND pass_id = $3 AND ($2::uuid IS NULL OR home_id = $2)
        FOR UPDATE
        """,
        community_id, home_id, pass_id,
    )  # fmt: skip


async def list_of_home(
    conn: Connection, *, community_id: UUID, home_id: UUID, after: tuple[datetime, UUID] | None, limit: int
) -> list[PassRow]:
    """A home's passes, latest window first, ``limit`` + 1 of them, beginning after the page before."""
    begin, pass_id = after or (None, None)
    return await fetch_all(
        conn,
        PassRow,
        """
        SELECT community_id, pass_id, home_id, host_person_id, guest_name, kind, valid_from, valid_until, subject_id,
            accepted_at, ended_at, ended_by
        FROM guest_pass
        WHERE community_id = $1 AND home_id = $2
            AND ($3::timestamptz IS NULL OR (valid_from, pass_id) < ($3, $4::uuid))
        ORDER BY valid_from DESC, pass_id DESC LIMIT $5
        """,
        community_id, home_id, begin, pass_id, limit + 1,
    )  # fmt: skip


async def list_open_of_home(
    conn: Connection, *, community_id: UUID, home_id: UUID, host_person_id: UUID | None, now: datetime
) -> list[PassRow]:
    """A home's passes that are not over, locked; only one host's where he is named."""
    return await fetch_all(
        conn,
        PassRow,
        """
        SELECT community_id, pass_id, home_id, host_person_id, guest_name, kind, valid_from, valid_until, subject_id,
            accepted_at, ended_at, ended_by
        FROM guest_pass
        WHERE community_id = $1 AND home_id = $2 AND ended_at IS NULL AND valid_until > $3
            AND ($4::uuid IS NULL OR host_person_id = $4)
        ORDER BY pass_id FOR UPDATE
        """,
        community_id, home_id, now, host_person_id,
    )  # fmt: skip


async def count_open(conn: Connection, *, community_id: UUID, home_id: UUID, now: datetime) -> int:
    """How many of the home's passes are not over."""
    count: int = await conn.fetchval(
        """
        SELECT count(*) FROM guest_pass
        WHERE community_id = $1 AND home_id = $2 AND ended_at IS NULL AND valid_until > $3
        """,
        community_id, home_id, now,
    )  # fmt: skip
    return count


async def list_windows(
    conn: Connection, *, community_id: UUID, home_id: UUID, since: datetime, without: UUID | None
) -> list[WindowRow]:
    """When the home has or had guests since then, each as long as it lasted, but for the pass ``without``."""
    return await fetch_all(
        conn,
        WindowRow,
        """
        SELECT greatest(valid_from, $3) AS begin, least(valid_until, coalesce(ended_at, valid_until)) AS until
        FROM guest_pass
        WHERE community_id = $1 AND home_id = $2 AND valid_until > $3 AND pass_id IS DISTINCT FROM $4
            AND (ended_at IS NULL OR ended_at > greatest(valid_from, $3))
        """,
        community_id, home_id, since, without,
    )  # fmt: skip


async def set_accepted(conn: Connection, *, community_id: UUID, pass_id: UUID, subject_id: UUID, now: datetime) -> None:
    """Say that the guest accepted, and as whom gates know him."""
    await conn.execute(
        "UPDATE guest_pass SET subject_id = $3, accepted_at = $4 WHERE community_id = $1 AND pass_id = $2",
        community_id, pass_id, subject_id, now,
    )  # fmt: skip


async def change_window(
    conn: Connection, *, community_id: UUID, pass_id: UUID, valid_from: datetime, valid_until: datetime
) -> PassRow:
    """Give a pass another window."""
    return await require_one(
        conn,
        PassRow,
        """
        UPDATE guest_pass SET valid_from = $3, valid_until = $4 WHERE community_id = $1 AND pass_id = $2
        RETURNING community_id, pass_id, home_id, host_person_id, guest_name, kind, valid_from, valid_until, subject_id,
            accepted_at, ended_at, ended_by
        """,
        community_id, pass_id, valid_from, valid_until,
    )  # fmt: skip


async def end_pass(conn: Connection, *, community_id: UUID, pass_id: UUID, ended_by: str, now: datetime) -> None:
    """End a pass; the first end stays."""
    await conn.execute(
        """
        UPDATE guest_pass SET ended_at = $4, ended_by = $3
        WHERE community_id = $1 AND pass_id = $2 AND ended_at IS NULL
        """,
        community_id, pass_id, ended_by, now,
    )  # fmt: skip


async def set_uses(conn: Connection, *, community_id: UUID, pass_id: UUID, uses: int) -> None:
    """Say how often the pass's code is good; 0 has no limit."""
    await conn.execute(
        "UPDATE guest_pass SET uses = $3 WHERE community_id = $1 AND pass_id = $2", community_id, pass_id, uses
    )


async def get_uses(conn: Connection, *, community_id: UUID, pass_id: UUID) -> int:
    """How often the pass's code is good; 0 has no limit."""
    uses: int | None = await conn.fetchval(
        "SELECT uses FROM guest_pass WHERE community_id = $1 AND pass_id = $2", community_id, pass_id
    )
    return uses or 0


async def delete_old_passes(conn: Connection, *, community_id: UUID, before: datetime, limit: int) -> int:
    """Delete passes, with their guests' names, whose window closed before that time, at most ``limit``; how many."""
    return affected(
        await conn.execute(
            """
            DELETE FROM guest_pass WHERE community_id = $1 AND pass_id IN (
                SELECT pass_id FROM guest_pass
                WHERE community_id = $1 AND valid_until < $2 ORDER BY valid_until LIMIT $3
            )
            """,
            community_id, before, limit,
        )
    )  # fmt: skip

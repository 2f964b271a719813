"""SQL of guests' windows. Always in the community's scope."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all, fetch_one

__all__ = ["GuestRow", "WindowRow", "get_guest", "list_windows", "list_windows_of_pass", "replace_windows"]


class WindowRow(msgspec.Struct, frozen=True):
    """When a guest may or might have come."""

    begin: datetime
    until: datetime


class GuestRow(msgspec.Struct, frozen=True):
    """By what a guest is found again among a home's passes."""

    name_hash: bytes | None
    phone_hash: bytes | None
    subject_id: UUID | None


async def list_windows(
    conn: Connection,
    *,
    community_id: UUID,
    home_id: UUID,
    since: datetime,
    without: UUID | None,
    guest: GuestRow | None = None,
) -> list[WindowRow]:
    """When the home has or had guests since then, each as long as it lasted, but for the pass ``without``.

    Of one guest alone where he is named: by the hashes of his name or number, or by who accepted.
    """
    who = guest or GuestRow(None, None, None)
    return await fetch_all(
        conn,
        WindowRow,
        """
        SELECT greatest(coalesce(w.begins_at, p.valid_from), $3) AS begin,
            least(coalesce(w.ends_at, p.valid_until), p.ended_at) AS until
        FROM guest_pass p LEFT JOIN guest_pass_window w USING (community_id, pass_id)
        WHERE p.community_id = $1 AND p.home_id = $2 AND coalesce(w.ends_at, p.valid_until) > $3
            AND p.pass_id IS DISTINCT FROM $4
            AND (p.ended_at IS NULL OR p.ended_at > greatest(coalesce(w.begins_at, p.valid_from), $3))
            AND ($5::boolean OR p.name_hash = $6 OR p.phone_hash = $7 OR p.subject_id = $8)
        """,
        community_id, home_id, since, without, guest is None, who.name_hash, who.phone_hash, who.subject_id,
    )  # fmt: skip


async def get_guest(conn: Connection, *, community_id: UUID, pass_id: UUID) -> GuestRow | None:
    """By what a pass's guest is found again."""
    return await fetch_one(
        conn,
        GuestRow,
        "SELECT name_hash, phone_hash, subject_id FROM guest_pass WHERE community_id = $1 AND pass_id = $2",
        community_id, pass_id,
    )  # fmt: skip


async def replace_windows(
    conn: Connection, *, community_id: UUID, pass_id: UUID, windows: Sequence[tuple[datetime, datetime]]
) -> None:
    """Give a pass that recurs these windows in place of those that it had."""
    await conn.execute("DELETE FROM guest_pass_window WHERE community_id = $1 AND pass_id = $2", community_id, pass_id)
    await conn.execute(
        """
        INSERT INTO guest_pass_window (community_id, pass_id, begins_at, ends_at)
        SELECT $1, $2, * FROM unnest($3::timestamptz[], $4::timestamptz[])
        """,
        community_id, pass_id, [begin for begin, _ in windows], [until for _, until in windows],
    )  # fmt: skip


async def list_windows_of_pass(conn: Connection, *, community_id: UUID, pass_id: UUID) -> list[WindowRow]:
    """The windows of a pass that recurs, in their order."""
    return await fetch_all(
        conn,
        WindowRow,
        """
        SELECT begins_at AS begin, ends_at AS until FROM guest_pass_window
        WHERE community_id = $1 AND pass_id = $2 ORDER BY begins_at
        """,
        community_id, pass_id,
    )  # fmt: skip

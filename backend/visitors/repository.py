"""SQL of guests' passes."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one

__all__ = [
    "NewPassRow",
    "PassRow",
    "change_pass",
    "claim_link",
    "count_open",
    "delete_old_passes",
    "end_pass",
    "insert_pass",
    "list_accepted_of_tenancies",
    "list_of_home",
    "list_open_of_home",
    "lock_pass",
    "read_pass",
    "set_accepted",
]


class PassRow(msgspec.Struct, frozen=True):
    """A guest's pass. ``subject_id`` once he accepted; ``ended_by`` is "host", "guest" or "staff".

    ``uses`` is how often its code is good, 0 has no limit; ``door_groups`` None is every door. One that recurs spans
    all its windows, of which the first ends at ``first_until``.
    """

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
    ended_by: str | None
    uses: int
    door_groups: list[UUID] | None
    grace_minutes: int
    recurrence: str | None
    except_dates: list[date]
    first_until: datetime | None
    ask_first: bool


class NewPassRow(msgspec.Struct, frozen=True):
    """A pass to be inserted: who, and by which keyed hashes he is found again."""

    home_id: UUID
    host_person_id: UUID
    guest_name: str
    kind: str
    valid_from: datetime
    valid_until: datetime
    uses: int
    door_groups: tuple[UUID, ...] | None
    grace_minutes: int
    recurrence: str | None
    except_dates: tuple[date, ...]
    first_until: datetime | None
    name_hash: bytes | None
    phone_hash: bytes | None
    ask_first: bool


async def insert_pass(conn: Connection, *, community_id: UUID, new: NewPassRow) -> PassRow:
    """A new pass, not yet accepted."""
    return await require_one(
        conn,
        PassRow,
        """
        INSERT INTO guest_pass (community_id, home_id, host_person_id, guest_name, kind, valid_from, valid_until, uses,
            door_groups, grace_minutes, recurrence, except_dates, first_until, name_hash, phone_hash,
            ask_first)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        RETURNING community_id, pass_id, home_id, host_person_id, guest_name, kind, valid_from, valid_until, subject_id,
            accepted_at, ended_by, uses, door_groups, grace_minutes,
            recurrence, except_dates, first_until, ask_first
        """,
        community_id, new.home_id, new.host_person_id, new.guest_name, new.kind, new.valid_from, new.valid_until,
        new.uses, new.door_groups, new.grace_minutes, new.recurrence, new.except_dates, new.first_until, new.name_hash,
        new.phone_hash, new.ask_first,
    )  # fmt: skip


async def read_pass(conn: Connection, *, community_id: UUID, pass_id: UUID) -> PassRow | None:
    """A community's pass, for the guest whose it is."""
    return await fetch_one(
        conn,
        PassRow,
        """
        SELECT community_id, pass_id, home_id, host_person_id, guest_name, kind, valid_from, valid_until, subject_id,
            accepted_at, ended_by, uses, door_groups, grace_minutes,
            recurrence, except_dates, first_until, ask_first
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
            accepted_at, ended_by, uses, door_groups, grace_minutes,
            recurrence, except_dates, first_until, ask_first
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
            accepted_at, ended_by, uses, door_groups, grace_minutes,
            recurrence, except_dates, first_until, ask_first
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
            accepted_at, ended_by, uses, door_groups, grace_minutes,
            recurrence, except_dates, first_until, ask_first
        FROM guest_pass
        WHERE community_id = $1 AND home_id = $2 AND ended_at IS NULL AND valid_until > $3
            AND ($4::uuid IS NULL OR host_person_id = $4)
        ORDER BY pass_id FOR UPDATE
        """,
        community_id, home_id, now, host_person_id,
    )  # fmt: skip


async def list_accepted_of_tenancies(
    conn: Connection, *, community_id: UUID, tenancy_ids: Sequence[UUID], now: datetime
) -> list[PassRow]:
    """The accepted passes that are not over of the homes that these tenancies are of, locked."""
    return await fetch_all(
        conn,
        PassRow,
        """
        SELECT p.community_id, p.pass_id, p.home_id, p.host_person_id, p.guest_name, p.kind, p.valid_from,
            p.valid_until, p.subject_id, p.accepted_at, p.ended_by, p.uses, p.door_groups, p.grace_minutes,
            p.recurrence, p.except_dates, p.first_until, p.ask_first
        FROM guest_pass p JOIN tenancy t ON t.community_id = p.community_id AND t.home_id = p.home_id
        WHERE p.community_id = $1 AND t.tenancy_id = ANY ($2) AND p.ended_at IS NULL AND p.subject_id IS NOT NULL
            AND p.valid_until > $3
        ORDER BY p.pass_id FOR UPDATE OF p
        """,
        community_id, tenancy_ids, now,
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


async def claim_link(
    conn: Connection, *, community_id: UUID, pass_id: UUID, by_host: int, to_one: int, since: datetime, now: datetime
) -> bool:
    """Note that the pass's link is sent to its guest's number now; False where too many were since then.

    Args:
        conn: a transaction in the community's scope.
        community_id: whose.
        pass_id: a pass with a number.
        by_host: how many its host may have sent, this one included.
        to_one: how many may have gone to this number, whoever sent them.
        since: the beginning of what is counted.
        now: the present.
    """
    claimed = affected(
        await conn.execute(
            """
            UPDATE guest_pass p SET link_sent_at = $6
            FROM (
                SELECT count(*) FILTER (WHERE o.host_person_id = t.host_person_id) AS by_host,
                    count(*) FILTER (WHERE o.phone_hash = t.phone_hash) AS to_one
                FROM guest_pass t
                LEFT JOIN guest_pass o ON o.community_id = $1 AND o.link_sent_at > $5
                WHERE t.community_id = $1 AND t.pass_id = $2
            ) AS sent
            WHERE p.community_id = $1 AND p.pass_id = $2 AND p.phone_hash IS NOT NULL
                AND sent.by_host < $3 AND sent.to_one < $4
            """,
            community_id, pass_id, by_host, to_one, since, now,
        )
    )  # fmt: skip
    return claimed == 1


async def set_accepted(conn: Connection, *, community_id: UUID, pass_id: UUID, subject_id: UUID, now: datetime) -> None:
    """Say that the guest accepted, and as whom gates know him."""
    await conn.execute(
        "UPDATE guest_pass SET subject_id = $3, accepted_at = $4 WHERE community_id = $1 AND pass_id = $2",
        community_id, pass_id, subject_id, now,
    )  # fmt: skip


async def change_pass(
    conn: Connection,
    *,
    community_id: UUID,
    pass_id: UUID,
    valid_from: datetime,
    valid_until: datetime,
    door_groups: tuple[UUID, ...] | None,
    recurrence: str | None,
    except_dates: tuple[date, ...],
    first_until: datetime | None,
    ask_first: bool,
) -> PassRow:
    """Give a pass another window, other doors or another recurrence."""
    return await require_one(
        conn,
        PassRow,
        """
        UPDATE guest_pass SET valid_from = $3, valid_until = $4, door_groups = $5, recurrence = $6, except_dates = $7,
            first_until = $8, ask_first = $9
        WHERE community_id = $1 AND pass_id = $2
        RETURNING community_id, pass_id, home_id, host_person_id, guest_name, kind, valid_from, valid_until, subject_id,
            accepted_at, ended_by, uses, door_groups, grace_minutes,
            recurrence, except_dates, first_until, ask_first
        """,
        community_id, pass_id, valid_from, valid_until, door_groups, recurrence, except_dates, first_until,
        ask_first,
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

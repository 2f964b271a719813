"""SQL of numbers that were lost or went to somebody else. It needs the platform scope, where nothing else is said."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one

__all__ = [
    "MoveRow",
    "PlannedRow",
    "UseRow",
    "due",
    "forget_move",
    "forget_use",
    "get_use",
    "lock_due",
    "move",
    "plan_move",
    "planned_of_person",
    "see",
    "touch",
    "use",
]


class UseRow(msgspec.Struct, frozen=True):
    """When the account was last used, and until when its owner counts as seen."""

    used_at: datetime | None
    seen_until: datetime | None


class MoveRow(msgspec.Struct, frozen=True):
    """An account that is to move to ``next_phone`` (both E.164)."""

    account_id: UUID
    person_id: UUID | None
    phone: str
    next_phone: str


class PlannedRow(msgspec.Struct, frozen=True):
    """The number (E.164) that an account is to have from then on."""

    next_phone: str
    next_phone_at: datetime


async def get_use(conn: Connection, *, account_id: UUID) -> UseRow | None:
    """When the account was last used."""
    return await fetch_one(conn, UseRow, "SELECT used_at, seen_until FROM account WHERE account_id = $1", account_id)


async def use(conn: Connection, *, account_id: UUID, now: datetime) -> None:
    """A session was begun. The caller holds the account."""
    await conn.execute("UPDATE account SET used_at = $2, seen_until = NULL WHERE account_id = $1", account_id, now)


async def touch(conn: Connection, *, account_id: UUID, now: datetime, at_most_every: timedelta) -> None:
    """A session was renewed.

    The caller holds the session, and others wait for sessions while they hold the account: so whoever finds it held
    does not wait. The next renewal says it again.
    """
    await conn.execute(
        """
        UPDATE account SET used_at = $2 WHERE account_id = (
            SELECT account_id FROM account WHERE account_id = $1 AND (used_at IS NULL OR used_at < $3)
            FOR NO KEY UPDATE SKIP LOCKED
        )
        """,
        account_id, now, now - at_most_every,
    )  # fmt: skip


async def forget_use(conn: Connection, *, account_id: UUID) -> None:
    """An account without a person begins anew."""
    await conn.execute("UPDATE account SET used_at = NULL WHERE account_id = $1 AND person_id IS NULL", account_id)


async def see(conn: Connection, *, account_id: UUID, until: datetime) -> None:
    """The owner was seen: a code opens the account until then."""
    await conn.execute("UPDATE account SET seen_until = $2 WHERE account_id = $1", account_id, until)


async def plan_move(conn: Connection, *, account_id: UUID, phone: str, at: datetime) -> None:
    """Move the account to that number then, in place of another move that may be planned."""
    await conn.execute(
        "UPDATE account SET next_phone = $2, next_phone_at = $3 WHERE account_id = $1", account_id, phone, at
    )


async def planned_of_person(conn: Connection, *, person_id: UUID) -> PlannedRow | None:
    """The move that is planned for the person's account. His own scope will do."""
    return await fetch_one(
        conn,
        PlannedRow,
        "SELECT next_phone, next_phone_at FROM account WHERE person_id = $1 AND next_phone_at IS NOT NULL",
        person_id,
    )


async def forget_move(conn: Connection, *, account_id: UUID) -> bool:
    """Leave the account where it is; whether a move was planned."""
    status = await conn.execute(
        """
        UPDATE account SET next_phone = NULL, next_phone_at = NULL
        WHERE account_id = $1 AND next_phone_at IS NOT NULL
        """,
        account_id,
    )
    return affected(status) == 1


async def due(conn: Connection, *, at: datetime, limit: int) -> list[MoveRow]:
    """The moves whose time has come, the oldest first."""
    return await fetch_all(
        conn,
        MoveRow,
        """
        SELECT account_id, person_id, phone, next_phone FROM account WHERE next_phone_at <= $1
        ORDER BY next_phone_at LIMIT $2
        """,
        at, limit,
    )  # fmt: skip


async def lock_due(conn: Connection, *, account_id: UUID, at: datetime) -> MoveRow | None:
    """One of them, held; None where it was called off meanwhile."""
    return await fetch_one(
        conn,
        MoveRow,
        """
        SELECT account_id, person_id, phone, next_phone FROM account WHERE account_id = $1 AND next_phone_at <= $2
        FOR NO KEY UPDATE
        """,
        account_id, at,
    )  # fmt: skip


async def move(conn: Connection, *, account_id: UUID, now: datetime) -> None:
    """Give the account the number that was planned. The caller holds the locks of both."""
    await conn.execute(
        """
        UPDATE account SET phone = next_phone, used_at = $2, seen_until = NULL, next_phone = NULL, next_phone_at = NULL
        WHERE account_id = $1
        """,
        account_id, now,
    )  # fmt: skip

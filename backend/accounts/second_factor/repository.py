"""SQL of second factors. All of it needs the platform scope."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_one

__all__ = [
    "FactorRow",
    "count_recovery_codes",
    "delete_factor",
    "elevate",
    "elevated_until",
    "lock_factor",
    "offer",
    "put_in_force",
    "replace_recovery_codes",
    "set_failures",
    "set_last_step",
    "use_recovery_code",
]


class FactorRow(msgspec.Struct, frozen=True):
    """A member's second factor. ``secret`` is in force, ``pending`` offered; both sealed, either may be missing."""

    secret: bytes | None
    pending: bytes | None
    pending_until: datetime | None
    last_step: int
    failed_at: list[datetime]


async def lock_factor(conn: Connection, *, staff_id: UUID) -> FactorRow | None:
    """The member's row, locked: attempts on one member's codes go one after the other, in all processes."""
    return await fetch_one(
        conn,
        FactorRow,
        """
        SELECT secret, pending, pending_until, last_step, failed_at FROM second_factor
        WHERE staff_id = $1 FOR UPDATE
        """,
        staff_id,
    )


async def offer(conn: Connection, *, staff_id: UUID, pending: bytes, pending_until: datetime) -> None:
    """A secret that is in force once it is confirmed; one that was offered before is not any more."""
    await conn.execute(
        """
        INSERT INTO second_factor (staff_id, pending, pending_until) VALUES ($1, $2, $3)
        ON CONFLICT (staff_id) DO UPDATE SET pending = excluded.pending, pending_until = excluded.pending_until
        """,
        staff_id, pending, pending_until,
    )  # fmt: skip


async def put_in_force(conn: Connection, *, staff_id: UUID, secret: bytes, last_step: int, now: datetime) -> None:
    """The offered secret was confirmed and replaces the one before."""
    await conn.execute(
        """
        UPDATE second_factor
        SET secret = $2, last_step = $3, confirmed_at = $4, pending = NULL, pending_until = NULL
        WHERE staff_id = $1
        """,
        staff_id, secret, last_step, now,
    )  # fmt: skip


async def set_last_step(conn: Connection, *, staff_id: UUID, last_step: int) -> None:
    """The code of that time step was accepted."""
    await conn.execute("UPDATE second_factor SET last_step = $2 WHERE staff_id = $1", staff_id, last_step)


async def set_failures(conn: Connection, *, staff_id: UUID, failed_at: Sequence[datetime]) -> None:
    """The attempts that failed lately."""
    await conn.execute("UPDATE second_factor SET failed_at = $2 WHERE staff_id = $1", staff_id, list(failed_at))


async def delete_factor(conn: Connection, *, staff_id: UUID) -> bool:
    """Take off the second factor with its recovery codes; whether there was one."""
    status = await conn.execute("DELETE FROM second_factor WHERE staff_id = $1", staff_id)
    return affected(status) == 1


async def replace_recovery_codes(conn: Connection, *, staff_id: UUID, code_hashes: Sequence[bytes]) -> None:
    """These recovery codes and no others."""
    await conn.execute("DELETE FROM recovery_code WHERE staff_id = $1", staff_id)
    await conn.execute(
        "INSERT INTO recovery_code (staff_id, code_hash) SELECT $1, * FROM unnest($2::bytea[])",
        staff_id, list(code_hashes),
    )  # fmt: skip


async def use_recovery_code(conn: Connection, *, staff_id: UUID, code_hash: bytes, now: datetime) -> bool:
    """Use a recovery code up; whether it was one of the member's and unused."""
    status = await conn.execute(
        "UPDATE recovery_code SET used_at = $3 WHERE staff_id = $1 AND code_hash = $2 AND used_at IS NULL",
        staff_id, code_hash, now,
    )  # fmt: skip
    return affected(status) == 1


async def count_recovery_codes(conn: Connection, *, staff_id: UUID) -> int:
    """How many of the member's recovery codes are unused."""
    found: int = await conn.fetchval(
        "SELECT count(*) FROM recovery_code WHERE staff_id = $1 AND used_at IS NULL", staff_id
    )
    return found


async def elevate(conn: Connection, *, session_id: UUID, until: datetime) -> None:
    """A second factor was given in this session."""
    await conn.execute("UPDATE session SET elevated_until = $2 WHERE session_id = $1", session_id, until)


async def elevated_until(conn: Connection, *, session_id: UUID) -> datetime | None:
    """Until when the session's second factor holds; in the past where it has run out."""
    found: datetime | None = await conn.fetchval("SELECT elevated_until FROM session WHERE session_id = $1", session_id)
    return found

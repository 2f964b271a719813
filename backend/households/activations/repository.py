"""SQL of activation codes, one by one and by the hundred."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one

__all__ = [
    "ActivationRow",
    "WaitingRow",
    "delete_activations",
    "delete_old_activations",
    "find_activation",
    "get_activation_for_update",
    "list_waiting",
    "put_activation",
    "put_codes",
    "spend_activation",
]


class ActivationRow(msgspec.Struct, frozen=True):
    """A code's whereabouts, never the code."""

    community_id: UUID
    member_id: UUID
    expires_at: datetime
    used_at: datetime | None


class WaitingRow(msgspec.Struct, frozen=True):
    """An invited member and where he lives."""

    member_id: UUID
    building: str
    unit: str
    home: str
    name: str
    relation: str


async def list_waiting(
    conn: Connection,
    *,
    community_id: UUID,
    building_id: UUID | None,
    renew: bool,
    after: UUID | None,
    limit: int,
    now: datetime,
) -> list[WaitingRow]:
    """Invited members by their ids, those without a good code unless ``renew``; locked, so that nobody gets two."""
    return await fetch_all(
        conn,
        WaitingRow,
        """
        SELECT m.member_id, b.name AS building, h.unit, h.label AS home, m.name, m.relation
        FROM member m
        JOIN tenancy t ON t.community_id = $1 AND t.tenancy_id = m.tenancy_id AND t.ended_at IS NULL
            AND (t.ends_at IS NULL OR t.ends_at > $6)
        JOIN home h ON h.community_id = $1 AND h.home_id = t.home_id AND ($2::uuid IS NULL OR h.building_id = $2)
        JOIN building b ON b.community_id = $1 AND b.building_id = h.building_id
        WHERE m.community_id = $1 AND m.state = 'invited' AND ($4::uuid IS NULL OR m.member_id > $4)
            AND ($3 OR NOT EXISTS (
                SELECT FROM activation a
                WHERE a.community_id = $1 AND a.member_id = m.member_id AND a.used_at IS NULL AND a.expires_at > $6
            ))
        ORDER BY m.member_id LIMIT $5
        FOR UPDATE OF m
        """,
        community_id, building_id, renew, after, limit, now,
    )  # fmt: skip


async def put_codes(
    conn: Connection, *, community_id: UUID, member_ids: Sequence[UUID], hashes: Sequence[bytes], expires_at: datetime
) -> None:
    """The members' codes, in place of older ones."""
    await conn.execute(
        """
        INSERT INTO activation (community_id, member_id, code_hash, expires_at)
        SELECT $1, u.*, $4 FROM unnest($2::uuid[], $3::bytea[]) AS u
        ON CONFLICT (community_id, member_id)
        DO UPDATE SET code_hash = excluded.code_hash, expires_at = excluded.expires_at, used_at = NULL
        """,
        community_id, list(member_ids), list(hashes), expires_at,
    )  # fmt: skip


async def put_activation(
    conn: Connection, *, community_id: UUID, member_id: UUID, code_hash: bytes, expires_at: datetime
) -> None:
    """The member's code, in place of an older one."""
    await conn.execute(
        """
        INSERT INTO activation (community_id, member_id, code_hash, expires_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (community_id, member_id)
        DO UPDATE SET code_hash = excluded.code_hash, expires_at = excluded.expires_at, used_at = NULL
        """,
        community_id, member_id, code_hash, expires_at,
    )  # fmt: skip


async def find_activation(conn: Connection, *, code_hash: bytes) -> ActivationRow | None:
    """Whose code that is. Needs the platform scope."""
    return await fetch_one(
        conn,
        ActivationRow,
        "SELECT community_id, member_id, expires_at, used_at FROM activation WHERE code_hash = $1",
        code_hash,
    )


async def get_activation_for_update(conn: Connection, *, community_id: UUID, code_hash: bytes) -> ActivationRow | None:
    """The code, locked, so that it is used once."""
    return await fetch_one(
        conn,
        ActivationRow,
        """
        SELECT community_id, member_id, expires_at, used_at FROM activation
        WHERE community_id = $1 AND code_hash = $2 FOR UPDATE
        """,
        community_id, code_hash,
    )  # fmt: skip


async def spend_activation(conn: Connection, *, community_id: UUID, member_id: UUID, at: datetime) -> None:
    """The code was used."""
    await conn.execute(
        "UPDATE activation SET used_at = $3 WHERE community_id = $1 AND member_id = $2", community_id, member_id, at
    )


async def delete_activations(conn: Connection, *, community_id: UUID, member_ids: Sequence[UUID]) -> None:
    """The members' codes."""
    await conn.execute(
        "DELETE FROM activation WHERE community_id = $1 AND member_id = ANY ($2)", community_id, list(member_ids)
    )


async def delete_old_activations(conn: Connection, *, community_id: UUID, before: datetime, limit: int) -> int:
    """Delete activation codes that were used or expired before that time, at most ``limit``; how many."""
    return affected(
        await conn.execute(
            """
            DELETE FROM activation WHERE community_id = $1 AND member_id IN (
                SELECT member_id FROM activation
                WHERE community_id = $1 AND least(used_at, expires_at) < $2 LIMIT $3
            )
            """,
            community_id, before, limit,
        )
    )  # fmt: skip

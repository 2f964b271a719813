"""SQL of households that move."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.households.members.repository import MemberState, Relation
from backend.kit.db import Connection, fetch_all

__all__ = [
    "MovingRow", "insert_members", "insert_tenancy", "is_occupied", "list_moving", "lock_homes", "set_end", "set_home",
    "writes_register",
]  # fmt: skip


class MovingRow(msgspec.Struct, frozen=True):
    """An open member of a household that moves; whether he is under age."""

    member_id: UUID
    person_id: UUID | None
    name: str
    relation: Relation
    phone: str | None
    state: MemberState
    register_number: str | None
    minor: bool


async def lock_homes(conn: Connection, *, community_id: UUID, home_ids: Sequence[UUID]) -> None:
    """Lock homes in one order for everybody: two households that change places do not wait for each other."""
    await conn.execute(
        "SELECT FROM home WHERE community_id = $1 AND home_id = ANY ($2) ORDER BY home_id FOR UPDATE",
        community_id, list(home_ids),
    )  # fmt: skip


async def is_occupied(
    conn: Connection, *, community_id: UUID, home_id: UUID, besides: UUID, starts_at: datetime, ends_at: datetime | None
) -> bool:
    """Whether another tenancy of the home that has not ended overlaps [starts_at, ends_at)."""
    found: bool = await conn.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM tenancy
            WHERE community_id = $1 AND home_id = $2 AND tenancy_id <> $3 AND ended_at IS NULL
                AND (ends_at IS NULL OR ends_at > $4) AND ($5::timestamptz IS NULL OR starts_at < $5)
        )
        """,
        community_id, home_id, besides, starts_at, ends_at,
    )  # fmt: skip
    return found


async def set_end(conn: Connection, *, community_id: UUID, tenancy_id: UUID, ends_at: datetime | None) -> None:
    """When the tenancy is to end; None for no end."""
    await conn.execute(
        "UPDATE tenancy SET ends_at = $3 WHERE community_id = $1 AND tenancy_id = $2", community_id, tenancy_id, ends_at
    )


async def set_home(conn: Connection, *, community_id: UUID, tenancy_id: UUID, home_id: UUID) -> None:
    """Where the household lives."""
    await conn.execute(
        "UPDATE tenancy SET home_id = $3 WHERE community_id = $1 AND tenancy_id = $2", community_id, tenancy_id, home_id
    )


async def list_moving(conn: Connection, *, community_id: UUID, tenancy_id: UUID) -> list[MovingRow]:
    """The household's open members."""
    return await fetch_all(
        conn,
        MovingRow,
        """
        SELECT member_id, person_id, name, relation, phone, state, register_number, EXISTS (
            SELECT FROM minor n WHERE n.community_id = $1 AND n.member_id = m.member_id
        ) AS minor
        FROM member m WHERE community_id = $1 AND tenancy_id = $2 AND state <> 'ended' ORDER BY created_at, member_id
        """,
        community_id, tenancy_id,
    )  # fmt: skip


async def insert_tenancy(
    conn: Connection, *, community_id: UUID, tenancy_id: UUID, home_id: UUID, starts_at: datetime,
    ends_at: datetime | None,
) -> bool:  # fmt: skip
    """The tenancy under this id; False where it is there already."""
    made = await conn.fetchval(
        """
        INSERT INTO tenancy (community_id, tenancy_id, home_id, starts_at, ends_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (community_id, tenancy_id) DO NOTHING RETURNING true
        """,
        community_id, tenancy_id, home_id, starts_at, ends_at,
    )  # fmt: skip
    return made is True


async def insert_members(
    conn: Connection, *, community_id: UUID, tenancy_id: UUID, members: Sequence[MovingRow], now: datetime
) -> None:
    """Members as they are given, those who are active since now."""
    await conn.execute(
        """
        INSERT INTO member (community_id, member_id, tenancy_id, person_id, name, relation, phone, state,
                            register_number, joined_at)
        SELECT $1, u.member_id, $2, u.person_id, u.name, u.relation, u.phone, u.state, u.register_number,
            CASE WHEN u.state = 'active' THEN $10::timestamptz END
        FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])
            AS u (member_id, person_id, name, relation, phone, state, register_number)
        """,
        community_id,
        tenancy_id,
        [member.member_id for member in members],
        [member.person_id for member in members],
        [member.name for member in members],
        [member.relation for member in members],
        [member.phone for member in members],
        [member.state for member in members],
        [member.register_number for member in members],
        now,
    )


async def writes_register(
    conn: Connection, *, authority_id: UUID, staff_id: UUID, community_id: UUID, roles: Sequence[str]
) -> bool:
    """Whether one of these roles of the member of staff reaches the community of his authority. Platform scope."""
    found: bool = await conn.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM staff_role r
            JOIN community c ON c.community_id = $3 AND c.authority_id = $1
            WHERE r.staff_id = $2 AND r.role = ANY ($4) AND (r.reach IS NULL OR r.reach = $3)
        )
        """,
        authority_id, staff_id, community_id, list(roles),
    )  # fmt: skip
    return found

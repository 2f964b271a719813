"""SQL of staff and their roles. All of it needs the platform scope."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all, fetch_one, require_one

__all__ = [
    "StaffIds",
    "StaffRow",
    "StaffScopeRow",
    "authority_by_name",
    "community_in_authority",
    "delete_staff",
    "get_staff",
    "get_staff_by_account",
    "has_administrator",
    "insert_staff",
    "list_staff",
    "replace_roles",
    "staff_scope",
    "update_staff_name",
]


class StaffRow(msgspec.Struct, frozen=True):
    """A member of staff; ``grants`` are (role, community or None) pairs in a stable order."""

    staff_id: UUID
    account_id: UUID
    name: str
    grants: list[tuple[str, UUID | None]]


class StaffScopeRow(msgspec.Struct, frozen=True):
    """What a member of staff may do in one community, or where none is asked about in the whole authority."""

    staff_id: UUID
    authority_id: UUID
    roles: list[str]
    communities: list[UUID] | None
    community_known: bool
    elevated_until: datetime | None


class StaffIds(msgspec.Struct, frozen=True):
    """A member of staff and his authority."""

    staff_id: UUID
    authority_id: UUID


class _Id(msgspec.Struct, frozen=True):
    id: UUID


async def authority_by_name(conn: Connection, *, name: str) -> UUID | None:
    """The oldest authority of that name."""
    found: UUID | None = await conn.fetchval(
        "SELECT authority_id FROM authority WHERE name = $1 ORDER BY created_at, authority_id LIMIT 1", name
    )
    return found


async def community_in_authority(conn: Connection, *, community_id: UUID, authority_id: UUID) -> bool:
    """Whether the community is that authority's."""
    found = await conn.fetchval(
        "SELECT true FROM community WHERE community_id = $1 AND authority_id = $2", community_id, authority_id
    )
    return found is True


async def staff_scope(
    conn: Connection, *, staff_id: UUID, session_id: UUID, community_id: UUID | None
) -> StaffScopeRow | None:
    """What the member may do there; None where he is gone or his session has ended."""
    return await fetch_one(
        conn,
        StaffScopeRow,
        """
        SELECT s.staff_id, s.authority_id,
            coalesce(
                array_agg(DISTINCT r.role) FILTER (WHERE r.role IS NOT NULL AND (r.reach IS NULL OR r.reach = $3)),
                '{}'
            ) AS roles,
            CASE WHEN coalesce(bool_or(r.role IS NOT NULL AND r.reach IS NULL), false) THEN NULL
            ELSE coalesce(array_agg(DISTINCT r.reach) FILTER (WHERE r.reach IS NOT NULL), '{}')
            END AS communities,
            $3::uuid IS NULL OR EXISTS (
                SELECT FROM community c WHERE c.community_id = $3 AND c.authority_id = s.authority_id
            ) AS community_known,
            max(session.elevated_until) AS elevated_until
        FROM staff s
        JOIN session ON session.session_id = $2 AND session.account_id = s.account_id
            AND session.surface = 'staff' AND session.ended_at IS NULL
        LEFT JOIN staff_role r ON r.staff_id = s.staff_id
        WHERE s.staff_id = $1
        GROUP BY s.staff_id
        """,
        staff_id, session_id, community_id,
    )  # fmt: skip


async def get_staff_by_account(conn: Connection, *, account_id: UUID) -> StaffIds | None:
    """The member of staff who logs in with that account."""
    return await fetch_one(conn, StaffIds, "SELECT staff_id, authority_id FROM staff WHERE account_id = $1", account_id)


async def get_staff(conn: Connection, *, staff_id: UUID, authority_id: UUID) -> StaffRow | None:
    """One member of an authority's staff."""
    found = await list_staff(conn, authority_id=authority_id, staff_id=staff_id, after=None, limit=1)
    return found[0] if found else None


async def list_staff(
    conn: Connection, *, authority_id: UUID, staff_id: UUID | None, after: tuple[str, UUID] | None, limit: int
) -> list[StaffRow]:
    """An authority's staff by name, those after (name, staff_id); only the one where ``staff_id`` is given."""
    name, last = after or (None, None)
    return await fetch_all(
        conn,
        StaffRow,
        """
        SELECT s.staff_id, s.account_id, s.name, array(
            SELECT ROW (r.role, r.reach) FROM staff_role r WHERE r.staff_id = s.staff_id
            ORDER BY r.role, r.reach NULLS FIRST
        ) AS grants
        FROM staff s WHERE s.authority_id = $1 AND ($2::uuid IS NULL OR s.staff_id = $2)
            AND ($3::text IS NULL OR (s.name, s.staff_id) > ($3, $4::uuid))
        ORDER BY s.name, s.staff_id LIMIT $5
        """,
        authority_id, staff_id, name, last, limit,
    )  # fmt: skip


async def insert_staff(conn: Connection, *, authority_id: UUID, account_id: UUID, name: str) -> UUID:
    """A new member without roles."""
    row = await require_one(
        conn,
        _Id,
        "INSERT INTO staff (authority_id, account_id, name) VALUES ($1, $2, $3) RETURNING staff_id AS id",
        authority_id, account_id, name,
    )  # fmt: skip
    return row.id


async def update_staff_name(conn: Connection, *, staff_id: UUID, authority_id: UUID, name: str) -> None:
    """Change the member's name."""
    await conn.execute(
        "UPDATE staff SET name = $3 WHERE staff_id = $1 AND authority_id = $2", staff_id, authority_id, name
    )


async def replace_roles(conn: Connection, *, staff_id: UUID, grants: Sequence[tuple[str, UUID | None]]) -> None:
    """Give the member these roles and no others."""
    await conn.execute("DELETE FROM staff_role WHERE staff_id = $1", staff_id)
    await conn.execute(
        "INSERT INTO staff_role (staff_id, role, reach) SELECT $1, * FROM unnest($2::text[], $3::uuid[])",
        staff_id, [role for role, _ in grants], [reach for _, reach in grants],
    )  # fmt: skip


async def has_administrator(conn: Connection, *, authority_id: UUID) -> bool:
    """Whether the authority has an administrator."""
    found = await conn.fetchval(
        """
        SELECT true FROM staff s JOIN staff_role r ON r.staff_id = s.staff_id
        WHERE s.authority_id = $1 AND r.role = 'authority_administrator' LIMIT 1
        """,
        authority_id,
    )
    return found is True


async def delete_staff(conn: Connection, *, staff_id: UUID, authority_id: UUID) -> None:
    """Remove the member and his roles."""
    await conn.execute("DELETE FROM staff WHERE staff_id = $1 AND authority_id = $2", staff_id, authority_id)

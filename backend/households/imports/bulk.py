"""SQL of the register by the hundred: homes, tenancies and members of one community, each step one statement."""

from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec

from backend.households.imports.plan import HomeNow, MemberNow, NewMember, NewTenancy, Registered, TenancyNow
from backend.kit.db import Connection, fetch_all

__all__ = ["HomeSaid", "NumberedRow", "hold", "hold_homes", "insert_members", "insert_tenancies", "list_numbered",
           "update_members", "update_tenancies"]  # fmt: skip

_DEFAULT_LIMIT = 6


class HomeSaid(msgspec.Struct, frozen=True):
    """A home as a file names it; ``member_limit`` None leaves what stands, or takes 6 for a new one."""

    building: str
    unit: str
    label: str
    member_limit: int | None


class NumberedRow(msgspec.Struct, frozen=True):
    """An open member under a number of the authority's."""

    member_id: UUID
    tenancy_id: UUID
    register_number: str
    relation: str


async def hold_homes(conn: Connection, *, community_id: UUID, homes: Collection[HomeSaid]) -> list[HomeNow]:
    """These homes, made where they are not there, and locked: who moves into one waits.

    In one order for everybody, so that two files with the same homes cannot wait for each other.
    """
    said = sorted(homes, key=lambda home: (home.building, home.unit, home.label))
    columns = (
        [home.building for home in said],
        [home.unit for home in said],
        [home.label for home in said],
        [home.member_limit for home in said],
    )
    await conn.execute(
        """
        INSERT INTO building (community_id, name) SELECT DISTINCT $1::uuid, name FROM unnest($2::text[]) AS u (name)
        ORDER BY name ON CONFLICT (community_id, name) DO NOTHING
        """,
        community_id, columns[0],
    )  # fmt: skip
    await conn.execute(
        """
        INSERT INTO home (community_id, building_id, unit, label, member_limit)
        SELECT $1, b.building_id, u.unit, u.label, coalesce(u.member_limit, $6)
        FROM unnest($2::text[], $3::text[], $4::text[], $5::integer[]) AS u (building, unit, label, member_limit)
        JOIN building b ON b.community_id = $1 AND b.name = u.building
        ORDER BY u.building, u.unit, u.label
        ON CONFLICT (community_id, building_id, unit, label) DO NOTHING
        """,
        community_id, *columns, _DEFAULT_LIMIT,
    )  # fmt: skip
    await conn.execute(
        """
        UPDATE home h SET member_limit = u.member_limit
        FROM unnest($2::text[], $3::text[], $4::text[], $5::integer[]) AS u (building, unit, label, member_limit)
        JOIN building b ON b.community_id = $1 AND b.name = u.building
        WHERE h.community_id = $1 AND h.building_id = b.building_id AND h.unit = u.unit AND h.label = u.label
            AND u.member_limit <> h.member_limit
        """,
        community_id, *columns,
    )  # fmt: skip
    return await fetch_all(
        conn,
        HomeNow,
        """
        SELECT h.home_id, b.name AS building, h.unit, h.label, h.member_limit
        FROM unnest($2::text[], $3::text[], $4::text[]) AS u (building, unit, label)
        JOIN building b ON b.community_id = $1 AND b.name = u.building
        JOIN home h ON h.community_id = $1 AND h.building_id = b.building_id AND h.unit = u.unit AND h.label = u.label
        ORDER BY h.home_id
        FOR UPDATE OF h
        """,
        community_id, *columns[:3],
    )  # fmt: skip


async def hold(
    conn: Connection, *, community_id: UUID, homes: Sequence[HomeNow], tenancies: Collection[str],
    members: Collection[str],
) -> Registered:  # fmt: skip
    """What stands in these homes or under these numbers; tenancies that may change are locked, in one order."""
    found = await fetch_all(
        conn,
        TenancyNow,
        """
        SELECT tenancy_id, home_id, register_number, starts_at, ends_at, ended_at FROM tenancy
        WHERE community_id = $1
            AND ((home_id = ANY ($2) AND ended_at IS NULL) OR register_number = ANY ($3))
        ORDER BY tenancy_id
        FOR UPDATE
        """,
        community_id, [home.home_id for home in homes], list(tenancies),
    )  # fmt: skip
    standing = await fetch_all(
        conn,
        MemberNow,
        """
        SELECT member_id, tenancy_id, register_number, name, relation, phone, state FROM member
        WHERE community_id = $1 AND (tenancy_id = ANY ($2) OR (register_number = ANY ($3) AND state <> 'ended'))
        """,
        community_id, [tenancy.tenancy_id for tenancy in found], list(members),
    )  # fmt: skip
    return Registered(homes=homes, tenancies=found, members=standing)


async def insert_tenancies(conn: Connection, *, community_id: UUID, tenancies: Sequence[NewTenancy]) -> None:
    """New tenancies."""
    await conn.execute(
        """
        INSERT INTO tenancy (community_id, tenancy_id, home_id, register_number, starts_at, ends_at)
        SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::timestamptz[])
        """,
        community_id, *_tenancy_columns(tenancies),
    )  # fmt: skip


async def update_tenancies(
    conn: Connection, *, community_id: UUID, tenancies: Sequence[NewTenancy]
) -> list[tuple[UUID, UUID]]:
    """Their new beginnings and ends; the members who have joined them, each with his tenancy."""
    await conn.execute(
        """
        UPDATE tenancy t SET starts_at = u.starts_at, ends_at = u.ends_at
        FROM unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[]) AS u (tenancy_id, starts_at, ends_at)
        WHERE t.community_id = $1 AND t.tenancy_id = u.tenancy_id
        """,
        community_id,
        [tenancy.tenancy_id for tenancy in tenancies],
        [tenancy.starts_at for tenancy in tenancies],
        [tenancy.ends_at for tenancy in tenancies],
    )
    rows = await conn.fetch(
        """
        SELECT member_id, tenancy_id FROM member
        WHERE community_id = $1 AND tenancy_id = ANY ($2) AND state = 'active'
        """,
        community_id, [tenancy.tenancy_id for tenancy in tenancies],
    )  # fmt: skip
    return [(row["member_id"], row["tenancy_id"]) for row in rows]


async def insert_members(conn: Connection, *, community_id: UUID, members: Sequence[NewMember]) -> None:
    """New members, invited; without a code until the office asks for one."""
    await conn.execute(
        """
        INSERT INTO member (community_id, member_id, tenancy_id, register_number, name, relation, phone, state)
        SELECT $1, u.*, 'invited'
        FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[]) AS u
        """,
        community_id,
        [member.member_id for member in members],
        [member.tenancy_id for member in members],
        [member.register_number for member in members],
        [member.name for member in members],
        [member.relation for member in members],
        [member.phone for member in members],
    )


async def update_members(conn: Connection, *, community_id: UUID, members: Sequence[NewMember]) -> None:
    """What the file says of them now."""
    await conn.execute(
        """
        UPDATE member m SET name = u.name, relation = u.relation, phone = u.phone
        FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) AS u (member_id, name, relation, phone)
        WHERE m.community_id = $1 AND m.member_id = u.member_id
        """,
        community_id,
        [member.member_id for member in members],
        [member.name for member in members],
        [member.relation for member in members],
        [member.phone for member in members],
    )


async def list_numbered(conn: Connection, *, community_id: UUID, after: UUID | None, limit: int) -> list[NumberedRow]:
    """Open members under a number, by their ids, those after ``after``."""
    return await fetch_all(
        conn,
        NumberedRow,
        """
        SELECT member_id, tenancy_id, register_number, relation FROM member
        WHERE community_id = $1 AND register_number IS NOT NULL AND state <> 'ended'
            AND ($2::uuid IS NULL OR member_id > $2)
        ORDER BY member_id LIMIT $3
        """,
        community_id, after, limit,
    )  # fmt: skip


def _tenancy_columns(tenancies: Sequence[NewTenancy]) -> tuple[list[object], ...]:
    return (
        [tenancy.tenancy_id for tenancy in tenancies],
        [tenancy.home_id for tenancy in tenancies],
        [tenancy.register_number for tenancy in tenancies],
        [tenancy.starts_at for tenancy in tenancies],
        [tenancy.ends_at for tenancy in tenancies],
    )

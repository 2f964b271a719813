"""SQL of buildings and homes."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all, fetch_one

__all__ = [
    "BuildingRow",
    "HomeRow",
    "NewHomeRow",
    "get_building",
    "get_home",
    "get_home_for_update",
    "insert_building",
    "insert_homes",
    "list_buildings",
    "list_homes",
]


class BuildingRow(msgspec.Struct, frozen=True):
    """A building."""

    building_id: UUID
    name: str


class HomeRow(msgspec.Struct, frozen=True):
    """A home with its building's name."""

    home_id: UUID
    building_id: UUID
    building: str
    unit: str
    label: str
    member_limit: int


class NewHomeRow(msgspec.Struct, frozen=True):
    """A home to be inserted."""

    building_id: UUID
    unit: str
    label: str
    member_limit: int


async def insert_building(conn: Connection, *, community_id: UUID, name: str) -> BuildingRow | None:
    """A new building, or None where one has that name."""
    return await fetch_one(
        conn,
        BuildingRow,
        """
        INSERT INTO building (community_id, name) VALUES ($1, $2)
        ON CONFLICT (community_id, name) DO NOTHING RETURNING building_id, name
        """,
        community_id, name,
    )  # fmt: skip


async def get_building(conn: Connection, *, community_id: UUID, building_id: UUID) -> BuildingRow | None:
    """One building."""
    return await fetch_one(
        conn,
        BuildingRow,
        "SELECT building_id, name FROM building WHERE community_id = $1 AND building_id = $2",
        community_id, building_id,
    )  # fmt: skip


async def list_buildings(
    conn: Connection, *, community_id: UUID, after: str | None = None, limit: int | None = None
) -> list[BuildingRow]:
    """The community's buildings by name, which only one of them has, those after ``after``."""
    return await fetch_all(
        conn,
        BuildingRow,
        """
        SELECT building_id, name FROM building
        WHERE community_id = $1 AND ($2::text IS NULL OR name > $2) ORDER BY name LIMIT $3
        """,
        community_id, after, limit,
    )  # fmt: skip


async def insert_homes(conn: Connection, *, community_id: UUID, homes: Sequence[NewHomeRow]) -> list[HomeRow]:
    """The homes of ``homes`` that were not there yet, by building, unit and label."""
    return await fetch_all(
        conn,
        HomeRow,
        """
        WITH fresh AS (
            INSERT INTO home (community_id, building_id, unit, label, member_limit)
            SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::integer[])
            ON CONFLICT (community_id, building_id, unit, label) DO NOTHING
            RETURNING community_id, home_id, building_id, unit, label, member_limit
        )
        SELECT home_id, building_id, b.name AS building, unit, label, member_limit
        FROM fresh f JOIN building b USING (community_id, building_id)
        ORDER BY building, unit, label
        """,
        community_id,
        [home.building_id for home in homes],
        [home.unit for home in homes],
        [home.label for home in homes],
        [home.member_limit for home in homes],
    )  # fmt: skip


async def get_home(conn: Connection, *, community_id: UUID, home_id: UUID) -> HomeRow | None:
    """One home."""
    return await fetch_one(
        conn,
        HomeRow,
        """
        SELECT home_id, building_id, b.name AS building, h.unit, label, member_limit
        FROM home h JOIN building b USING (community_id, building_id)
        WHERE h.community_id = $1 AND home_id = $2
        """,
        community_id, home_id,
    )  # fmt: skip


async def get_home_for_update(conn: Connection, *, community_id: UUID, home_id: UUID) -> HomeRow | None:
    """One home, locked: its tenancies and the number of its members change one transaction at a time."""
    await conn.execute("SELECT FROM home WHERE community_id = $1 AND home_id = $2 FOR UPDATE", community_id, home_id)
    return await get_home(conn, community_id=community_id, home_id=home_id)


async def list_homes(
    conn: Connection,
    *,
    community_id: UUID,
    building_id: UUID | None,
    after: tuple[str, str, str, UUID] | None,
    limit: int,
) -> list[HomeRow]:
    """Homes by building, unit and label, those after (building, unit, label, home_id)."""
    building, unit, label, home_id = after or (None, None, None, None)
    return await fetch_all(
        conn,
        HomeRow,
        """
        SELECT home_id, building_id, b.name AS building, unit, label, member_limit
        FROM home h JOIN building b USING (community_id, building_id)
        WHERE h.community_id = $1 AND ($2::uuid IS NULL OR building_id = $2)
            AND ($3::text IS NULL OR (b.name, unit, label, home_id) > ($3, $4::text, $5::text, $6::uuid))
        ORDER BY b.name, unit, label, home_id LIMIT $7
        """,
        community_id, building_id, building, unit, label, home_id, limit,
    )  # fmt: skip

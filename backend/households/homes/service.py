"""Rules of buildings and homes."""

from uuid import UUID

from backend.households.errors import BuildingExists, BuildingNotFound, HomeExists
from backend.households.homes import repository
from backend.households.homes.repository import BuildingRow, HomeRow, NewHomeRow
from backend.households.homes.schemas import NewHomes
from backend.kit.db import Connection

__all__ = ["create_building", "create_home", "create_homes"]


async def create_building(conn: Connection, *, community_id: UUID, name: str) -> BuildingRow:
    """A new building.

    Raises:
        BuildingExists: one has that name.
    """
    row = await repository.insert_building(conn, community_id=community_id, name=name)
    if row is None:
        raise BuildingExists
    return row


async def create_home(
    conn: Connection, *, community_id: UUID, building_id: UUID, unit: str, label: str, member_limit: int
) -> HomeRow:
    """A new home.

    Raises:
        BuildingNotFound: the community has no such building.
        HomeExists: the building has one with that label.
    """
    if await repository.get_building(conn, community_id=community_id, building_id=building_id) is None:
        raise BuildingNotFound
    new = NewHomeRow(building_id=building_id, unit=unit, label=label, member_limit=member_limit)
    rows = await repository.insert_homes(conn, community_id=community_id, homes=[new])
    if not rows:
        raise HomeExists
    return rows[0]


async def create_homes(conn: Connection, *, community_id: UUID, new: NewHomes) -> list[HomeRow]:
    """The homes of the list that were not there yet, with their buildings; repeating it changes nothing."""
    # In one order for everybody, so that two lists with the same homes cannot wait for each other.
    for name in sorted({home.building for home in new.homes}):
        await repository.insert_building(conn, community_id=community_id, name=name)
    ids = {row.name: row.building_id for row in await repository.list_buildings(conn, community_id=community_id)}
    homes = {
        (home.building, home.unit, home.label): NewHomeRow(
            building_id=ids[home.building], unit=home.unit, label=home.label, member_limit=home.member_limit
        )
        for home in new.homes
    }
    return await repository.insert_homes(conn, community_id=community_id, homes=[homes[key] for key in sorted(homes)])

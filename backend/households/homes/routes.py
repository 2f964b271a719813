"""Staff: buildings and homes."""

from typing import Annotated
from uuid import UUID

from litestar import Router, get, post
from litestar.params import Parameter

from backend.audit import service as audit
from backend.households.errors import BuildingExists, BuildingNotFound, HomeExists
from backend.households.homes import repository, service
from backend.households.homes.schemas import (
    Building,
    BuildingList,
    Home,
    HomeKey,
    HomePage,
    HomesCreated,
    NewBuilding,
    NewHome,
    NewHomes,
)
from backend.kit.auth import Permission, StaffMember
from backend.kit.db import Database, Scope
from backend.kit.pagination import Cursor, CursorInvalid, Limit, NameKey, decode_cursor, split_page
from backend.kit.problems import Forbidden, NotFound, Unauthorised, problems

__all__ = ["staff_router"]

BuildingFilter = Annotated[UUID | None, Parameter(description="Only this building's")]


@post(
    "/buildings",
    opt={"needs": Permission.REGISTER_WRITE},
    responses=problems(Unauthorised, Forbidden, NotFound, BuildingExists),
    summary="Create a building",
)
async def create_building(community_id: UUID, data: NewBuilding, staff: StaffMember, db: Database) -> Building:
    """A new building of the community."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        row = await service.create_building(conn, community_id=community_id, name=data.name)
        await audit.record_of_staff(conn, community_id, staff, "building.create", f"building:{row.building_id}")
    return Building.of(row)


@get(
    "/buildings",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(CursorInvalid, Unauthorised, Forbidden, NotFound),
    summary="List buildings",
)
async def list_buildings(community_id: UUID, db: Database, limit: Limit = 200, cursor: Cursor = None) -> BuildingList:
    """The community's buildings by name."""
    key = decode_cursor(cursor, NameKey)
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        rows = await repository.list_buildings(
            conn, community_id=community_id, after=None if key is None else key.name, limit=limit + 1
        )
    page, next_cursor = split_page(rows, limit, lambda row: NameKey(row.name, row.building_id))
    return BuildingList(tuple(Building.of(row) for row in page), next_cursor)


@post(
    "/homes",
    opt={"needs": Permission.REGISTER_WRITE},
    responses=problems(Unauthorised, Forbidden, NotFound, BuildingNotFound, HomeExists),
    summary="Create a home",
)
async def create_home(community_id: UUID, data: NewHome, staff: StaffMember, db: Database) -> Home:
    """A new home in one of the community's buildings."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        row = await service.create_home(
            conn,
            community_id=community_id,
            building_id=data.building_id,
            unit=data.unit,
            label=data.label,
            member_limit=data.member_limit,
        )
        await audit.record_of_staff(conn, community_id, staff, "home.create", f"home:{row.home_id}")
    return Home.of(row)


@post(
    "/homes/bulk",
    opt={"needs": Permission.REGISTER_WRITE},
    responses=problems(Unauthorised, Forbidden, NotFound),
    summary="Create many homes",
)
async def create_homes(community_id: UUID, data: NewHomes, staff: StaffMember, db: Database) -> HomesCreated:
    """Homes and buildings of a list; what is there already stays as it is, so that the list can be sent again."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        rows = await service.create_homes(conn, community_id=community_id, new=data)
        await audit.record_of_staff(conn, community_id, staff, "home.create-many", f"homes:{len(rows)}")
    return HomesCreated(homes=tuple(Home.of(row) for row in rows), existing=len(data.homes) - len(rows))


@get(
    "/homes",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(CursorInvalid, Unauthorised, Forbidden, NotFound),
    summary="List homes",
)
async def list_homes(
    community_id: UUID,
    db: Database,
    building_id: BuildingFilter = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> HomePage:
    """The community's homes by building and label."""
    key = decode_cursor(cursor, HomeKey)
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        rows = await repository.list_homes(
            conn,
            community_id=community_id,
            building_id=building_id,
            after=None if key is None else (key.building, key.unit, key.label, key.home_id),
            limit=limit + 1,
        )
    page, next_cursor = split_page(rows, limit, lambda row: HomeKey(row.building, row.unit, row.label, row.home_id))
    return HomePage(homes=tuple(Home.of(row) for row in page), next_cursor=next_cursor)


staff_router = Router(
    path="/communities/{community_id:uuid}",
    route_handlers=[create_building, list_buildings, create_home, create_homes, list_homes],
    tags=["register"],
)

"""Staff: doors and door groups."""

from uuid import UUID

from litestar import Router, delete, get, post, put

from backend.audit import service as audit
from backend.doors import repository, service
from backend.doors.errors import (
    DoorExists,
    DoorGroupExists,
    DoorGroupInUse,
    DoorGroupNotFound,
    DoorGroupUnknown,
    DoorInUse,
    DoorNotFound,
    TooManyDoors,
)
from backend.doors.plans.service import publish
from backend.doors.schemas import Created, Door, DoorFields, DoorGroup, DoorList, GroupFields
from backend.kit.auth import Permission, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.etag import IfMatch, IfMatchNeeded, PreconditionFailed, PreconditionRequired, require_match
from backend.kit.problems import Forbidden, NotFound, Unauthorised, problems

__all__ = ["staff_router"]


@get(
    "/doors",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(Unauthorised, Forbidden, NotFound),
    summary="List doors and door groups",
)
async def list_doors(community_id: UUID, db: Database) -> DoorList:
    """The community's doors, and the groups that rights and hours speak of."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        doors = await repository.list_doors(conn, community_id=community_id)
        groups = await repository.list_groups(conn, community_id=community_id)
    return DoorList(tuple(Door.of(row) for row in doors), tuple(DoorGroup.of(row) for row in groups))


@post(
    "/doors",
    opt={"needs": Permission.DOORS},
    responses=problems(Unauthorised, Forbidden, NotFound, DoorExists, DoorGroupUnknown, TooManyDoors),
    summary="Create a door",
)
async def create_door(community_id: UUID, data: DoorFields, staff: StaffMember, db: Database, clock: Clock) -> Created:
    """A new door; gates are put at it by `PUT .../gates/{gate_id}/door`."""
    now = clock()
    async with db.transaction(Scope(community_id=community_id)) as conn:
        door_id = await service.create_door(
            conn, community_id=community_id, name=data.name, groups=data.groups, now=now
        )
        await audit.record_of_staff(conn, community_id, staff, "door.create", f"door:{door_id}")
    return Created(door_id)


@get(
    "/doors/{door_id:uuid}",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(Unauthorised, Forbidden, DoorNotFound),
    summary="Read a door",
)
async def read_door(community_id: UUID, door_id: UUID, db: Database) -> Door:
    """A door and its groups; its ETag goes with an edit."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        return Door.of(await service.get_door(conn, community_id=community_id, door_id=door_id))


@put(
    "/doors/{door_id:uuid}",
    opt={"needs": Permission.DOORS},
    responses=problems(
        Unauthorised, Forbidden, DoorNotFound, DoorExists, DoorGroupUnknown, PreconditionFailed, PreconditionRequired
    ),
    status_code=204,
    summary="Change a door",
)
async def change_door(
    community_id: UUID,
    door_id: UUID,
    data: DoorFields,
    staff: StaffMember,
    db: Database,
    clock: Clock,
    if_match: IfMatchNeeded = None,
) -> None:
    """Give a door another name and other groups; its gates hear of it at once."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await repository.hold(conn, community_id=community_id)
        before = await service.get_door(conn, community_id=community_id, door_id=door_id)
        require_match(if_match, Door.of(before), needed=True)
        await service.change_door(conn, community_id=community_id, door_id=door_id, name=data.name, groups=data.groups)
        await audit.record_of_staff(conn, community_id, staff, "door.change", f"door:{door_id}")
        await publish(conn, community_id=community_id, now=clock())


@delete(
    "/doors/{door_id:uuid}",
    opt={"needs": Permission.DOORS},
    responses=problems(Unauthorised, Forbidden, DoorNotFound, DoorInUse),
    summary="Delete a door",
)
async def delete_door(community_id: UUID, door_id: UUID, staff: StaffMember, db: Database) -> None:
    """Delete a door that no gate stands at."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await service.delete_door(conn, community_id=community_id, door_id=door_id)
        await audit.record_of_staff(conn, community_id, staff, "door.delete", f"door:{door_id}")


@post(
    "/door-groups",
    opt={"needs": Permission.DOORS},
    responses=problems(Unauthorised, Forbidden, NotFound, DoorGroupExists, TooManyDoors),
    summary="Create a door group",
)
async def create_group(
    community_id: UUID, data: GroupFields, staff: StaffMember, db: Database, clock: Clock
) -> Created:
    """A new group, without doors yet."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        group_id = await service.create_group(conn, community_id=community_id, name=data.name, now=clock())
        await audit.record_of_staff(conn, community_id, staff, "door-group.create", f"door-group:{group_id}")
    return Created(group_id)


@get(
    "/door-groups/{group_id:uuid}",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(Unauthorised, Forbidden, DoorGroupNotFound),
    summary="Read a door group",
)
async def read_group(community_id: UUID, group_id: UUID, db: Database) -> DoorGroup:
    """A group; its ETag may go with an edit."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        return DoorGroup.of(await service.get_group(conn, community_id=community_id, group_id=group_id))


@put(
    "/door-groups/{group_id:uuid}",
    opt={"needs": Permission.DOORS},
    responses=problems(Unauthorised, Forbidden, DoorGroupNotFound, DoorGroupExists, PreconditionFailed),
    status_code=204,
    summary="Rename a door group",
)
async def change_group(
    community_id: UUID, group_id: UUID, data: GroupFields, staff: StaffMember, db: Database, if_match: IfMatch = None
) -> None:
    """Rename a group; nothing changes at the gates."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await repository.hold(conn, community_id=community_id)
        before = await service.get_group(conn, community_id=community_id, group_id=group_id)
        require_match(if_match, DoorGroup.of(before))
        await service.change_group(conn, community_id=community_id, group_id=group_id, name=data.name)
        await audit.record_of_staff(conn, community_id, staff, "door-group.change", f"door-group:{group_id}")


@delete(
    "/door-groups/{group_id:uuid}",
    opt={"needs": Permission.DOORS},
    responses=problems(Unauthorised, Forbidden, DoorGroupNotFound, DoorGroupInUse),
    summary="Delete a door group",
)
async def delete_group(community_id: UUID, group_id: UUID, staff: StaffMember, db: Database, clock: Clock) -> None:
    """Delete a group and its hours. Its doors stay; as long as a right to enter names it, so does the group."""
    now = clock()
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await service.delete_group(conn, community_id=community_id, group_id=group_id, now=now)
        await audit.record_of_staff(conn, community_id, staff, "door-group.delete", f"door-group:{group_id}")
        await publish(conn, community_id=community_id, now=now)


staff_router = Router(
    path="/communities/{community_id:uuid}",
    route_handlers=[
        list_doors,
        create_door,
        read_door,
        change_door,
        delete_door,
        create_group,
        read_group,
        change_group,
        delete_group,
    ],
    tags=["doors"],
)

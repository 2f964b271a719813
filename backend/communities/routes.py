"""Staff: communities."""

from uuid import UUID, uuid4

from litestar import Router, get, patch, post

from backend.audit import service as audit
from backend.communities import repository, service
from backend.communities.errors import CommunityNotFound, TimeZoneUnknown
from backend.communities.schemas import Community, CommunityChange, CommunityList, NewCommunity
from backend.kit.auth import Permission, StaffMember
from backend.kit.db import Database, Scope
from backend.kit.etag import IfMatch, PreconditionFailed, require_match
from backend.kit.pagination import Cursor, CursorInvalid, Limit, NameKey, decode_cursor, split_page
from backend.kit.problems import Forbidden, Unauthorised, problems

__all__ = ["staff_router"]


@post(
    "/",
    opt={"needs": Permission.COMMUNITY_CREATE},
    responses=problems(Unauthorised, Forbidden, TimeZoneUnknown),
    summary="Create a community",
)
async def create_community(data: NewCommunity, staff: StaffMember, db: Database) -> Community:
    """A new community of the caller's authority."""
    community_id = uuid4()
    async with db.transaction(Scope(community_id=community_id)) as conn:
        row = await service.create(conn, community_id=community_id, authority_id=staff.authority_id, new=data)
        await audit.record(
            conn, community_id=community_id, actor=f"staff:{staff.staff_id}", action="community.create",
            target=f"community:{community_id}",
        )  # fmt: skip
    return Community.of(row)


@get("/", responses=problems(CursorInvalid, Unauthorised), summary="List communities")
async def list_communities(
    staff: StaffMember, db: Database, limit: Limit = 200, cursor: Cursor = None
) -> CommunityList:
    """The communities in which the caller has a role."""
    key = decode_cursor(cursor, NameKey)
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        rows = await repository.list_communities(
            conn,
            authority_id=staff.authority_id,
            ids=staff.communities,
            after=None if key is None else (key.name, key.id),
            limit=limit + 1,
        )
    page, next_cursor = split_page(rows, limit, lambda row: NameKey(row.name, row.community_id))
    return CommunityList(tuple(Community.of(row) for row in page), next_cursor)


@get(
    "/{community_id:uuid}",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(Unauthorised, CommunityNotFound),
    summary="Read a community",
)
async def read_community(community_id: UUID, db: Database) -> Community:
    """One community."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        return Community.of(await service.get(conn, community_id=community_id))


@patch(
    "/{community_id:uuid}",
    opt={"needs": Permission.COMMUNITY_CHANGE},
    responses=problems(Unauthorised, Forbidden, CommunityNotFound, TimeZoneUnknown, PreconditionFailed),
    summary="Change a community",
)
async def change_community(
    community_id: UUID, data: CommunityChange, staff: StaffMember, db: Database, if_match: IfMatch = None
) -> Community:
    """Change a community's name, rules or leases."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        before = await repository.get_community_for_update(conn, community_id=community_id)
        if before is None:
            raise CommunityNotFound
        require_match(if_match, Community.of(before))
        row = await service.change(conn, community_id=community_id, change=data)
        await audit.record(
            conn, community_id=community_id, actor=f"staff:{staff.staff_id}", action="community.change",
            target=f"community:{community_id}",
        )  # fmt: skip
    return Community.of(row)


staff_router = Router(
    path="/communities",
    route_handlers=[create_community, list_communities, read_community, change_community],
    tags=["communities"],
)

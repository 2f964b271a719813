"""Staff: the audit trail."""

from uuid import UUID

from litestar import Router, get

from backend.audit import repository
from backend.audit.schemas import AuditEntry, AuditKey, AuditPage
from backend.kit.auth import Permission, StaffMember
from backend.kit.db import Database, Scope
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Forbidden, NotFound, Unauthorised, problems

__all__ = ["staff_router"]


@get("/", responses=problems(CursorInvalid, Unauthorised, Forbidden, NotFound), summary="Read the audit trail")
async def list_entries(
    community_id: UUID, staff: StaffMember, db: Database, limit: Limit = 50, cursor: Cursor = None
) -> AuditPage:
    """What was done in a community, newest first."""
    staff.require(Permission.AUDIT_READ)
    after = decode_cursor(cursor, AuditKey)
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        rows = await repository.list_before(
            conn, community_id=community_id, seq=after.seq if after else None, limit=limit + 1
        )
    page, next_cursor = split_page(rows, limit, lambda row: AuditKey(row.seq))
    return AuditPage(entries=tuple(AuditEntry.of(row) for row in page), next_cursor=next_cursor)


staff_router = Router(path="/communities/{community_id:uuid}/audit", route_handlers=[list_entries], tags=["audit"])

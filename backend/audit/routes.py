"""Staff: the audit trail, its signed heads, and both to take away. Everybody: the keys that heads are signed with."""

from typing import Annotated
from uuid import UUID

from litestar import Router, get
from litestar.datastructures import CacheControlHeader
from litestar.params import QueryParameter
from litestar.response import Stream

from backend.audit import repository, service, trail
from backend.audit.schemas import AuditEntry, AuditKey, AuditPage, CheckpointKey, CheckpointPage
from backend.audit.signing import signed
from backend.keys.service import Keys
from backend.keys.signing.published import KeySet, publish
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.db import Database, Scope
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Forbidden, NotFound, Unauthorised, problems

__all__ = ["public_router", "staff_router"]

_READ = problems(CursorInvalid, Unauthorised, Forbidden, NotFound)
# Up to what every JSON reader holds exactly.
AfterSeq = Annotated[int, QueryParameter(ge=0, le=2**53 - 1, description="`seq` of the last line that was received")]
MostLines = Annotated[int, QueryParameter(ge=1, le=1_000_000, description="Lines at most")]


@get("/", opt={"needs": Permission.AUDIT_READ}, responses=_READ, summary="Read the audit trail")
async def list_entries(community_id: UUID, db: Database, limit: Limit = 50, cursor: Cursor = None) -> AuditPage:
    """What was done in a community, newest first."""
    after = decode_cursor(cursor, AuditKey)
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        rows = await repository.list_before(
            conn, community_id=community_id, seq=after.seq if after else None, limit=limit + 1
        )
    page, next_cursor = split_page(rows, limit, lambda row: AuditKey(row.seq))
    return AuditPage(entries=tuple(AuditEntry.of(row) for row in page), next_cursor=next_cursor)


@get(
    "/checkpoints",
    opt={"needs": Permission.AUDIT_READ},
    responses=_READ,
    summary="List signed heads of the audit trail",
)
async def list_checkpoints(
    community_id: UUID, db: Database, limit: Limit = 50, cursor: Cursor = None
) -> CheckpointPage:
    """Where the trail ended each day, signed, newest first. Keep them apart from the database."""
    before = decode_cursor(cursor, CheckpointKey)
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        rows = await repository.list_checkpoints(
            conn, community_id=community_id, before=before.day if before else None, limit=limit + 1
        )
    page, next_cursor = split_page(rows, limit, lambda row: CheckpointKey(row.day))
    return CheckpointPage(checkpoints=tuple(signed(row) for row in page), next_cursor=next_cursor)


@get(
    "/export",
    opt={"needs": Permission.AUDIT_EXPORT},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, NotFound),
    cache_control=CacheControlHeader(no_store=True),
    media_type="application/x-ndjson",
    summary="Take the audit trail away",
)
async def export_trail(
    community_id: UUID, staff: StaffMember, db: Database, after: AfterSeq = 0, limit: MostLines = 100_000
) -> Stream:
    """The trail as lines of JSON, oldest first, with every field that the hashes cover.

    Where there are more than `limit` lines, or the line broke, ask again with the last line's `seq` as `after`; an
    empty answer means that there is nothing newer. Each export is itself recorded, first.
    """
    scope = Scope(community_id=community_id)
    async with db.transaction(scope, read_only=True) as conn:
        head = await repository.get_head(conn, community_id=community_id)
    until = min(0 if head is None else head.seq, after + limit)
    if until > after:
        async with db.transaction(scope) as conn:
            await service.record(
                conn,
                community_id=community_id,
                actor=f"staff:{staff.staff_id}",
                action="audit.export",
                target=f"audit:{after + 1}-{until}",
            )
    return Stream(
        trail.lines(db, scope, chain=community_id, after=after, until=until), media_type="application/x-ndjson"
    )


@get("/.well-known/doorward-audit-keys.json", opt={"public": True}, summary="Public keys of audit trails")
async def audit_keys(keys: Keys) -> KeySet:
    """The keys that heads of audit trails are signed with, as a JSON Web Key Set; retired ones stay."""
    return publish((key.kid, key.public_key) for key in await keys.audit_keys())


staff_router = Router(
    path="/communities/{community_id:uuid}/audit",
    route_handlers=[list_entries, list_checkpoints, export_trail],
    tags=["audit"],
)
public_router = Router(path="/", route_handlers=[audit_keys])

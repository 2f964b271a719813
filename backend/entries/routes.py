"""Staff: a community's entries. Residents: their own."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from litestar import Router, get
from litestar.params import Parameter

from backend.communities.errors import CommunityNotFound
from backend.entries import repository
from backend.entries.errors import MomentInvalid
from backend.entries.repository import EntryKey, OwnEntryKey
from backend.entries.schemas import Entry, EntryPage, OwnEntry, OwnEntryPage
from backend.kit.auth import Permission, ResidentPrincipal
from backend.kit.db import Database, Scope
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Forbidden, Unauthorised, problems
from gate_sdk.wire import Outcome

__all__ = ["resident_router", "staff_router"]

GateFilter = Annotated[UUID | None, Parameter(description="Only this gate's")]
SubjectFilter = Annotated[UUID | None, Parameter(description="Only this subject's")]
KindFilter = Annotated[Literal["entry", "alarm"] | None, Parameter(description="Only these")]
OutcomeFilter = Annotated[Outcome | None, Parameter(description="Only what was decided so")]
Since = Annotated[datetime | None, Parameter(description="From this moment on")]
Until = Annotated[datetime | None, Parameter(description="Before this moment")]


@get(
    "/",
    opt={"needs": Permission.ENTRIES_READ},
    responses=problems(Unauthorised, Forbidden, CommunityNotFound, CursorInvalid, MomentInvalid),
    summary="List a community's entries and alarms",
)
async def list_entries(
    community_id: UUID,
    db: Database,
    gate_id: GateFilter = None,
    subject_id: SubjectFilter = None,
    kind: KindFilter = None,
    outcome: OutcomeFilter = None,
    since: Since = None,
    until: Until = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> EntryPage:
    """What the community's gates reported, newest first."""
    after = decode_cursor(cursor, EntryKey)
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        rows = await repository.list_entries(
            conn,
            community_id=community_id,
            gate_id=gate_id,
            subject_id=subject_id,
            kind=kind,
            outcome=None if outcome is None else outcome.value,
            since=_utc(since),
            until=_utc(until),
            after=after,
            limit=limit,
        )
    page, following = split_page(rows, limit, lambda row: EntryKey(row.at, row.gate_id, row.store_epoch, row.seq))
    return EntryPage(tuple(Entry.of(row) for row in page), following)


@get("/", responses=problems(Unauthorised, CursorInvalid), summary="List your own entries")
async def list_own_entries(
    resident: ResidentPrincipal, db: Database, cursor: Cursor = None, limit: Limit = 50
) -> OwnEntryPage:
    """When the gates saw you, in every community, newest first."""
    after = decode_cursor(cursor, OwnEntryKey)
    async with db.transaction(Scope(person_id=resident.person_id), read_only=True) as conn:
        rows = await repository.list_own_entries(conn, person_id=resident.person_id, after=after, limit=limit)
    page, following = split_page(
        rows, limit, lambda row: OwnEntryKey(row.at, row.community_id, row.gate_id, row.store_epoch, row.seq)
    )
    return OwnEntryPage(tuple(OwnEntry.of(row) for row in page), following)


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise MomentInvalid
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise MomentInvalid from None


staff_router = Router(path="/communities/{community_id:uuid}/entries", route_handlers=[list_entries], tags=["entries"])
resident_router = Router(path="/entries", route_handlers=[list_own_entries], tags=["entries"])

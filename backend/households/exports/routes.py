"""Staff: the register as a file."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated
from uuid import UUID

from litestar import Router, get
from litestar.params import Parameter
from litestar.response import Stream

from backend.audit import service as audit
from backend.communities import repository as communities
from backend.communities.repository import CommunityRow
from backend.households.exports import repository
from backend.households.exports.cells import csv_bytes, first_day, last_day, local_phone
from backend.households.exports.repository import ExportKey, ExportRow
from backend.households.imports.columns import HEADINGS, Column
from backend.households.imports.lines import Encoding
from backend.households.imports.service import reach_of
from backend.households.imports.values import written
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.db import Connection, Database, Scope
from backend.kit.problems import Forbidden, NotFound, Unauthorised, problems

__all__ = ["staff_router"]

_PAGE = 1000
EncodingParam = Annotated[Encoding, Parameter(description="GB18030 for old spreadsheets")]
ColumnsParam = Annotated[
    list[Column] | None, Parameter(max_items=20, description="All where none is named; in this order")
]
BuildingParam = Annotated[UUID | None, Parameter(description="Only this building's")]

_FILE = {"answers": ("text/csv",)}


@get(
    "/communities/{community_id:uuid}/register",
    opt={**_FILE, "needs": Permission.REGISTER_EXPORT},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, NotFound),
    summary="Export a community's register",
)
async def export_community(
    community_id: UUID,
    staff: StaffMember,
    db: Database,
    encoding: EncodingParam = "utf-8",
    columns: ColumnsParam = None,
    building_id: BuildingParam = None,
) -> Stream:
    """Open members with their tenancies and homes as CSV, which an import reads again. Audited."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        found = await communities.get_community(conn, community_id=community_id)
        await _record(conn, community_id, staff)
    return _stream(db, [] if found is None else [found], columns, encoding, building_id)


@get(
    "/register",
    opt=_FILE,
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired),
    summary="Export the authority's register",
)
async def export_authority(
    staff: StaffMember, db: Database, encoding: EncodingParam = "utf-8", columns: ColumnsParam = None
) -> Stream:
    """The same for all communities of the authority's; managers get theirs. Audited in each community's trail."""
    async with db.transaction(Scope(platform=True)) as conn:
        reach = await reach_of(conn, staff, Permission.REGISTER_EXPORT)
        found = await communities.list_communities(
            conn, authority_id=staff.authority_id, ids=None if reach is None else tuple(reach)
        )
        for one in found:
            await _record(conn, one.community_id, staff)
    return _stream(db, found, columns, encoding, None)


def _stream(
    db: Database,
    found: Sequence[CommunityRow],
    columns: Sequence[Column] | None,
    encoding: Encoding,
    building_id: UUID | None,
) -> Stream:
    wanted = tuple(dict.fromkeys(columns or Column))
    return Stream(
        _parts(db, found, wanted, encoding, building_id),
        media_type="text/csv",
        encoding=encoding,
        headers={"Content-Disposition": 'attachment; filename="register.csv"', "Cache-Control": "no-store"},
    )


async def _parts(
    db: Database,
    found: Sequence[CommunityRow],
    wanted: Sequence[Column],
    encoding: Encoding,
    building_id: UUID | None,
) -> AsyncIterator[bytes]:
    yield csv_bytes([[HEADINGS[column][0] for column in wanted]], encoding, first=True)
    for community in found:
        after: ExportKey | None = None
        while True:
            # A transaction for each page: a slow reader holds none open.
            async with db.transaction(Scope(community_id=community.community_id), read_only=True) as conn:
                rows = await repository.list_register(
                    conn, community_id=community.community_id, building_id=building_id, after=after, limit=_PAGE
                )
            if rows:
                cells = (_cells(row, community) for row in rows)
                yield csv_bytes([[one[column] for column in wanted] for one in cells], encoding, first=False)
            if len(rows) < _PAGE:
                break
            after = rows[-1].building, rows[-1].unit, rows[-1].home, rows[-1].member_id


def _cells(row: ExportRow, community: CommunityRow) -> Mapping[Column, str]:
    return {
        Column.COMMUNITY: community.name,
        Column.BUILDING: row.building,
        Column.UNIT: row.unit,
        Column.HOME: row.home,
        Column.MEMBER_LIMIT: str(row.member_limit),
        Column.TENANCY: row.tenancy or "",
        Column.NUMBER: row.number or "",
        Column.NAME: row.name,
        Column.PHONE: "" if row.phone is None else local_phone(row.phone),
        Column.RELATION: written(row.relation),
        Column.STARTS: first_day(row.starts_at, community.time_zone).isoformat(),
        Column.ENDS: "" if row.ends_at is None else last_day(row.ends_at, community.time_zone).isoformat(),
    }


async def _record(conn: Connection, community_id: UUID, staff: StaffMember) -> None:
    await audit.record(
        conn,
        community_id=community_id,
        actor=f"staff:{staff.staff_id}",
        action="register.export",
        target=f"community:{community_id}",
    )


staff_router = Router(path="/", route_handlers=[export_community, export_authority], tags=["register"])

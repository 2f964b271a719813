"""Staff: imports of the register."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Request, Router, get, post, put
from litestar.params import Parameter
from litestar.response import Stream

from backend.households.imports import batches, reports, repository, service
from backend.households.imports.batches import OutcomeRow
from backend.households.imports.errors import (
    EndsDiffer,
    FileEmpty,
    FileNotText,
    FileTooLarge,
    ImportNotFound,
    ImportNotOpen,
    ImportsFull,
)
from backend.households.imports.guards import of_own, of_register
from backend.households.imports.schemas import Apply, Import, ImportKey, ImportPage, NewImport
from backend.households.imports.service import Shown
from backend.households.imports.staging import MAX_BYTES
from backend.keys.service import Keys
from backend.kit.auth import SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Forbidden, Unauthorised, problems
from backend.kit.storage import ObjectStore, StorageUnavailable

__all__ = ["staff_router"]

_PAGE = 50
_LINES = 500
ReportFormat = Annotated[Literal["ndjson", "csv"], Parameter(description="One JSON object a line, or CSV (UTF-8)")]
LinesShown = Annotated[Literal["all", "problems"], Parameter(description="All lines, or those with a code")]


@post(
    "/imports",
    guards=[of_register],
    responses=problems(Unauthorised, Forbidden, ImportsFull),
    summary="Begin an import",
)
async def create_import(data: NewImport, staff: StaffMember, db: Database, clock: Clock) -> Import:
    """Say how a file of homes, tenancies and tenants is to be read; the file follows. Managers: their communities."""
    now = clock()
    async with db.transaction(Scope(platform=True)) as conn:
        row = await service.begin(conn, staff=staff, new=data, now=now)
        return await _shown(conn, Shown(row, None), clock)


@put(
    "/imports/{import_id:uuid}/file",
    status_code=202,
    request_max_body_size=MAX_BYTES + 1,
    responses=problems(
        Unauthorised, Forbidden, ImportNotFound, ImportNotOpen, FileTooLarge, FileNotText, FileEmpty, StorageUnavailable
    ),
    summary="Send an import's file",
)
async def receive_file(
    import_id: UUID,
    request: Request[Any, Any, Any],
    staff: StaffMember,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    clock: Clock,
) -> Import:
    """The CSV as the request's body, UTF-8 or GB18030, at most 256 MiB; reading begins once all of it is there."""
    row = await service.receive(db, keys, objects, request.stream(), staff=staff, import_id=import_id)
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        return await _shown(conn, Shown(row, None), clock)


@get("/imports", responses=problems(CursorInvalid, Unauthorised, Forbidden), summary="List imports")
async def list_imports(
    staff: StaffMember, db: Database, clock: Clock, limit: Limit = 50, cursor: Cursor = None
) -> ImportPage:
    """The authority's imports, the newest first; managers see their own, and those with lines of their communities."""
    key = decode_cursor(cursor, ImportKey)
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        reach = await service.reach_of(conn, staff)
        rows = await repository.list_imports(
            conn,
            authority_id=staff.authority_id,
            staff_id=staff.staff_id,
            reach=reach,
            before=None if key is None else (key.created_at, key.import_id),
            limit=limit + 1,
        )
        page, next_cursor = split_page(rows, limit, lambda row: ImportKey(row.created_at, row.import_id))
        return ImportPage(
            tuple([await _shown(conn, service.shown(staff, reach, row), clock) for row in page]), next_cursor
        )


@get("/imports/{import_id:uuid}", responses=problems(Unauthorised, Forbidden, ImportNotFound), summary="Read an import")
async def read_import(import_id: UUID, staff: StaffMember, db: Database, clock: Clock) -> Import:
    """How far an import is; of one that somebody else has begun, the lines of the caller's communities alone."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        return await _shown(conn, await service.look(conn, staff=staff, import_id=import_id), clock)


@post(
    "/imports/{import_id:uuid}/apply",
    guards=[of_own],
    status_code=202,
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, ImportNotFound, ImportNotOpen, EndsDiffer),
    summary="Apply a checked import",
)
async def apply_import(import_id: UUID, data: Apply, staff: StaffMember, db: Database, clock: Clock) -> Import:
    """Do in earnest what the check has shown, with the same file."""
    async with db.transaction(Scope(platform=True)) as conn:
        row = await service.apply(conn, staff=staff, import_id=import_id, confirmed=data)
        return await _shown(conn, Shown(row, None), clock)


@post(
    "/imports/{import_id:uuid}/cancel",
    status_code=200,
    responses=problems(Unauthorised, Forbidden, ImportNotFound, ImportNotOpen),
    summary="Cancel an import",
)
async def cancel_import(import_id: UUID, staff: StaffMember, db: Database, clock: Clock) -> Import:
    """Stop an import and destroy its file. What it has done stands; the report says what that is."""
    async with db.transaction(Scope(platform=True)) as conn:
        row = await service.cancel(conn, staff=staff, import_id=import_id, now=clock())
        return await _shown(conn, Shown(row, None), clock)


@get(
    "/imports/{import_id:uuid}/report",
    opt={"answers": ("application/x-ndjson", "text/csv")},
    responses=problems(Unauthorised, Forbidden, ImportNotFound),
    summary="Download an import's report",
)
async def read_report(
    import_id: UUID,
    staff: StaffMember,
    db: Database,
    report_format: ReportFormat = "ndjson",
    lines: LinesShown = "all",
) -> Stream:
    """What became of each line, by its number: a code, what it means and what to do. It names nobody."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        found = await service.look(conn, staff=staff, import_id=import_id)
    return Stream(
        _report(db, found, report_format, only_problems=lines == "problems"),
        media_type="text/csv" if report_format == "csv" else "application/x-ndjson",
        headers={
            "Content-Disposition": f'attachment; filename="import-{import_id}.{report_format}"',
            "Cache-Control": "no-store",
        },
    )


async def _report(
    db: Database, found: Shown, form: Literal["ndjson", "csv"], *, only_problems: bool
) -> AsyncIterator[bytes]:
    held: list[reports.ReportLine] = []
    first = True
    async for line in reports.in_order(_outcomes(db, found)):
        if only_problems and line.code is None:
            continue
        held.append(line)
        if len(held) >= _LINES:
            yield reports.rendered(held, form, first=first)
            held, first = [], False
    yield reports.rendered(held, form, first=first)


async def _outcomes(db: Database, found: Shown) -> AsyncIterator[OutcomeRow]:
    # A transaction for each page: a slow reader holds none open.
    after: tuple[int, int] | None = None
    while True:
        async with db.transaction(Scope(platform=True), read_only=True) as conn:
            rows = await batches.list_outcomes(
                conn, import_id=found.row.import_id, communities=found.communities, after=after, limit=_PAGE
            )
        for row in rows:
            yield row
        if len(rows) < _PAGE:
            return
        after = rows[-1].first_line, rows[-1].position


async def _shown(conn: Connection, found: Shown, clock: Clock) -> Import:
    progress = await batches.get_progress(conn, import_id=found.row.import_id, communities=found.communities)
    return Import.of(found.row, progress, clock())


staff_router = Router(
    path="/",
    route_handlers=[
        create_import,
        receive_file,
        list_imports,
        read_import,
        apply_import,
        cancel_import,
        read_report,
    ],
    tags=["register"],
)

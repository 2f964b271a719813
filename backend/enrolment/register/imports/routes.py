"""Staff: register photographs in archives, and the report on each."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Router, get, post
from litestar.exceptions import HTTPException
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from msgspec import Meta

from backend.enrolment.errors import UploadInterrupted
from backend.enrolment.register.errors import (
    ArchiveTooLarge,
    ArchiveTypeUnsupported,
    PhotoImportNotFound,
    TooManyImports,
)
from backend.enrolment.register.imports import repository, service
from backend.enrolment.register.imports.archive import MAX_ARCHIVE_BYTES
from backend.enrolment.register.imports.schemas import PhotoImport, PhotoImportList, PhotoLine, PhotoLineList
from backend.keys.service import Keys
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Forbidden, Unauthorised, problems
from backend.kit.storage import ObjectStore, StorageFull, StorageUnavailable

__all__ = ["staff_router"]

AnyRequest = Request[Any, Any, Any]
#: Within which the next part of an archive must arrive.
_STALLED_SECONDS = 30.0
_LISTED = 50


class _After(msgspec.Struct, frozen=True, array_like=True):
    """The key of a page's last row."""

    line: Annotated[int, Meta(ge=0)]


@dataclass
class _ArchiveOperation(Operation):
    """The body is the archive itself. No form: Litestar's parser keeps large parts of one in files on disk."""

    def __post_init__(self) -> None:
        """Say so in the interface's description."""
        self.request_body = RequestBody(
            content={"application/zip": OpenAPIMediaType(schema=Schema())},
            required=True,
            description="A ZIP archive, at most 1 GB; files named by register number, such as `A-1024.jpg`",
        )


@post(
    "/",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    status_code=202,
    responses=problems(
        Unauthorised,
        Forbidden,
        SecondFactorRequired,
        TooManyImports,
        ArchiveTooLarge,
        ArchiveTypeUnsupported,
        UploadInterrupted,
        StorageUnavailable,
        StorageFull,
    ),
    operation_class=_ArchiveOperation,
    request_max_body_size=MAX_ARCHIVE_BYTES + 1,
    summary="Send register photographs in an archive",
)
async def send_archive(
    community_id: UUID,
    request: AnyRequest,
    staff: StaffMember,
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    clock: Clock,
) -> PhotoImport:
    """Take in an archive of photographs named by register number; it is read in the background, file by file.

    They are kept for comparison with the first face that each member takes himself, and for nothing else.
    """
    import_id = await service.begin(
        db, community_id=community_id, staff_id=staff.staff_id, announced=request.content_length, now=clock()
    )
    row = await service.receive(
        db,
        keys,
        objects,
        community_id=community_id,
        import_id=import_id,
        chunks=_arriving(request),
        now=clock(),
    )
    return PhotoImport.of(row, [])


@get(
    "/",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired),
    summary="List imports of register photographs",
)
async def list_imports(community_id: UUID, db: Database) -> PhotoImportList:
    """The newest imports and how far each has come."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        return PhotoImportList(
            tuple(
                [
                    PhotoImport.of(
                        row,
                        await repository.count_outcomes(conn, community_id=community_id, import_id=row.import_id),
                    )
                    for row in await repository.list_imports(conn, community_id=community_id, limit=_LISTED)
                ]
            )
        )


@get(
    "/{import_id:uuid}",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, PhotoImportNotFound),
    summary="Read how far an import has come",
)
async def read_import(community_id: UUID, import_id: UUID, db: Database) -> PhotoImport:
    """One import: its progress, and what became of how many files."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        row = await service.require(conn, community_id=community_id, import_id=import_id)
        outcomes = await repository.count_outcomes(conn, community_id=community_id, import_id=import_id)
    return PhotoImport.of(row, outcomes)


@get(
    "/{import_id:uuid}/lines",
    opt={"needs": Permission.ENROLMENT_REVIEW},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, PhotoImportNotFound, CursorInvalid),
    summary="Read an import's report line by line",
)
async def list_lines(
    community_id: UUID, import_id: UUID, db: Database, limit: Limit = 50, cursor: Cursor = None
) -> PhotoLineList:
    """What became of each file, in the archive's order, with what to do about it."""
    after = decode_cursor(cursor, _After)
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        await service.require(conn, community_id=community_id, import_id=import_id)
        rows = await repository.list_lines(
            conn,
            community_id=community_id,
            import_id=import_id,
            after=0 if after is None else after.line,
            limit=limit + 1,
        )
    page, next_cursor = split_page(rows, limit, lambda row: _After(row.line))
    return PhotoLineList(tuple(PhotoLine.of(row) for row in page), next_cursor)


async def _arriving(request: AnyRequest) -> AsyncIterator[bytes]:
    stream = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(_STALLED_SECONDS):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except HTTPException as error:
            # Litestar's own words for a body over the limit and for a client that went away.
            raise (ArchiveTooLarge if error.status_code == ArchiveTooLarge.status else UploadInterrupted) from error
        except TimeoutError as error:
            raise UploadInterrupted from error
        yield chunk


staff_router = Router(
    path="/communities/{community_id:uuid}/register-photos/imports",
    route_handlers=[send_archive, list_imports, read_import, list_lines],
    tags=["register photographs"],
)

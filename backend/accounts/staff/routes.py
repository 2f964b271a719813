"""Staff: who belongs to an authority."""

from uuid import UUID

from litestar import Router, delete, get, patch, post

from backend.accounts import phones
from backend.accounts.errors import (
    LastAdministrator,
    LegalOfficerAlone,
    PhoneInvalid,
    RoleReachesFurther,
    StaffExists,
    StaffNotFound,
)
from backend.accounts.staff import repository
from backend.accounts.staff import service as rules
from backend.accounts.staff.guards import of_authority
from backend.accounts.staff.schemas import NewStaff, Staff, StaffChange, StaffList
from backend.communities.errors import CommunityNotFound
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.etag import IfMatchNeeded, PreconditionFailed, PreconditionRequired
from backend.kit.pagination import Cursor, CursorInvalid, Limit, NameKey, decode_cursor, split_page
from backend.kit.problems import Forbidden, Unauthorised, problems

__all__ = ["staff_router"]

_PLATFORM = Scope(platform=True)


_STAFF_PROBLEMS = (Unauthorised, Forbidden, SecondFactorRequired)


@get(
    "/",
    opt={"needs": Permission.STAFF_READ},
    responses=problems(CursorInvalid, Unauthorised, Forbidden),
    summary="List staff",
)
async def list_staff(staff: StaffMember, db: Database, limit: Limit = 200, cursor: Cursor = None) -> StaffList:
    """The caller's authority's staff, by name. For its administrators."""
    key = decode_cursor(cursor, NameKey)
    async with db.transaction(_PLATFORM, read_only=True) as conn:
        rows = await repository.list_staff(
            conn,
            authority_id=staff.authority_id,
            staff_id=None,
            after=None if key is None else (key.name, key.id),
            limit=limit + 1,
        )
    page, next_cursor = split_page(rows, limit, lambda row: NameKey(row.name, row.staff_id))
    return StaffList(tuple(Staff.of(row) for row in page), next_cursor)


@post(
    "/",
    opt={"needs": Permission.STAFF},
    responses=problems(
        *_STAFF_PROBLEMS, PhoneInvalid, StaffExists, CommunityNotFound, RoleReachesFurther, LegalOfficerAlone
    ),
    summary="Add a member of staff",
)
async def add_staff(data: NewStaff, staff: StaffMember, db: Database, pepper: bytes) -> Staff:
    """Add somebody to the caller's authority's staff; he logs in with his number. For its administrators."""
    phone = phones.parse(data.phone)
    async with db.transaction(_PLATFORM) as conn:
        return Staff.of(await rules.add(conn, pepper=pepper, by=staff, phone=phone, new=data))


@get(
    "/{staff_id:uuid}",
    opt={"needs": Permission.STAFF_READ},
    responses=problems(Unauthorised, Forbidden, StaffNotFound),
    summary="Read a member of staff",
)
async def read_staff(staff_id: UUID, staff: StaffMember, db: Database) -> Staff:
    """A member of the caller's authority's staff; his ETag goes with a change of roles. For its administrators."""
    async with db.transaction(_PLATFORM, read_only=True) as conn:
        return Staff.of(await rules.get(conn, staff_id=staff_id, authority_id=staff.authority_id))


@patch(
    "/{staff_id:uuid}",
    opt={"needs": Permission.STAFF},
    guards=[of_authority],
    responses=problems(
        *_STAFF_PROBLEMS,
        StaffNotFound,
        LastAdministrator,
        CommunityNotFound,
        RoleReachesFurther,
        LegalOfficerAlone,
        PreconditionFailed,
        PreconditionRequired,
    ),
    summary="Change a member of staff",
)
async def change_staff(
    staff_id: UUID, data: StaffChange, staff: StaffMember, db: Database, if_match: IfMatchNeeded = None
) -> Staff:
    """Change a member's name or roles, with effect at his next request. For administrators.

    Roles are replaced as a whole, and so need If-Match; a name alone does not.
    """
    async with db.transaction(_PLATFORM) as conn:
        return Staff.of(await rules.change(conn, by=staff, staff_id=staff_id, change=data, if_match=if_match))


@delete(
    "/{staff_id:uuid}",
    opt={"needs": Permission.STAFF},
    responses=problems(*_STAFF_PROBLEMS, StaffNotFound, LastAdministrator),
    summary="Remove a member of staff",
)
async def remove_staff(staff_id: UUID, staff: StaffMember, db: Database, clock: Clock) -> None:
    """Remove a member, with effect at once. For administrators."""
    async with db.transaction(_PLATFORM) as conn:
        await rules.remove(conn, by=staff, staff_id=staff_id, now=clock())


staff_router = Router(
    path="/staff", route_handlers=[list_staff, add_staff, read_staff, change_staff, remove_staff], tags=["staff"]
)

"""Rules of staff: who belongs to an authority, with which roles, and what that lets him do."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from backend.accounts import repository as accounts
from backend.accounts.errors import LastAdministrator, LegalOfficerAlone, RoleReachesFurther, StaffExists, StaffNotFound
from backend.accounts.number import repository as uses
from backend.accounts.service import account_of_phone
from backend.accounts.staff import repository
from backend.accounts.staff.repository import StaffRow
from backend.accounts.staff.schemas import NewStaff, RoleGrant, Staff, StaffChange
from backend.audit import service as audit
from backend.communities import repository as communities
from backend.communities.errors import CommunityNotFound
from backend.kit.auth import StaffMember, StaffPrincipal, StaffRole
from backend.kit.db import Connection
from backend.kit.etag import require_match
from backend.kit.problems import Unauthorised

__all__ = ["add", "change", "create_administrator", "get", "member", "remove"]

#: Roles that reach the whole authority or nothing.
_OF_AUTHORITY = (StaffRole.AUTHORITY_ADMINISTRATOR, StaffRole.LEGAL_OFFICER)


async def member(
    conn: Connection, *, principal: StaffPrincipal, community_id: UUID | None, now: datetime
) -> StaffMember:
    """The member of staff with the roles that reach ``community_id``, or the whole authority where that is None.

    Raises:
        Unauthorised: he was removed or has logged out.
        CommunityNotFound: the community is not his authority's, or none of his roles reaches it.
    """
    row = await repository.staff_scope(
        conn, staff_id=principal.staff_id, session_id=principal.session_id, community_id=community_id
    )
    if row is None:
        raise Unauthorised
    if community_id is not None and not (row.community_known and row.roles):
        raise CommunityNotFound
    return StaffMember(
        staff_id=row.staff_id,
        authority_id=row.authority_id,
        roles=tuple(StaffRole(role) for role in row.roles),
        communities=None if row.communities is None else tuple(row.communities),
        elevated=row.elevated_until is not None and row.elevated_until > now,
    )


async def create_administrator(conn: Connection, *, pepper: bytes, phone: str, name: str, authority: str) -> UUID:
    """An administrator by the operator's hand, with the authority where there is none of that name; his staff id.

    Args:
        conn: a transaction in the platform scope.
        pepper: keys the lock of the number.
        phone: E.164.
        name: the administrator's.
        authority: the authority's name.

    Raises:
        StaffExists: the number is a member's already.
    """
    authority_id = await repository.authority_by_name(conn, name=authority)
    if authority_id is None:
        authority_id = await communities.insert_authority(conn, name=authority)
    grants = (RoleGrant(StaffRole.AUTHORITY_ADMINISTRATOR),)
    row = await _insert(conn, pepper=pepper, authority_id=authority_id, phone=phone, name=name, grants=grants)
    await audit.record(conn, community_id=None, actor="system", action="staff.add", target=f"staff:{row.staff_id}")
    return row.staff_id


async def add(conn: Connection, *, pepper: bytes, by: StaffMember, phone: str, new: NewStaff) -> StaffRow:
    """A new member of the caller's authority.

    Raises:
        StaffExists: the number is a member's already.
        CommunityNotFound: a role names a community of another authority.
        RoleReachesFurther: an administrator's role names a community.
    """
    row = await _insert(conn, pepper=pepper, authority_id=by.authority_id, phone=phone, name=new.name, grants=new.roles)
    await _record(conn, by=by, action="staff.add", staff_id=row.staff_id)
    return row


async def change(
    conn: Connection, *, by: StaffMember, staff_id: UUID, change: StaffChange, if_match: str | None
) -> StaffRow:
    """The member after the change.

    Raises:
        StaffNotFound: there is none among the caller's authority's.
        CommunityNotFound: a role names a community of another authority.
        RoleReachesFurther: an administrator's role names a community.
        LastAdministrator: he is the only one and would no longer be.
        PreconditionFailed: he is no longer what the caller has read.
        PreconditionRequired: roles are replaced without saying which.
    """
    await accounts.lock(conn, by.authority_id.bytes)
    before = await get(conn, staff_id=staff_id, authority_id=by.authority_id)
    require_match(if_match, Staff.of(before), needed=change.roles is not None)
    if change.name is not None:
        await repository.update_staff_name(conn, staff_id=staff_id, authority_id=by.authority_id, name=change.name)
    if change.roles is not None:
        await _set_roles(conn, staff_id=staff_id, authority_id=by.authority_id, grants=change.roles)
        await _require_administrator(conn, authority_id=by.authority_id)
    await _record(conn, by=by, action="staff.change", staff_id=staff_id)
    return await get(conn, staff_id=staff_id, authority_id=by.authority_id)


async def remove(conn: Connection, *, by: StaffMember, staff_id: UUID, now: datetime) -> None:
    """Remove the member at once, sessions included.

    Raises:
        StaffNotFound: there is none among the caller's authority's.
        LastAdministrator: he is the only one.
    """
    await accounts.lock(conn, by.authority_id.bytes)
    row = await get(conn, staff_id=staff_id, authority_id=by.authority_id)
    await repository.delete_staff(conn, staff_id=staff_id, authority_id=by.authority_id)
    await _require_administrator(conn, authority_id=by.authority_id)
    await accounts.end_sessions(conn, account_id=row.account_id, surface="staff", ended_by="removed", now=now)
    await accounts.delete_account_without_person(conn, account_id=row.account_id)
    await _record(conn, by=by, action="staff.remove", staff_id=staff_id)


async def _insert(
    conn: Connection, *, pepper: bytes, authority_id: UUID, phone: str, name: str, grants: Sequence[RoleGrant]
) -> StaffRow:
    account = await account_of_phone(conn, phone=phone, pepper=pepper)
    if await repository.get_staff_by_account(conn, account_id=account.account_id) is not None:
        raise StaffExists
    # He was added by this number just now, however long ago he was staff before. Not where he is a resident as well:
    # an administrator who adds a number has not seen that its owner is still the same.
    await uses.forget_use(conn, account_id=account.account_id)
    staff_id = await repository.insert_staff(conn, authority_id=authority_id, account_id=account.account_id, name=name)
    await _set_roles(conn, staff_id=staff_id, authority_id=authority_id, grants=grants)
    return await get(conn, staff_id=staff_id, authority_id=authority_id)


async def get(conn: Connection, *, staff_id: UUID, authority_id: UUID) -> StaffRow:
    """One member of the authority's staff.

    Raises:
        StaffNotFound: there is none of that id among the authority's.
    """
    row = await repository.get_staff(conn, staff_id=staff_id, authority_id=authority_id)
    if row is None:
        raise StaffNotFound
    return row


async def _set_roles(conn: Connection, *, staff_id: UUID, authority_id: UUID, grants: Sequence[RoleGrant]) -> None:
    # Two administrators who demote each other at the same moment must not both see the other still there.
    await accounts.lock(conn, authority_id.bytes)
    wanted = {(grant.role.value, grant.community_id) for grant in grants}
    if any(role in _OF_AUTHORITY and reach is not None for role, reach in wanted):
        raise RoleReachesFurther
    # Who keeps photographs against erasures must not be who decides about everything else.
    if len(wanted) > 1 and StaffRole.LEGAL_OFFICER in {role for role, _ in wanted}:
        raise LegalOfficerAlone
    for community_id in {reach for _, reach in wanted if reach is not None}:
        if not await repository.community_in_authority(conn, community_id=community_id, authority_id=authority_id):
            raise CommunityNotFound
    await repository.replace_roles(conn, staff_id=staff_id, grants=sorted(wanted, key=str))


async def _require_administrator(conn: Connection, *, authority_id: UUID) -> None:
    """Called after the change, under the authority's lock; raising undoes the change."""
    if not await repository.has_administrator(conn, authority_id=authority_id):
        raise LastAdministrator


async def _record(conn: Connection, *, by: StaffMember, action: str, staff_id: UUID) -> None:
    await audit.record(conn, community_id=None, actor=f"staff:{by.staff_id}", action=action, target=f"staff:{staff_id}")

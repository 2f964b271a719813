"""Requests and responses about staff."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.accounts.schemas import Name, Phone
from backend.accounts.staff.repository import StaffRow
from backend.kit.auth import StaffRole

__all__ = ["NewStaff", "RoleGrant", "Staff", "StaffChange", "StaffList"]


class RoleGrant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A role in one community, or with null in all of the authority's."""

    role: StaffRole
    community_id: UUID | None = None


Roles = Annotated[list[RoleGrant], Meta(min_length=1, max_length=200)]


class NewStaff(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A member of staff to be added; he logs in with this number."""

    phone: Phone
    name: Name
    roles: Roles


class StaffChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to change; what is absent stays. ``roles`` replaces all of them."""

    name: Name | None = None
    roles: Roles | None = None


class Staff(msgspec.Struct, frozen=True):
    """A member of staff."""

    staff_id: UUID
    name: str
    roles: tuple[RoleGrant, ...]

    @classmethod
    def of(cls, row: StaffRow) -> "Staff":
        """From the database's row."""
        return cls(
            staff_id=row.staff_id,
            name=row.name,
            roles=tuple(RoleGrant(StaffRole(role), reach) for role, reach in row.grants),
        )


class StaffList(msgspec.Struct, frozen=True):
    """A page of an authority's staff by name."""

    staff: tuple[Staff, ...]
    next_cursor: str | None

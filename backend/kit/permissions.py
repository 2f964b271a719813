"""What staff may be allowed to do, which role allows it, and what needs a second factor."""

from collections.abc import Mapping
from enum import StrEnum

__all__ = ["ALLOWED", "ELEVATED", "Permission", "StaffRole"]


class Permission(StrEnum):
    """What a member of staff may be allowed to do."""

    COMMUNITY_CREATE = "community.create"
    COMMUNITY_CHANGE = "community.change"
    REGISTER_READ = "register.read"
    REGISTER_WRITE = "register.write"
    REGISTER_EXPORT = "register.export"
    CREDENTIALS = "credentials"
    TENANCY_END = "tenancy.end"
    NUMBER_CHANGE = "number.change"
    ENROLMENT_REVIEW = "enrolment.review"
    GATES = "gates"
    DOORS = "doors"
    EMERGENCY = "emergency"
    RECOGNITION = "recognition"
    PARTNERS_READ = "partners.read"
    PARTNERS = "partners"
    SUSPEND = "couriers.suspend"
    ENTRIES_READ = "entries.read"
    ERASURE = "erasure"
    PRIVACY = "privacy"
    AUDIT_READ = "audit.read"
    AUDIT_EXPORT = "audit.export"
    LEGAL_HOLD = "legal.hold"
    STAFF_READ = "staff.read"
    STAFF = "staff"


# What no session may do without a second factor given within the last minutes: whatever shows somebody's face, takes
# something away for good, lets something leave the house, makes keys, or opens every door. A telephone that was stolen,
# or a number that was given to somebody else, is enough for the first factor.
ELEVATED: frozenset[Permission] = frozenset(
    {
        Permission.REGISTER_EXPORT,
        Permission.CREDENTIALS,
        Permission.ENROLMENT_REVIEW,
        Permission.ERASURE,
        Permission.PRIVACY,
        Permission.AUDIT_EXPORT,
        Permission.TENANCY_END,
        Permission.NUMBER_CHANGE,
        Permission.GATES,
        Permission.EMERGENCY,
        Permission.RECOGNITION,
        Permission.PARTNERS,
        Permission.SUSPEND,
        Permission.STAFF,
        Permission.LEGAL_HOLD,
    }
)


class StaffRole(StrEnum):
    """The roles, and with :data:`ALLOWED` what each is for. The front desk never handles biometric data."""

    AUTHORITY_ADMINISTRATOR = "authority_administrator"
    COMMUNITY_MANAGER = "community_manager"
    FRONT_DESK = "front_desk"
    AUDITOR = "auditor"
    LEGAL_OFFICER = "legal_officer"


# What an authority does every day. Keeping photographs against an erasure is none of it: only a legal officer, who has
# no other role, may do so, and the administrator may no more than appoint him.
_EVERYDAY = frozenset(Permission) - {Permission.LEGAL_HOLD}

ALLOWED: Mapping[StaffRole, frozenset[Permission]] = {
    StaffRole.AUTHORITY_ADMINISTRATOR: _EVERYDAY,
    StaffRole.COMMUNITY_MANAGER: _EVERYDAY
    - {
        Permission.COMMUNITY_CREATE,
        Permission.PARTNERS_READ,
        Permission.PARTNERS,
        Permission.STAFF_READ,
        Permission.STAFF,
    },
    # Whoever sits at the desk at night is the one who sees the smoke.
    StaffRole.FRONT_DESK: frozenset(
        {Permission.REGISTER_READ, Permission.ENTRIES_READ, Permission.NUMBER_CHANGE, Permission.EMERGENCY}
    ),
    StaffRole.AUDITOR: frozenset({Permission.AUDIT_READ, Permission.AUDIT_EXPORT}),
    # He finds whom an order names.
    StaffRole.LEGAL_OFFICER: frozenset({Permission.LEGAL_HOLD, Permission.REGISTER_READ}),
}

"""Everybody who might ask for something."""

from enum import StrEnum

__all__ = ["Who"]


class Who(StrEnum):
    """Everybody who asks. All but NOBODY have an access token that is in time and was issued to them."""

    NOBODY = "nobody"
    # Residents.
    TENANT = "the tenant"
    FAMILY = "a member of the same household"
    NEIGHBOUR = "another household of the community"
    FORMER = "somebody whose tenancy has ended"
    STRANGER = "a resident of another community"
    # Visitors.
    GUEST = "the guest"
    OTHER_GUEST = "another household's guest"
    UNINVITED = "a guest whose pass was cancelled"
    WITHDRAWN = "a guest who has withdrawn"
    COURIER = "the courier"
    LET_GO = "a courier whom the company has let go"
    # Companies.
    COMPANY = "the courier company"
    OTHER_COMPANY = "another community's courier company"
    # Gates.
    GATE = "the gate"
    OTHER_GATE = "another community's gate"
    REVOKED_GATE = "a gate that was revoked"
    # Staff.
    ADMINISTRATOR = "the authority's administrator"
    UNELEVATED = "the administrator without his second factor"
    MANAGER = "the community's manager"
    DESK = "the community's front desk"
    AUDITOR = "the community's auditor"
    LEGAL = "the legal officer"
    LEGAL_UNELEVATED = "the legal officer without his second factor"
    MANAGER_ELSEWHERE = "the manager of the authority's other community"
    DESK_ELSEWHERE = "the front desk of the authority's other community"
    AUDITOR_ELSEWHERE = "the auditor of the authority's other community"
    OTHER_ADMINISTRATOR = "another authority's administrator"
    OTHER_MANAGER = "another authority's manager"
    OTHER_LEGAL = "another authority's legal officer"
    REMOVED = "somebody removed from the staff"

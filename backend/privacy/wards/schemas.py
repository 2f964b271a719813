"""Children and guardians, as guardians and as staff see them."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.consent.service import Purpose
from backend.guardians.repository import Basis, GuardianRelation, GuardianshipRow, MinorRow
from backend.guardians.rules import Power, Stage
from backend.privacy.schemas import Started

__all__ = [
    "AgeConfirmed",
    "BirthDate",
    "Guardian",
    "GuardianEnded",
    "GuardianList",
    "NewGuardian",
    "OwnAge",
    "Ward",
    "WardList",
    "YoungLink",
]


class Ward(msgspec.Struct, frozen=True):
    """A child for whom the caller acts.

    ``may`` is what he may do for it at its age. Where ``refused`` names a purpose, a guardian has said no to it.
    ``decides_until`` is when the child, asked at fourteen, has to have decided for itself. ``recapture_due_at`` is when
    its face should be taken anew; the old one serves until there is a new one. Days begin and end as in ``time_zone``.
    """

    person_id: UUID
    community_id: UUID
    community: str
    member_id: UUID
    name: str
    relation: GuardianRelation
    time_zone: str
    stage: Stage
    may: tuple[Power, ...]
    refused: tuple[Purpose, ...]
    decides_from: datetime
    decides_until: datetime | None
    of_age_from: datetime
    recapture_due_at: datetime | None


class WardList(msgspec.Struct, frozen=True):
    """The children for whom the caller acts."""

    wards: tuple[Ward, ...]


class OwnAge(msgspec.Struct, frozen=True):
    """How far the caller decides for himself; see the fields of the same name of a ward. Null of adults."""

    stage: Stage
    time_zone: str | None = None
    decides_from: datetime | None = None
    decides_until: datetime | None = None
    of_age_from: datetime | None = None
    recapture_due_at: datetime | None = None


class BirthDate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a member was born, as staff have read it in ``basis``. Of adults nothing is kept."""

    birth_date: date
    basis: Basis = "document"


class AgeConfirmed(msgspec.Struct, frozen=True):
    """How far the member decides for himself, and the erasures of what was not his, or his guardians', to agree to."""

    member_id: UUID
    stage: Stage
    erasures: tuple[Started, ...]


class NewGuardian(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another member of the community, who acts for the child by papers that staff have seen."""

    guardian_member_id: UUID
    relation: GuardianRelation


class Guardian(msgspec.Struct, frozen=True):
    """Somebody who acts, or acted, for a child. ``basis``: the register's word, or papers that staff have seen."""

    guardianship_id: UUID
    guardian_id: UUID
    relation: GuardianRelation
    basis: Literal["register", "staff"]
    began_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, row: GuardianshipRow) -> "Guardian":
        """From the database's row."""
        return cls(
            guardianship_id=row.guardianship_id,
            guardian_id=row.guardian_id,
            relation=row.relation,
            basis=row.basis,
            began_at=row.began_at,
            ended_at=row.ended_at,
        )


class GuardianList(msgspec.Struct, frozen=True):
    """A member's age and guardians. ``birth_date`` is null of whoever is of age, or was never asked for it."""

    member_id: UUID
    stage: Stage
    birth_date: date | None
    basis: Basis | None
    asked_at: datetime | None
    answered_at: datetime | None
    guardians: tuple[Guardian, ...]

    @classmethod
    def of(cls, member_id: UUID, minor: MinorRow | None, stage: Stage, rows: list[GuardianshipRow]) -> "GuardianList":
        """From the database's rows."""
        return cls(
            member_id=member_id,
            stage=stage,
            birth_date=None if minor is None else minor.birth_date,
            basis=None if minor is None else minor.basis,
            asked_at=None if minor is None else minor.asked_at,
            answered_at=None if minor is None else minor.answered_at,
            guardians=tuple(Guardian.of(row) for row in rows),
        )


class GuardianEnded(msgspec.Struct, frozen=True):
    """Somebody who acts for the child no more; what the last one had agreed to is erased."""

    guardianship_id: UUID
    erasures: tuple[Started, ...]


class YoungLink(msgspec.Struct, frozen=True):
    """A link to be handed to the young person himself; it is shown this once, and ends older ones."""

    link: str
    expires_at: datetime

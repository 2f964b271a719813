"""What a hold may be, and what it says of itself. Pure."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from dateutil.relativedelta import relativedelta

__all__ = ["LAWS", "MOST_MONTHS", "Basis", "held_key", "held_prefix", "hold_of_key", "is_period"]

#: How far ahead a hold's end may lie; whoever needs it longer has to ask again.
MOST_MONTHS = 6


class Basis(StrEnum):
    """Whose word keeps photographs from being erased."""

    CRIMINAL_INVESTIGATION = "criminal_investigation"
    COURT_PRESERVATION = "court_preservation"
    SUPERVISORY_AUTHORITY = "supervisory_authority"
    LEGAL_CLAIM = "legal_claim"


#: By which law each keeps them.
LAWS: Mapping[Basis, tuple[str, ...]] = {
    Basis.CRIMINAL_INVESTIGATION: ("Criminal Procedure Law (CN) art. 54", "PIPL art. 13(1)(3)", "GDPR art. 17(3)(b)"),
    Basis.COURT_PRESERVATION: ("Civil Procedure Law (CN) art. 84", "PIPL art. 13(1)(3)", "GDPR art. 17(3)(e)"),
    Basis.SUPERVISORY_AUTHORITY: ("PIPL art. 63", "GDPR art. 17(3)(b)"),
    Basis.LEGAL_CLAIM: ("PIPL art. 47", "GDPR art. 17(3)(e)", "GDPR art. 18(1)(c)"),
}


def is_period(ends_at: datetime, *, now: datetime) -> bool:
    """Whether a hold may end then: after now, and six calendar months ahead at most."""
    return now < ends_at <= now + relativedelta(months=MOST_MONTHS)


def held_prefix(hold_id: UUID) -> str:
    """Where all objects of a hold lie."""
    return f"held/{hold_id}/"


def held_key(hold_id: UUID, photo_id: UUID, *, written_s: int) -> str:
    """The key of a held photograph's object; ``written_s`` (seconds since the epoch) as in enrolment's."""
    return f"{held_prefix(hold_id)}{written_s}-{photo_id}"


def hold_of_key(key: str) -> tuple[UUID, int] | None:
    """Whose object that is and when it was written, in seconds since the epoch; None where it is none of ours."""
    _, _, rest = key.partition("held/")
    hold, _, name = rest.partition("/")
    written_s = name.partition("-")[0]
    try:
        return UUID(hold), int(written_s)
    except ValueError:
        return None

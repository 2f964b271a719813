"""Requests and responses about courier companies."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.partners.events.kinds import SuspensionReason
from backend.partners.repository import AdmissionRow, PartnerRow, SecretRow

__all__ = [
    "AccessToken",
    "Admission",
    "AdmissionList",
    "NewPartner",
    "NewSecret",
    "OAuthError",
    "Partner",
    "PartnerCreated",
    "PartnerSummary",
    "PartnerSummaryList",
    "Secret",
    "TokenRequest",
]

Name = Annotated[str, Meta(min_length=1, max_length=200)]
# RFC 6749, appendix A: printable ASCII.
FormField = Annotated[str, Meta(max_length=1000, pattern="^[ -~]*$")]


class NewPartner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A company to be admitted to these communities."""

    name: Name
    communities: Annotated[list[UUID], Meta(min_length=1, max_length=1000)]
    sandbox: bool = False


class Admission(msgspec.Struct, frozen=True):
    """A community that a company is admitted to."""

    community_id: UUID
    name: str
    suspended: bool
    reason: SuspensionReason | None

    @classmethod
    def of(cls, row: AdmissionRow) -> "Admission":
        """From the database's row."""
        return cls(
            community_id=row.community_id,
            name=row.community_name,
            suspended=row.suspended_at is not None,
            reason=row.suspended_for,
        )


class AdmissionList(msgspec.Struct, frozen=True):
    """A page of communities by name."""

    communities: tuple[Admission, ...]
    next_cursor: str | None


class Secret(msgspec.Struct, frozen=True):
    """A live client secret, known by its id; the secret itself was shown once."""

    secret_id: UUID
    created_at: datetime


class NewSecret(msgspec.Struct, frozen=True):
    """A client secret, shown this once; only a keyed hash of it is kept."""

    secret_id: UUID
    client_id: str
    client_secret: str


class Partner(msgspec.Struct, frozen=True):
    """A company as its authority's staff see it."""

    partner_id: UUID
    name: str
    client_id: str
    sandbox: bool
    communities: tuple[Admission, ...]
    secrets: tuple[Secret, ...]

    @classmethod
    def of(cls, row: PartnerRow, admissions: Sequence[AdmissionRow], secrets: Sequence[SecretRow]) -> "Partner":
        """From the database's rows."""
        return cls(
            partner_id=row.partner_id,
            name=row.name,
            client_id=row.client_id,
            sandbox=row.sandbox,
            communities=tuple(Admission.of(admission) for admission in admissions),
            secrets=tuple(Secret(secret_id=s.secret_id, created_at=s.created_at) for s in secrets),
        )


class PartnerCreated(msgspec.Struct, frozen=True):
    """A new company and its first credentials; the secret is shown this once."""

    partner_id: UUID
    client_id: str
    client_secret: str


class PartnerSummary(msgspec.Struct, frozen=True):
    """A company by name."""

    partner_id: UUID
    name: str
    suspended: bool = False
    reason: SuspensionReason | None = None
    sandbox: bool = False


class PartnerSummaryList(msgspec.Struct, frozen=True):
    """A page of companies by name."""

    partners: tuple[PartnerSummary, ...]
    next_cursor: str | None


class TokenRequest(msgspec.Struct, frozen=True):
    """RFC 6749, 4.4.2. The client signs an assertion (RFC 7523), or shows its id and secret here or in the header.

    Unknown parameters are ignored, as the RFC demands.
    """

    grant_type: FormField = ""
    scope: FormField = ""
    client_id: FormField = ""
    client_secret: FormField = ""
    client_assertion_type: FormField = ""
    client_assertion: Annotated[str, Meta(max_length=8000, pattern="^[ -~]*$")] = ""


class AccessToken(msgspec.Struct, frozen=True):
    """RFC 6749, 5.1. ``expires_in`` is in seconds."""

    access_token: str
    expires_in: int
    scope: str
    token_type: str = "Bearer"  # noqa: S105 - the name of a type, not a secret


class OAuthError(msgspec.Struct, frozen=True):
    """RFC 6749, 5.2."""

    error: str
    error_description: str

"""The certificate's form. Times are RFC 3339 in UTC; there are no floats, so that its canonical JSON is one text."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.privacy.holds.rules import Basis
from backend.privacy.repository import Existed, Extent, Reason, Role, StepName

__all__ = [
    "FORMAT",
    "Certificate",
    "CertificateForm",
    "CertificateSecret",
    "CertifiedGate",
    "CertifiedHold",
    "CertifiedPlace",
    "CertifiedStep",
    "ConsentVersion",
    "Format",
    "GateState",
    "Law",
    "Remaining",
    "Remains",
    "Signature",
    "SignedCertificate",
    "Status",
]

Format = Literal["doorward-erasure-certificate/1"]
FORMAT: Format = "doorward-erasure-certificate/1"
Status = Literal["provisional", "complete"]
#: confirmed: it said so itself, with the digest of its roster; wiped: it was without contact for longer than it keeps a
#: roster; revoked: it is out of service and gets nothing more; outstanding: none of these yet.
GateState = Literal["confirmed", "wiped", "revoked", "outstanding"]
#: Such as "PIPL art. 69".
Law = str
Remains = Literal[
    "account",
    "audit_trail",
    "consent_proof",
    "consents",
    "destroyed_key_mark",
    "entries",
    "erasure_record",
    "face_elsewhere",
    "held_photographs",
    "register_without_name",
    "role_courier",
    "role_guardian",
    "role_guest",
    "role_resident",
    "role_staff",
    "template",
]


class ConsentVersion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text that was agreed to; ``text_sha256`` in hex."""

    purpose: str
    version: int
    language: str
    text_sha256: str
    given_at: datetime
    withdrawn_at: datetime | None


class CertifiedStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A store, and when it confirmed that what it had is gone."""

    step: StepName
    confirmed_at: datetime | None


class CertifiedGate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A gate and its word; ``confirmed_at`` is when it was done with, in whichever way.

    ``epoch``, ``version`` and ``digest`` (SHA-256, hex) name the roster that it said it has, which is the one without
    the person or a later one; ``compared`` whether the server's own digest of that version was held against it.
    ``wiped_by`` is when it has wiped all of its roster by its own clock, should it not be heard of again.
    """

    gate_id: UUID
    name: str
    state: GateState
    confirmed_at: datetime | None
    epoch: int | None
    version: int | None
    digest: str | None
    compared: bool | None
    last_contact_at: datetime | None
    wiped_by: datetime | None


class CertifiedPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A community that knew the person by ``subject_id``, and its gates.

    From roster ``epoch``/``version`` on, gates are told that they must not know him.
    """

    community_id: UUID
    community: str
    subject_id: UUID
    removed_at: datetime | None
    epoch: int | None
    version: int | None
    gates: tuple[CertifiedGate, ...]


class CertifiedHold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order that kept ``photographs`` of the person's, sealed under a key that opens nothing else.

    ``until`` is when it ends or ended; ``released_at`` when they and their key were destroyed.
    """

    basis: Basis
    laws: tuple[Law, ...]
    photographs: int
    set_at: datetime
    until: datetime
    released_at: datetime | None


class Remaining(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that stays: by which law, and until when; without a date, until what ``what`` stands for ends."""

    what: Remains
    laws: tuple[Law, ...]
    until: datetime | None


class Certificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is signed. ``held`` is left out where it is empty, so that older certificates read as they were signed.

    ``about`` is "person" for his own, which names every community, or "community" for the part that one may see.
    """

    format: Format
    certificate_id: UUID
    erasure_id: UUID
    issuer: str
    about: Literal["person", "community"]
    status: Status
    reason: Reason
    extent: Extent
    begun_at: datetime
    issued_at: datetime
    completed_at: datetime | None
    existed: tuple[Existed, ...]
    consents: tuple[ConsentVersion, ...]
    stores: tuple[CertifiedStep, ...]
    places: tuple[CertifiedPlace, ...]
    gates_outstanding: int
    backups_unreadable_by: datetime | None
    kept_roles: tuple[Role, ...]
    remains: tuple[Remaining, ...]
    held: tuple[CertifiedHold, ...] = ()


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ed25519 over the canonical certificate; ``value`` is base64url without padding, 86 characters."""

    algorithm: Literal["EdDSA"]
    kid: str
    value: Annotated[str, Meta(min_length=86, max_length=86, pattern="^[A-Za-z0-9_-]{86}$")]


class SignedCertificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The certificate as it is handed out."""

    certificate: Certificate
    signature: Signature


class CertificateSecret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The part of a certificate's link behind ``#``."""

    secret: Annotated[str, Meta(min_length=1, max_length=100)]


class CertificateForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same, posted by the page that the link opens."""

    secret: Annotated[str, Meta(min_length=1, max_length=100)]
    language: Literal["zh-CN", "en"] = "zh-CN"

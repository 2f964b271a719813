"""Requests and responses about consent."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.communities.frames.repository import FramePolicyRow
from backend.communities.frames.texts import supplement
from backend.consent.repository import ConsentRow, DocumentRow, Language
from backend.consent.service import Purpose
from backend.guardians.repository import GuardianRelation

__all__ = ["Consent", "ConsentList", "Document", "DocumentList", "NewConsent"]

Version = Annotated[int, Meta(ge=1, le=1_000_000, description="The version of the text that was shown")]


class NewConsent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Agreement to one exact text."""

    version: Version
    language: Language = "zh-CN"


class Document(msgspec.Struct, frozen=True):
    """A text to agree to. ``sha256`` is over the body's UTF-8 bytes, in hexadecimal.

    ``supplement`` is shown beneath it: what the gates of one community keep beyond it, and for how long. It informs
    and is not agreed to. ``asks_again`` says that agreement to earlier versions has ended with this one; where it has
    not, ``changes`` tells those who gave it what is new.
    """

    purpose: Purpose
    version: int
    language: Language
    title: str
    body: str
    sha256: str
    asks_again: bool
    changes: str | None
    supplement: str | None = None

    @classmethod
    def of(cls, row: DocumentRow, policy: FramePolicyRow | None) -> "Document":
        """From the database's row, and what the community has turned on."""
        purpose = Purpose(row.purpose)
        added = None
        if policy is not None and purpose is Purpose.FACE_ACCESS:
            added = supplement(policy, language=row.language)
        return cls(
            purpose=purpose,
            version=row.version,
            language=row.language,
            title=row.title,
            body=row.body,
            sha256=row.sha256.hex(),
            asks_again=row.asks_again,
            changes=row.changes,
            supplement=added,
        )


class DocumentList(msgspec.Struct, frozen=True):
    """The current texts, one for each purpose and language.

    ``handler`` is shown beside them: who processes the data in that community, by name and contact.
    """

    documents: tuple[Document, ...]
    handler: str | None = None


class Consent(msgspec.Struct, frozen=True):
    """What was agreed to, and when it was taken back; ``guardian_relation`` where a guardian of that kind said it.

    ``counts`` says that it stands, and that no later text asks again.
    """

    consent_id: UUID
    purpose: Purpose
    version: int
    language: Language
    text_sha256: str
    given_at: datetime
    withdrawn_at: datetime | None
    counts: bool
    guardian_relation: GuardianRelation | None

    @classmethod
    def of(cls, row: ConsentRow) -> "Consent":
        """From the database's row."""
        return cls(
            consent_id=row.consent_id,
            purpose=Purpose(row.purpose),
            version=row.version,
            language=row.language,
            text_sha256=row.text_sha256.hex(),
            given_at=row.given_at,
            withdrawn_at=row.withdrawn_at,
            counts=row.counts,
            guardian_relation=row.guardian_relation,
        )


class ConsentList(msgspec.Struct, frozen=True):
    """All that the caller agreed to, the newest first."""

    consents: tuple[Consent, ...]

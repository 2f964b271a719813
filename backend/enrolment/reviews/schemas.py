"""Requests and responses about reviews."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.enrolment.findings import Finding
from backend.enrolment.reviews.repository import AlikeRow, Basis, ReviewRow, ReviewState, ShownRow

__all__ = ["Alike", "AlikeList", "Approval", "Refusal", "Retake", "Review", "ReviewList"]

RefusalReason = Literal["not_the_person", "enrolled_already", "not_entitled", "other"]
RetakeReason = Literal["poor_photographs", "face_covered", "not_recognisable", "come_to_the_office"]
Note = Annotated[str, Meta(min_length=1, max_length=200, description="Shown to the person, beside the reason's text")]


class Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What staff went by: they have seen the person, or compared the photographs with the register's."""

    basis: Basis


class Refusal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why; the person is shown the reason's text in his language, and the note."""

    reason: RefusalReason
    note: Note | None = None


class Retake(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why new photographs are needed; the person is shown the reason's text in his language, and the note."""

    reason: RetakeReason
    note: Note | None = None


class Review(msgspec.Struct, frozen=True):
    """A face that waits, or was decided on.

    ``findings`` say that it resembles another one here, or not his own old one, or not the register's photograph; whom
    else it resembles, GET …/alike says. ``slots`` are the photographs that can be looked at. ``register_photo_of`` is
    the member under whom the register has a photograph to look at beside them
    (GET …/members/{m}/register-photo/picture).
    """

    review_id: UUID
    subject_id: UUID
    name: str | None
    state: ReviewState
    findings: tuple[Finding, ...]
    opened_at: datetime
    basis: Basis | None
    reason_code: str | None
    reason: str | None
    decided_at: datetime | None
    slots: tuple[int, ...]
    register_photo_of: UUID | None

    @classmethod
    def of(cls, row: ReviewRow, found: ShownRow) -> "Review":
        """From the database's row."""
        return cls(
            review_id=row.review_id,
            subject_id=row.subject_id,
            name=found.name,
            state=row.state,
            findings=tuple(Finding(finding) for finding in row.findings),
            opened_at=row.opened_at,
            basis=row.basis,
            reason_code=row.reason_code,
            reason=row.reason,
            decided_at=row.decided_at,
            slots=tuple(found.slots),
            register_photo_of=found.register_photo_of,
        )


class ReviewList(msgspec.Struct, frozen=True):
    """The faces that wait, the longest waiting first."""

    reviews: tuple[Review, ...]
    next_cursor: str | None


class Alike(msgspec.Struct, frozen=True):
    """Somebody else of this community whose face is like the one in review.

    His photographs can be looked at only where he waits for a decision himself (``review_id``, ``slots``), or the
    register still holds one (``register_photo_of``): whoever agreed to keep his, agreed to no comparison with others.
    """

    subject_id: UUID
    name: str | None
    finding: Finding
    review_id: UUID | None
    slots: tuple[int, ...]
    register_photo_of: UUID | None

    @classmethod
    def of(cls, row: AlikeRow, finding: Finding) -> "Alike":
        """From the database's row."""
        return cls(
            subject_id=row.subject_id,
            name=row.name,
            finding=finding,
            review_id=row.review_id,
            slots=tuple(row.slots),
            register_photo_of=row.register_photo_of,
        )


class AlikeList(msgspec.Struct, frozen=True):
    """Those most alike first, at most five."""

    alike: tuple[Alike, ...]

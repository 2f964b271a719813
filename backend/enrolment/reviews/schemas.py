"""Requests and responses about reviews."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.enrolment.findings import Finding
from backend.enrolment.reviews.repository import Basis, ReviewRow, ReviewState

__all__ = ["Approval", "Refusal", "Review", "ReviewList"]


class Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What staff went by: they have seen the person, or compared the photographs with the register's."""

    basis: Basis


class Refusal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why; the person is shown these words."""

    reason: Annotated[str, Meta(min_length=1, max_length=200, description="Shown to the person")]


class Review(msgspec.Struct, frozen=True):
    """A face that waits, or was decided on.

    ``findings`` say that it resembles another one here, or not his own old one; never whose. ``slots`` are the
    photographs that can be looked at.
    """

    review_id: UUID
    subject_id: UUID
    name: str | None
    state: ReviewState
    findings: tuple[Finding, ...]
    opened_at: datetime
    basis: Basis | None
    reason: str | None
    decided_at: datetime | None
    slots: tuple[int, ...]

    @classmethod
    def of(cls, row: ReviewRow, *, name: str | None, slots: tuple[int, ...]) -> "Review":
        """From the database's row."""
        return cls(
            review_id=row.review_id,
            subject_id=row.subject_id,
            name=name,
            state=row.state,
            findings=tuple(Finding(finding) for finding in row.findings),
            opened_at=row.opened_at,
            basis=row.basis,
            reason=row.reason,
            decided_at=row.decided_at,
            slots=slots,
        )


class ReviewList(msgspec.Struct, frozen=True):
    """The faces that wait, the longest waiting first."""

    reviews: tuple[Review, ...]
    next_cursor: str | None

"""Requests and responses about enrolling."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.communities.repository import CapturePolicy
from backend.enrolment.capture import Capture, captures
from backend.enrolment.faces import QualityNumbers
from backend.enrolment.repository import EnrolmentRow

__all__ = [
    "Completed",
    "Enrolment",
    "EnrolmentList",
    "EnrolmentProgress",
    "EnrolmentState",
    "NewEnrolment",
    "PhotoTaken",
    "Place",
    "PlaceState",
]

EnrolmentState = Literal["open", "expired", "in_review", "active", "refused", "enrol_again", "inactive"]
PlaceState = Literal["active", "in_review", "refused", "enrol_again"]


class NewEnrolment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An enrolment to begin. ``community_id`` is one that knows the caller; he enrols for all of them in any case."""

    community_id: UUID | None = None


class Enrolment(msgspec.Struct, frozen=True):
    """An enrolment that has begun: the three pictures to take, and until when."""

    enrolment_id: UUID
    capture_policy: CapturePolicy
    captures: tuple[Capture, ...]
    expires_at: datetime

    @classmethod
    def of(cls, row: EnrolmentRow) -> "Enrolment":
        """From the database's row."""
        return cls(
            enrolment_id=row.enrolment_id,
            capture_policy=row.capture_policy,
            captures=captures(row.capture_policy),
            expires_at=row.expires_at,
        )


class EnrolmentProgress(msgspec.Struct, frozen=True):
    """How far an enrolment has come.

    ``done`` are the slots whose pictures were good and are kept, ``captures`` those still to be taken: none once it is
    complete or its time is over. ``attempts_left`` pictures may be tried.
    """

    enrolment_id: UUID
    state: Literal["open", "expired", "completed", "refused"]
    capture_policy: CapturePolicy
    done: tuple[int, ...]
    captures: tuple[Capture, ...]
    attempts_left: int
    expires_at: datetime


class PhotoTaken(msgspec.Struct, frozen=True):
    """A photograph that was good enough and is kept in its slot."""

    slot: int
    quality: QualityNumbers


class Place(msgspec.Struct, frozen=True):
    """What became of a face in one community.

    ``since`` is when that state began; ``reason_code`` is why staff said no, ``messages`` the same in words by
    language, ``reason`` their note. ``enrol_again``: this community needs new photographs, because staff asked for them
    or because nobody can look at ones that have been erased.
    """

    community_id: UUID
    state: PlaceState
    since: datetime | None = None
    reason: str | None = None
    reason_code: str | None = None
    messages: dict[str, str] = msgspec.field(default_factory=dict)


class Completed(msgspec.Struct, frozen=True):
    """What became of the face: active everywhere it is wanted, or waiting for somebody to look at it."""

    state: Literal["active", "in_review"]
    communities: tuple[Place, ...]


class EnrolmentStatus(msgspec.Struct, frozen=True):
    """One of the caller's enrolments. ``inactive``: complete, and no community's gates use it at present."""

    enrolment_id: UUID
    state: EnrolmentState
    capture_policy: CapturePolicy
    started_at: datetime
    expires_at: datetime
    completed_at: datetime | None
    slots: tuple[int, ...]
    communities: tuple[Place, ...]


class EnrolmentList(msgspec.Struct, frozen=True):
    """The caller's enrolments, the newest first."""

    enrolments: tuple[EnrolmentStatus, ...]

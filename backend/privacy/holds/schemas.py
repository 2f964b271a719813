"""Requests and responses about legal holds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.privacy.holds.photographs import HeldPhotoRow, Source
from backend.privacy.holds.repository import HoldRow
from backend.privacy.holds.rules import Basis

__all__ = ["HeldPhotograph", "Hold", "HoldKey", "HoldPage", "HoldRenewal", "NewHold"]

State = Literal["standing", "ended", "released"]
Time = Annotated[datetime, Meta(tz=True)]
Reference = Annotated[str, Meta(min_length=1, max_length=100, description="The order's or the case's own number")]


class NewHold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order to keep a person's photographs.

    The person by `member_id` of the register, or by `subject_id` of the entries: exactly one. `ends_at` at most six
    months ahead. `forbidden_to_tell` where the order says so; the person is told after the hold's end.
    """

    basis: Basis
    reference: Reference
    ends_at: Time
    member_id: UUID | None = None
    subject_id: UUID | None = None
    forbidden_to_tell: bool = False


class HoldRenewal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another end, at most six months from now; the new order's number where it has one."""

    ends_at: Time
    reference: Reference | None = None


class HeldPhotograph(msgspec.Struct, frozen=True):
    """A photograph that a hold keeps: of an enrolment, or one that the office held for its register.

    `taken_at` of the register's is since when the office had it.
    """

    photo_id: UUID
    taken_at: datetime
    source: Source


class Hold(msgspec.Struct, frozen=True):
    """A hold. `released` says that what it kept is destroyed; `photographs` is how many there were.

    `member_id` where the order named a member of the register, `subject_id` where that one had joined.
    """

    hold_id: UUID
    subject_id: UUID | None
    member_id: UUID | None
    basis: Basis
    reference: str
    forbidden_to_tell: bool
    state: State
    photographs: int
    set_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    released_at: datetime | None
    kept: tuple[HeldPhotograph, ...] = ()

    @classmethod
    def of(cls, row: HoldRow, photos: Sequence[HeldPhotoRow] = ()) -> "Hold":
        """From the database's rows."""
        state: State = "standing" if row.ended_at is None else "ended"
        return cls(
            hold_id=row.hold_id,
            subject_id=row.subject_id,
            member_id=row.member_id,
            basis=row.basis,
            reference=row.reference,
            forbidden_to_tell=not row.told,
            state=state if row.released_at is None else "released",
            photographs=row.photographs,
            set_at=row.set_at,
            ends_at=row.ends_at,
            ended_at=row.ended_at,
            released_at=row.released_at,
            kept=tuple(HeldPhotograph(photo.photo_id, photo.taken_at, photo.source) for photo in photos),
        )


class HoldPage(msgspec.Struct, frozen=True):
    """Holds, those set last at the head."""

    holds: tuple[Hold, ...]
    next_cursor: str | None


class HoldKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of holds ends."""

    set_at: Time
    hold_id: UUID

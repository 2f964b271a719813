"""Requests and responses about register photographs."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.enrolment.register.repository import RegisterPhotoRow

__all__ = ["RegisterPhoto"]


class RegisterPhoto(msgspec.Struct, frozen=True):
    """A photograph that the register holds of a member, until his face is active or its time is over."""

    member_id: UUID
    kept_at: datetime

    @classmethod
    def of(cls, row: RegisterPhotoRow) -> "RegisterPhoto":
        """From the database's row."""
        return cls(member_id=row.member_id, kept_at=row.kept_at)

"""Requests and responses about suspensions."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.couriers.suspensions.repository import SuspensionRow
from backend.partners.events.kinds import SuspensionReason

__all__ = ["CourierSuspension", "CourierSuspensionList", "Suspend"]


class Suspend(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why. Companies are told the category; the note stands in the audit trail alone."""

    reason: SuspensionReason
    note: (
        Annotated[str, Meta(min_length=1, max_length=500, description="For the audit trail; no names, no numbers")]
        | None
    ) = None


class CourierSuspension(msgspec.Struct, frozen=True):
    """A courier who may not come at present, with the name that the community knows him by."""

    suspension_id: UUID
    subject_id: UUID | None
    name: str | None
    reason: SuspensionReason
    suspended_at: datetime

    @classmethod
    def of(cls, row: SuspensionRow) -> "CourierSuspension":
        """From the database's row."""
        return cls(
            suspension_id=row.suspension_id,
            subject_id=row.subject_id,
            name=row.name,
            reason=row.reason,
            suspended_at=row.suspended_at,
        )


class CourierSuspensionList(msgspec.Struct, frozen=True):
    """A page of suspensions, the newest first."""

    suspensions: tuple[CourierSuspension, ...]
    next_cursor: str | None

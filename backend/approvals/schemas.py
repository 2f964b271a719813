"""Answers about questions to homes. What gates send and get stands in :mod:`gate_sdk.wire`."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.approvals.repository import OpenRow
from backend.approvals.rules import State, state_of

__all__ = ["Approval", "ApprovalList"]


class Approval(msgspec.Struct, frozen=True):
    """Somebody stands at ``gate`` and waits for the home's answer until ``expires_at``.

    ``about`` says whether ``about_id`` names a pass or a delivery; ``guest_name`` is what the host called his guest,
    ``order_ref`` what the courier brings.
    """

    approval_id: UUID
    gate: str
    about: Literal["pass", "delivery"]
    about_id: UUID
    guest_name: str | None
    order_ref: str | None
    asked_at: datetime
    expires_at: datetime
    state: State

    @classmethod
    def of(cls, row: OpenRow, now: datetime) -> "Approval":
        """From the database's row."""
        return cls(
            approval_id=row.approval_id,
            gate=row.gate,
            about=row.source,
            about_id=row.source_id,
            guest_name=row.guest_name,
            order_ref=row.order_ref,
            asked_at=row.asked_at,
            expires_at=row.expires_at,
            state=state_of(row, now),
        )


class ApprovalList(msgspec.Struct, frozen=True):
    """What the home is being asked now, oldest first."""

    approvals: tuple[Approval, ...]

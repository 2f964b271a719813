"""Requests and responses about emergencies."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.doors.emergencies.repository import EmergencyRow
from backend.kit.windows import Moment
from gate_sdk.wire import EmergencyMode, GrantKind

__all__ = ["Declaration", "DeclaredEmergency", "EmergencyList", "Why"]

Why = Literal["fire", "medical", "intrusion", "violence", "hazard", "authority_order", "drill", "other"]
Note = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", description="No names")]


class Declaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order. ``until`` at most 24 hours ahead; ``group_id`` None is every door; ``admits`` is for lockdowns."""

    mode: EmergencyMode
    reason: Why
    until: Moment
    group_id: UUID | None = None
    admits: Annotated[list[GrantKind], Meta(max_length=4, description="Who still passes in a lockdown")] = (
        msgspec.field(default_factory=lambda: [GrantKind.STAFF])
    )
    note: Note | None = None


class DeclaredEmergency(msgspec.Struct, frozen=True):
    """An order as it stands. ``plan`` is the revision in which gates are told: compare it with theirs."""

    emergency_id: UUID
    mode: EmergencyMode
    group_id: UUID | None
    admits: tuple[GrantKind, ...]
    reason: str
    note: str | None
    declared_at: datetime
    until: datetime
    ended_at: datetime | None
    plan: int | None = None

    @classmethod
    def of(cls, row: EmergencyRow, *, plan: int | None = None) -> "DeclaredEmergency":
        """From the database's row."""
        return cls(
            emergency_id=row.emergency_id,
            mode=EmergencyMode(row.mode),
            group_id=row.group_id,
            admits=tuple(GrantKind(kind) for kind in row.admits),
            reason=row.reason,
            note=row.note,
            declared_at=row.declared_at,
            until=row.until,
            ended_at=row.ended_at,
            plan=plan,
        )


class EmergencyList(msgspec.Struct, frozen=True):
    """The latest hundred orders, in force or over, the newest first."""

    emergencies: tuple[DeclaredEmergency, ...]

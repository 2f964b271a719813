"""Requests and responses about ended rights and erasures."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.gates.repository import GateReceiptRow
from backend.privacy.holds.repository import HoldRow
from backend.privacy.holds.rules import Basis
from backend.privacy.progress.repository import PlaceRow, StepRow
from backend.privacy.repository import ErasureRow, Extent, Reason, StepName
from backend.privacy.rules import KEY_BACKUPS_EXPIRE

__all__ = [
    "AccountDeleted",
    "EndTenancy",
    "Erasure",
    "ErasureKey",
    "ErasureList",
    "ErasurePage",
    "MemberEnded",
    "Started",
    "TenancyEnd",
    "Withdrawn",
]

State = Literal["running", "waiting_for_gates", "held", "completed"]
Time = Annotated[datetime, Meta(tz=True)]


class EndTenancy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a tenancy ends; at once where that is not given."""

    at: Time | None = None


class Started(msgspec.Struct, frozen=True):
    """An erasure that has begun."""

    erasure_id: UUID
    extent: Extent

    @classmethod
    def of(cls, row: ErasureRow) -> "Started":
        """From the database's row."""
        return cls(erasure_id=row.erasure_id, extent=row.extent)


class TenancyEnd(msgspec.Struct, frozen=True):
    """The tenancy's end. ``erasures`` begin with it: where it lies ahead there are none yet."""

    tenancy_id: UUID
    ends_at: datetime
    erasures: tuple[Started, ...]


class MemberEnded(msgspec.Struct, frozen=True):
    """A member who has left; the erasure of what only his membership needed, where he had joined.

    ``certificate_link`` is for the member himself: it shows the certificate when his account is gone.
    """

    member_id: UUID
    erasures: tuple[Started, ...]
    certificate_link: str | None = None


class AccountDeleted(msgspec.Struct, frozen=True):
    """The account is being deleted. Keep the link: it shows the certificate when nobody can log in any more."""

    erasure_id: UUID
    certificate_link: str


class Withdrawn(msgspec.Struct, frozen=True):
    """A consent that was taken back; the erasure that has begun, if one stood, and the link to its certificate."""

    withdrawn: bool
    erasures: tuple[Started, ...]
    certificate_link: str | None = None


class Step(msgspec.Struct, frozen=True):
    """A step of an erasure."""

    name: StepName
    done_at: datetime | None


class GateAcknowledgement(msgspec.Struct, frozen=True):
    """When a gate in service said that its roster no longer names the person."""

    gate_id: UUID
    name: str
    acknowledged_at: datetime | None


class Place(msgspec.Struct, frozen=True):
    """A community, and its gates once its roster no longer names the person."""

    community_id: UUID
    subject_id: UUID
    detached_at: datetime | None
    acknowledged_at: datetime | None
    gates: tuple[GateAcknowledgement, ...]


class HeldPhotographs(msgspec.Struct, frozen=True):
    """Photographs that an order kept, or keeps, from the erasure; they and their key are destroyed when it ends."""

    basis: Basis
    photographs: int
    until: datetime
    released_at: datetime | None

    @classmethod
    def of(cls, row: HoldRow) -> "HeldPhotographs":
        """From the database's row."""
        return cls(row.basis, row.photographs, row.ended_at or row.ends_at, row.released_at)


class Erasure(msgspec.Struct, frozen=True):
    """An erasure and how far it is.

    ``kept`` says what another right of the person still needs. ``backups_unreadable_by`` is when the last backup of
    his key has expired, so that no copy of his data can be read any more.
    """

    erasure_id: UUID
    reason: Reason
    extent: Extent
    kept: tuple[Literal["template", "photos", "key"], ...]
    state: State
    started_at: datetime
    completed_at: datetime | None
    backups_unreadable_by: datetime | None
    steps: tuple[Step, ...]
    places: tuple[Place, ...]
    held: tuple[HeldPhotographs, ...]

    @classmethod
    def of(
        cls,
        row: ErasureRow,
        steps: Sequence[StepRow],
        places: Sequence[PlaceRow],
        gates: Mapping[UUID, Sequence[GateReceiptRow]],
        holds: Sequence[HoldRow],
    ) -> "Erasure":
        """From the database's rows; ``gates`` by community, ``holds`` as far as the reader may know of them."""
        done = {step.name: step.done_at for step in steps}
        key_destroyed = done.get("key")
        return cls(
            erasure_id=row.erasure_id,
            reason=row.reason,
            extent=row.extent,
            kept=_KEPT[row.extent],
            state=_state(row, steps, held=any(hold.released_at is None for hold in holds)),
            started_at=row.started_at,
            completed_at=row.completed_at,
            backups_unreadable_by=None if key_destroyed is None else key_destroyed + KEY_BACKUPS_EXPIRE,
            steps=tuple(Step(step.name, step.done_at) for step in steps),
            places=tuple(_place(place, gates.get(place.community_id, ())) for place in places),
            held=tuple(HeldPhotographs.of(hold) for hold in holds),
        )


class ErasureKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of erasures ends."""

    started_at: Time
    erasure_id: UUID


class ErasureList(msgspec.Struct, frozen=True):
    """Erasures, the newest first."""

    erasures: tuple[Erasure, ...]


class ErasureSummary(msgspec.Struct, frozen=True):
    """An erasure in a list."""

    erasure_id: UUID
    reason: Reason
    extent: Extent
    started_at: datetime
    completed_at: datetime | None

    @classmethod
    def of(cls, row: ErasureRow) -> "ErasureSummary":
        """From the database's row."""
        return cls(
            erasure_id=row.erasure_id,
            reason=row.reason,
            extent=row.extent,
            started_at=row.started_at,
            completed_at=row.completed_at,
        )


class ErasurePage(msgspec.Struct, frozen=True):
    """Erasures, the newest first."""

    erasures: tuple[ErasureSummary, ...]
    next_cursor: str | None


_KEPT: Mapping[Extent, tuple[Literal["template", "photos", "key"], ...]] = {
    "everything": (),
    "community": ("template", "photos", "key"),
    "photos": ("template", "key"),
}


def _state(row: ErasureRow, steps: Sequence[StepRow], *, held: bool) -> State:
    if row.completed_at is not None:
        return "completed"
    waiting = [step.name for step in steps if step.done_at is None]
    if held and not waiting:
        return "held"
    return "waiting_for_gates" if waiting in ([], ["gates"]) else "running"


def _place(row: PlaceRow, gates: Sequence[GateReceiptRow]) -> Place:
    return Place(
        community_id=row.community_id,
        subject_id=row.subject_id,
        detached_at=row.detached_at,
        acknowledged_at=row.acknowledged_at,
        gates=tuple(GateAcknowledgement(gate.gate_id, gate.name, gate.confirmed_at) for gate in gates),
    )

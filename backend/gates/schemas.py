"""Requests and responses about gates, for staff. What devices send and get stands in :mod:`gate_sdk.wire`."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.access.service import RosterVersion
from backend.gates.repository import GateRow
from backend.gates.service import Claim

__all__ = ["ClaimCode", "Gate", "GateKey", "GateList", "GatePlace", "NewGate", "Revocation"]

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$", description="As on the door")]
Why = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", description="No names")]


class NewGate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A gate to be created."""

    name: Name


class Revocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a gate is taken out of service; for the audit trail."""

    reason: Why


class GatePlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At which door a gate stands; None is at no door, and there only rights and hours for every door go."""

    door_id: UUID | None


class ClaimCode(msgspec.Struct, frozen=True):
    """The code that makes a device into this gate. It is shown here and never again."""

    gate_id: UUID
    claim_code: str
    expires_at: datetime

    @classmethod
    def of(cls, gate_id: UUID, claim: Claim) -> "ClaimCode":
        """From the service's."""
        return cls(gate_id=gate_id, claim_code=claim.code, expires_at=claim.expires_at)


class Gate(msgspec.Struct, frozen=True):
    """A gate and how it is.

    ``behind`` is how many versions its roster lacks; None where it has acknowledged nothing of the present epoch.
    ``diverged_at`` is the last time that it held another roster than ours under the same version. ``plan`` is the
    revision of the plan of doors that it last said it goes by: how an emergency is seen to have arrived.
    """

    gate_id: UUID
    name: str
    provisioned_at: datetime | None
    sdk: str | None
    last_seen_at: datetime | None
    acked_epoch: int | None
    acked_version: int | None
    acked_at: datetime | None
    behind: int | None
    diverged_at: datetime | None
    revoked_at: datetime | None
    revoke_reason: str | None
    door_id: UUID | None = None
    plan: int | None = None

    @classmethod
    def of(cls, row: GateRow, head: RosterVersion) -> "Gate":
        """From the database's row and the roster's version."""
        known = row.acked_version is not None and row.acked_epoch == head.epoch
        return cls(
            gate_id=row.gate_id,
            name=row.name,
            provisioned_at=row.provisioned_at,
            sdk=row.sdk,
            last_seen_at=row.last_seen_at,
            acked_epoch=row.acked_epoch,
            acked_version=row.acked_version,
            acked_at=row.acked_at,
            behind=head.version - row.acked_version if known and row.acked_version is not None else None,
            diverged_at=row.diverged_at,
            revoked_at=row.revoked_at,
            revoke_reason=row.revoke_reason,
            door_id=row.door_id,
            plan=row.acked_plan,
        )


class GateKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of gates ends."""

    revoked: bool
    name: Annotated[str, Meta(max_length=200, pattern=r"^[^\x00]*$")]
    gate_id: UUID


class GateList(msgspec.Struct, frozen=True):
    """A page of a community's gates by name, revoked ones last, beside the roster's version."""

    epoch: int
    version: int
    gates: tuple[Gate, ...]
    next_cursor: str | None

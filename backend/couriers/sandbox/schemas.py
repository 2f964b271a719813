"""Requests about what is simulated."""

from typing import Literal
from uuid import UUID

import msgspec

from backend.couriers.references import WorkerId
from backend.partners.events.kinds import SuspensionReason

__all__ = ["Simulation"]


class Simulation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to happen. The community is needed for all but the courier's yes and no.

    His yes and no, and his entries, are as in life; suspensions are told only and change nothing.
    """

    type: Literal["courier.active", "courier.left", "courier.entry", "courier.suspended", "courier.restored"]
    worker_id: WorkerId
    community_id: UUID | None = None
    outcome: Literal["allow", "deny", "needs_approval", "needs_second_factor"] = "allow"
    reason: SuspensionReason = "other"

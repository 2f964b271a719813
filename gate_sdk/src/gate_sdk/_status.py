"""How a gate is doing, for the vendor's screen and the installer."""

from enum import StrEnum
from uuid import UUID

import msgspec

from gate_sdk._cache.index import Roster
from gate_sdk._clock import TrustedTime
from gate_sdk._identity import Identity
from gate_sdk._outbox.repository import Counts
from gate_sdk._version import VERSION
from gate_sdk.wire import EmergencyMode, Head

__all__ = ["GateState", "GateStatus", "status_of", "with_head"]


class GateState(StrEnum):
    """``starting`` until the first round with the server; ``revoked`` for good."""

    STARTING = "starting"
    ONLINE = "online"
    OFFLINE = "offline"
    REVOKED = "revoked"
    CLOSED = "closed"


class GateStatus(msgspec.Struct, frozen=True):
    """A moment of the gate. Times in seconds; leases are what is left of them, zero or less once they ended.

    ``count`` is the people on the roster, ``matchable`` those with a template of the loaded pack (``None`` until
    recognition is loaded). ``pending`` events wait for the server, ``refused`` ones it would not take, ``dropped`` ones
    had to make room. ``clock_behind`` says that the device's clock is behind the server's last word. ``plan`` is the
    revision of the community's plan of doors; ``emergency`` the order in force, ``emergency_s`` how long it still is.
    """

    state: GateState
    gate_id: UUID | None
    community_id: UUID | None
    name: str
    url: str
    sdk: str
    pack: str | None = None
    epoch: int | None = None
    version: int | None = None
    count: int = 0
    matchable: int | None = None
    stale_for: float | None = None
    standing_lease_s: float | None = None
    visiting_lease_s: float | None = None
    pending: int = 0
    refused: int = 0
    dropped: int = 0
    clock_behind: bool = False
    plan: int | None = None
    emergency: EmergencyMode | None = None
    emergency_s: float | None = None
    last_error: str | None = None


def with_head(status: GateStatus, head: Head, now_us: int) -> GateStatus:
    """Fill in what a head says, at a moment in microseconds since the Unix epoch."""
    return msgspec.structs.replace(
        status,
        epoch=head.epoch,
        version=head.version,
        plan=None if head.plan is None else head.plan.revision,
        stale_for=max(0.0, (now_us - head.issued_at_us) / 1e6),
        standing_lease_s=(head.lease_until_us(visiting=False) - now_us) / 1e6,
        visiting_lease_s=(head.lease_until_us(visiting=True) - now_us) / 1e6,
    )


def status_of(
    identity: Identity,
    roster: Roster,
    time: TrustedTime,
    *,
    state: GateState,
    pack: str | None,
    counts: Counts | None,
    last_error: str | None,
) -> GateStatus:
    """A moment of a gate that runs; without ``counts`` once its files are closed."""
    status = GateStatus(
        state=state,
        gate_id=identity.gate_id,
        community_id=identity.community_id,
        name=identity.name,
        url=identity.url,
        sdk=VERSION,
        pack=pack,
        count=roster.count,
        matchable=roster.matchable,
        clock_behind=time.ahead_s() < -1.0,
        last_error=last_error,
    )
    if roster.head is not None:
        now_us = time.now_us()
        status = with_head(status, roster.head, now_us)
        if (order := roster.door.emergency(now_us)) is not None:
            left = (order.until_us - now_us) / 1e6
            status = msgspec.structs.replace(status, emergency=order.mode, emergency_s=left)
    if counts is None:
        return status
    return msgspec.structs.replace(status, pending=counts.pending, refused=counts.refused, dropped=counts.dropped)

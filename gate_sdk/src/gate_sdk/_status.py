"""How a gate is doing, for the vendor's screen and the installer."""

from enum import StrEnum
from uuid import UUID

import msgspec

__all__ = ["GateState", "GateStatus"]


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
    had to make room. ``clock_behind`` says that the device's clock is behind the server's last word.
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
    last_error: str | None = None

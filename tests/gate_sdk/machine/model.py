"""Who may pass, in the machine's own plain words: written down as things happen, and never read back from the SDK."""

from __future__ import annotations

from uuid import UUID

import msgspec

from gate_sdk.testing import Phone
from gate_sdk.wire import GrantKind, Policy, RosterGrant

__all__ = ["HOUR_US", "KINDS", "POLICY", "WIPE_US", "Known", "Leave", "Roster", "may_pass"]

HOUR_US = 3_600_000_000
STANDING_US, VISITING_US, WIPE_US = 72 * HOUR_US, 24 * HOUR_US, 96 * HOUR_US
POLICY = Policy(
    standing_lease_s=STANDING_US // 1_000_000,
    visiting_lease_s=VISITING_US // 1_000_000,
    wipe_after_s=WIPE_US // 1_000_000,
)
#: What a grant is of, in how long it begins, and in how long it ends.
KINDS: dict[str, tuple[GrantKind, int, int | None]] = {
    "resident": (GrantKind.RESIDENT, 0, None),
    "guest": (GrantKind.GUEST, 0, 2 * HOUR_US),
    "weekend": (GrantKind.GUEST, 0, 50 * HOUR_US),
    "courier": (GrantKind.COURIER, HOUR_US, 3 * HOUR_US),
}


class Leave(msgspec.Struct, frozen=True):
    """From when to when somebody may pass, microseconds since the Unix epoch; ``None`` has no end."""

    visiting: bool
    from_us: int
    until_us: int | None

    @classmethod
    def of(cls, kind: str, now_us: int) -> tuple[Leave, RosterGrant]:
        """One that is given now, and what the server is told of it."""
        of, begins, ends = KINDS[kind]
        until_us = None if ends is None else now_us + ends
        grant = RosterGrant(kind=of, from_us=now_us + begins, until_us=until_us)
        return cls(of is not GrantKind.RESIDENT, now_us + begins, until_us), grant


class Known(msgspec.Struct, frozen=True):
    """Somebody on a roster: whose face it is, when he may pass, by which phones; and what gates are sent of him."""

    face: int
    leave: Leave
    body: bytes
    template: bytes
    phones: tuple[Phone, ...] = ()


Roster = dict[UUID, Known]


def may_pass(leave: Leave, issued_us: int, between: tuple[int, int], *, by_code: bool) -> bool | None:
    """Whether a gate must let somebody in; ``None`` where that depends on the moment.

    Args:
        leave: his.
        issued_us: when the server last told the gate that its roster is still the roster.
        between: the earliest and the latest that the gate may take it to be.
        by_code: rather than by his face: codes outlast faces where there is no network.
    """
    if by_code:
        lease_us = STANDING_US if leave.visiting else WIPE_US
    else:
        lease_us = VISITING_US if leave.visiting else STANDING_US
    ends_us = issued_us + lease_us
    if leave.until_us is not None:
        ends_us = min(ends_us, leave.until_us)
    early_us, late_us = between
    if leave.from_us <= early_us and late_us < ends_us:
        return True
    return None if leave.from_us <= late_us and early_us < ends_us else False

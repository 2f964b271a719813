"""What goes for this gate's door at an instant. Pure, and quick: decisions ask it between two frames."""

from bisect import bisect_right
from uuid import UUID

from gate_sdk.wire import DoorRules, Emergency, EmergencyMode, GrantKind, Plan, RosterGrant

__all__ = ["EVERY_HOUR", "Door", "door_of"]


class Door:
    """The rules of one plan for one gate, laid out for questions. Immutable; belongs to one head.

    ``revision`` is the plan's, ``None`` without one: then the door is every grant's at every hour.
    """

    __slots__ = ("_emergencies", "_groups", "_hours", "revision")

    def __init__(self, rules: DoorRules, revision: int | None) -> None:
        self.revision = revision
        self._groups = frozenset(rules.groups)
        self._hours = {one.kind: one.bounds for one in rules.hours}
        self._emergencies = rules.emergencies

    def takes(self, grant: RosterGrant) -> bool:
        """Whether the grant is for this door."""
        return grant.doors is None or not self._groups.isdisjoint(grant.doors)

    def opens(self, kind: GrantKind, at_us: int) -> bool:
        """Whether somebody of that kind may pass at that hour."""
        bounds = self._hours.get(kind)
        # An odd number of bounds behind us: the last of them opened.
        return bounds is None or bisect_right(bounds, at_us) % 2 == 1

    def emergency(self, at_us: int) -> Emergency | None:
        """The order in force."""
        return next((one for one in self._emergencies if one.covers(at_us)), None)

    def admits(self, kind: GrantKind, at_us: int) -> bool:
        """Whether no lockdown keeps that kind outside."""
        order = self.emergency(at_us)
        return order is None or order.mode is not EmergencyMode.LOCKDOWN or kind in order.admits

    def next_change_us(self, at_us: int) -> int | None:
        """When the order in force ends or another begins, ``None`` if that is not known."""
        bounds = [bound for one in self._emergencies for bound in (one.from_us, one.until_us) if bound > at_us]
        return min(bounds, default=None)


#: A gate without a plan: of a server that knows none, or whose community never set any hours.
EVERY_HOUR = Door(DoorRules(), None)


def door_of(plan: Plan | None, gate: UUID) -> Door:
    """What goes for that gate."""
    return EVERY_HOUR if plan is None else Door(plan.rules_of(gate), plan.revision)

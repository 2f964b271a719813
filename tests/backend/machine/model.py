"""Who may enter, as one would say it at a table: lists, and a question that reads them. No SQL, no bytes, no ticks."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

__all__ = ["Model", "Order", "Pass", "Person", "Shift", "Tenancy"]

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ZONE = ZoneInfo("Asia/Shanghai")
# How early a gate may know of somebody, and how long after it still may.
EARLY = {"guest": timedelta(hours=24), "courier": timedelta(minutes=10)}
LATE = {"courier": timedelta(minutes=10)}


@dataclass
class Tenancy:
    """A household in a home, until ``until``; ``members`` are ids of persons who have joined."""

    tenancy_id: UUID
    home: UUID
    since: datetime
    until: datetime | None
    members: list[UUID] = field(default_factory=list)


@dataclass
class Pass:
    """A guest of somebody's, from when he has accepted."""

    pass_id: str
    host: UUID
    tenancy: Tenancy
    guest: UUID
    since: datetime
    until: datetime


@dataclass
class Shift:
    """A courier's."""

    shift_id: str
    since: datetime
    until: datetime


@dataclass
class Order:
    """An emergency at the doors of a group, or at all."""

    emergency_id: str
    mode: str
    group: UUID | None
    admits: tuple[str, ...]
    since: datetime
    until: datetime


@dataclass
class Person:
    """Whom gates know by a subject. ``face``: whether they recognise him."""

    subject: UUID
    face: bool = False
    restricted: bool = False
    withdrawn: bool = False


@dataclass
class Model:
    """One community."""

    courier: UUID
    people: dict[UUID, Person] = field(default_factory=dict)
    tenancies: list[Tenancy] = field(default_factory=list)
    passes: list[Pass] = field(default_factory=list)
    shifts: list[Shift] = field(default_factory=list)
    suspended: bool = False
    orders: list[Order] = field(default_factory=list)
    # (group or None, kind) to the hours of a week: day, first minute, last minute.
    hours: dict[tuple[UUID | None, str], list[tuple[str, int, int]]] = field(default_factory=dict)
    gates: dict[UUID, set[UUID]] = field(default_factory=dict)

    def rights(self, person: UUID) -> Iterable[tuple[str, datetime, datetime | None]]:
        """Why he may enter: the kind, and from when until when."""
        for tenancy in self.tenancies:
            if person in tenancy.members:
                yield "resident", tenancy.since, tenancy.until
        for one in self.passes:
            if one.guest == person:
                # A guest goes with whoever invited him, and does not come after him.
                end = one.until if one.tenancy.until is None else min(one.tenancy.until, one.until)
                if one.since < end:
                    yield "guest", one.since, end
        if person == self.courier and not self.suspended:
            for shift in self.shifts:
                yield "courier", shift.since, shift.until

    def may_enter(self, gate: UUID, at: datetime) -> set[UUID]:
        """The subjects of those whom a gate that recognises them lets in."""
        order = self.order(gate, at)
        found = set()
        for who, person in self.people.items():
            for kind, since, until in self.rights(who):
                shut = order is not None and order.mode == "lockdown" and kind not in order.admits
                if since <= at and (until is None or at < until) and not shut and self.open(gate, kind, at):
                    found.add(person.subject)
        return found

    def known(self, now: datetime) -> set[UUID]:
        """The subjects whom gates may know of at all."""
        found = set()
        for who, person in self.people.items():
            for kind, since, until in self.rights(who):
                early = since if kind == "resident" else since - EARLY[kind]
                begun = kind == "resident" or early <= now
                if begun and (until is None or now < until + LATE.get(kind, timedelta())):
                    found.add(person.subject)
        return found

    def recognised(self, now: datetime) -> set[UUID]:
        """Those of them whose faces gates have."""
        known = self.known(now)
        return {one.subject for one in self.people.values() if one.face and not one.restricted and one.subject in known}

    def moments(self, now: datetime) -> list[datetime]:
        """When something is still to begin or to end, for somebody or at a door, the next first."""
        found = {one.until for one in self.orders}
        for who in self.people:
            for kind, since, until in self.rights(who):
                found |= {since, since - EARLY.get(kind, timedelta())}
                if until is not None:
                    found |= {until, until + LATE.get(kind, timedelta())}
        return sorted(one for one in found if one > now)

    def order(self, gate: UUID, at: datetime) -> Order | None:
        """The emergency that goes there: the one declared last."""
        here = [
            one
            for one in self.orders
            if one.since <= at < one.until and (one.group is None or one.group in self.gates[gate])
        ]
        return max(here, key=lambda one: one.since, default=None)

    def open(self, gate: UUID, kind: str, at: datetime) -> bool:
        """Whether somebody of that kind may pass there at that hour."""
        here = [self.hours[group, kind] for group in self.gates[gate] if (group, kind) in self.hours]
        weeks = here or [self.hours[key] for key in [(None, kind)] if key in self.hours]
        if not weeks:
            return True
        wall = at.astimezone(ZONE)
        minute = wall.hour * 60 + wall.minute
        return any(
            day == WEEK[wall.weekday()] and first <= minute < last for week in weeks for day, first, last in week
        )

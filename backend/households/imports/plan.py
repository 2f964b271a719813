"""What lines of a file change in the register as it stands. Pure: rows in, changes and outcomes out.

A line never ends what the office ended or began by hand: it is refused, and says so.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

import msgspec

from backend.households.imports.columns import Column
from backend.households.imports.values import Line, LineRefused
from backend.households.members.repository import MemberState, Relation

__all__ = [
    "HomeNow", "MemberNow", "NewMember", "NewTenancy", "Outcome", "Plan", "Registered", "TenancyNow", "Verdict", "plan",
]  # fmt: skip

Verdict: TypeAlias = Literal["created", "updated", "unchanged", "ended", "refused"]


class HomeNow(msgspec.Struct, frozen=True):
    """A home as it stands."""

    home_id: UUID
    building: str
    unit: str
    label: str
    member_limit: int


class TenancyNow(msgspec.Struct, frozen=True):
    """A tenancy as it stands."""

    tenancy_id: UUID
    home_id: UUID
    register_number: str | None
    starts_at: datetime
    ends_at: datetime | None
    ended_at: datetime | None


class MemberNow(msgspec.Struct, frozen=True):
    """A member as he stands."""

    member_id: UUID
    tenancy_id: UUID
    register_number: str | None
    name: str
    relation: Relation
    phone: str | None
    state: MemberState


class Registered(msgspec.Struct, frozen=True):
    """The part of the register that some lines are about: their homes, and what stands there or under their numbers."""

    homes: Sequence[HomeNow]
    tenancies: Sequence[TenancyNow]
    members: Sequence[MemberNow]


class NewTenancy(msgspec.Struct, frozen=True):
    """A tenancy to be written, or its new beginning and end."""

    tenancy_id: UUID
    home_id: UUID
    register_number: str
    starts_at: datetime
    ends_at: datetime | None


class NewMember(msgspec.Struct, frozen=True):
    """A member to be written, or what is to be changed of him."""

    member_id: UUID
    tenancy_id: UUID
    register_number: str
    name: str
    relation: Relation
    phone: str | None


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """What became of a line: no name, number or address. ``line`` is 0 for who is not in the file."""

    line: int
    verdict: Verdict
    code: str | None = None
    column: str | None = None
    member_id: UUID | None = None
    tenancy_id: UUID | None = None


class Plan(msgspec.Struct, frozen=True):
    """Changes to be written together, and the outcomes in the lines' order."""

    new_tenancies: list[NewTenancy]
    moved_tenancies: list[NewTenancy]
    new_members: list[NewMember]
    changed_members: list[NewMember]
    outcomes: list[Outcome]


class _Household:
    """A tenancy while lines are laid upon it."""

    def __init__(
        self, tenancy: NewTenancy | None, home: HomeNow, refusal: str | None = None, *, over: bool = False
    ) -> None:
        self.tenancy = tenancy
        self.home = home
        # Why no line of it can be used, if so; or that it is over on both sides, so that none needs to be.
        self.refusal = refusal
        self.over = over
        self.moved = False
        self.open = 0
        self.tenant: UUID | None = None


class _Planner:
    def __init__(self, now_there: Registered, now: datetime, new_id: Callable[[], UUID]) -> None:
        self._now = now
        self._new_id = new_id
        self._homes = {(home.building, home.unit, home.label): home for home in now_there.homes}
        self._tenancies = _newest(now_there.tenancies)
        self._standing: dict[UUID, list[tuple[UUID, datetime, datetime | None]]] = {}
        for tenancy in now_there.tenancies:
            if tenancy.ended_at is None:
                self._standing.setdefault(tenancy.home_id, []).append(
                    (tenancy.tenancy_id, tenancy.starts_at, tenancy.ends_at)
                )
        self._of_tenancy: dict[UUID, list[MemberNow]] = {}
        self._members: dict[str, MemberNow] = {}
        for member in now_there.members:
            self._of_tenancy.setdefault(member.tenancy_id, []).append(member)
            if member.register_number is not None and member.state != "ended":
                self._members[member.register_number] = member
        self._households: dict[str, _Household] = {}
        self.plan = Plan([], [], [], [], [])

    def lay(self, line: Line) -> None:
        try:
            outcome = self._member(line, self._household(line))
        except LineRefused as refused:
            column = None if refused.column is None else refused.column.value
            outcome = Outcome(line.line, "refused", refused.code, column)
        self.plan.outcomes.append(outcome)

    def _household(self, line: Line) -> _Household:
        home = self._homes[line.building, line.unit, line.home]
        known = self._households.get(line.tenancy)
        if known is None:
            known = self._begin(line, home)
            self._households[line.tenancy] = known
        if known.home.home_id != home.home_id:
            raise LineRefused("home-differs")
        if known.refusal is not None:
            raise LineRefused(known.refusal)
        said = known.tenancy
        if said is not None and (said.starts_at, said.ends_at) != (line.starts_at, line.ends_at):
            raise LineRefused("period-differs")
        return known

    def _begin(self, line: Line, home: HomeNow) -> _Household:
        there = self._tenancies.get(line.tenancy)
        over = line.ends_at is not None and line.ends_at <= self._now
        if there is None and over:
            return _Household(None, home, over=True)
        if there is not None and there.ended_at is not None:
            return _Household(None, home, None if over else "tenancy-ended", over=over)
        if there is not None and there.home_id != home.home_id:
            return _Household(None, home, "home-differs")
        tenancy_id = self._new_id() if there is None else there.tenancy_id
        if self._occupied(home.home_id, tenancy_id, line):
            return _Household(None, home, "home-occupied")
        tenancy = NewTenancy(tenancy_id, home.home_id, line.tenancy, line.starts_at, line.ends_at)
        household = _Household(tenancy, home)
        if there is None:
            self._standing.setdefault(home.home_id, []).append((tenancy_id, line.starts_at, line.ends_at))
            self.plan.new_tenancies.append(tenancy)
        elif (there.starts_at, there.ends_at) != (line.starts_at, line.ends_at):
            household.moved = True
            self.plan.moved_tenancies.append(tenancy)
        for member in self._of_tenancy.get(tenancy_id, ()):
            if member.state != "ended":
                household.open += 1
                if member.relation == "tenant":
                    household.tenant = member.member_id
        return household

    def _occupied(self, home_id: UUID, tenancy_id: UUID, line: Line) -> bool:
        return any(
            other != tenancy_id
            and (ends_at is None or ends_at > line.starts_at)
            and (line.ends_at is None or starts_at < line.ends_at)
            for other, starts_at, ends_at in self._standing.get(home_id, ())
        )

    def _member(self, line: Line, household: _Household) -> Outcome:
        if household.tenancy is None:
            return Outcome(line.line, "unchanged", "over-already")
        tenancy_id = household.tenancy.tenancy_id
        there = self._members.get(line.number)
        if there is not None and there.tenancy_id != tenancy_id:
            raise LineRefused("member-elsewhere")
        if there is None:
            return self._new_member(line, household, tenancy_id)
        if line.relation == "tenant" and household.tenant not in (None, there.member_id):
            raise LineRefused("second-tenant")
        # Of somebody who has joined the register needs no number: he logs in with his own.
        phone = (line.phone or there.phone) if there.state in ("proposed", "invited") else there.phone
        changed = (there.name, there.relation, there.phone) != (line.name, line.relation, phone)
        if changed:
            if line.relation == "tenant":
                household.tenant = there.member_id
            self.plan.changed_members.append(
                NewMember(there.member_id, tenancy_id, line.number, line.name, line.relation, phone)
            )
        verdict: Verdict = "updated" if changed or household.moved else "unchanged"
        return Outcome(line.line, verdict, member_id=there.member_id, tenancy_id=tenancy_id)

    def _new_member(self, line: Line, household: _Household, tenancy_id: UUID) -> Outcome:
        if any(
            gone.register_number == line.number and gone.state == "ended"
            for gone in self._of_tenancy.get(tenancy_id, ())
        ):
            raise LineRefused("member-ended")
        if line.relation == "tenant" and household.tenant is not None:
            raise LineRefused("second-tenant")
        if line.relation == "tenant" and line.phone is None:
            # A tenant joins by a code and by his number; the others' codes are handed to them.
            raise LineRefused("missing", Column.PHONE)
        if household.open >= household.home.member_limit:
            raise LineRefused("home-full")
        member = NewMember(self._new_id(), tenancy_id, line.number, line.name, line.relation, line.phone)
        household.open += 1
        if line.relation == "tenant":
            household.tenant = member.member_id
        self.plan.new_members.append(member)
        return Outcome(line.line, "created", member_id=member.member_id, tenancy_id=tenancy_id)


def plan(lines: Iterable[Line], there: Registered, *, now: datetime, new_id: Callable[[], UUID]) -> Plan:
    """What the lines change.

    Args:
        lines: of one community; every home that they name stands in ``there``.
        there: the register, for these homes and numbers.
        now: the present.
        new_id: gives ids to what is new.
    """
    planner = _Planner(there, now, new_id)
    for line in lines:
        planner.lay(line)
    return planner.plan


def _newest(tenancies: Iterable[TenancyNow]) -> Mapping[str, TenancyNow]:
    """By number: the open one, else the one that began last."""
    found: dict[str, TenancyNow] = {}
    for tenancy in sorted(tenancies, key=lambda one: (one.ended_at is None, one.starts_at)):
        if tenancy.register_number is not None:
            found[tenancy.register_number] = tenancy
    return found

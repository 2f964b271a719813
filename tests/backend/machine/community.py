"""Whatever residents, guests, couriers and staff do, in whatever order: gates let in whom a plain model lets in.

After every step two gates take the roster and the plan over the real protocol, and each is asked, with the SDK's own
rules, about everybody at sampled instants; see model.py for what they are held against. They are also held to know
nobody who has no right, and no face that is not to be used.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from backend.access import service as access
from backend.kit.auth import Surface, VisitorPrincipal
from backend.kit.db import Scope
from backend.people import repository as people
from tests.backend.couriers.company import open_link
from tests.backend.gates.devices import Device
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.machine.model import Model, Order, Pass, Person, Shift, Tenancy
from tests.backend.machine.site import Gate, Site, good
from tests.backend.privacy.faces import store_face
from tests.backend.world import MovableClock

ANY = {"If-Match": "*"}
BEGIN = MovableClock().now
HOUR = timedelta(hours=1)
# From now on: within what a gate knows of guests beforehand.
AHEAD = (timedelta(0), timedelta(minutes=9), 3 * HOUR, 11 * HOUR, 23 * HOUR)
steps = st.sampled_from(
    [timedelta(minutes=1), timedelta(minutes=10), HOUR, 7 * HOUR, timedelta(days=1), timedelta(days=6)]
)
delays = st.sampled_from([timedelta(0), timedelta(minutes=10), 2 * HOUR, 24 * HOUR, 26 * HOUR])
lengths = st.sampled_from([timedelta(minutes=10), HOUR, 9 * HOUR])
weeks = st.lists(
    st.tuples(st.sampled_from(["mon", "tue", "wed", "sat"]), st.sampled_from([0, 540]), st.sampled_from([600, 1080])),
    max_size=3,
)
kinds = st.sampled_from(["resident", "guest", "courier"])
any_of = st.integers(min_value=0, max_value=999)


class Broken(AssertionError):
    """An invariant does not hold; its name is the first argument."""


@contextmanager
def held_to(invariant: str) -> Iterator[None]:
    """Name what does not hold, so that bugs.py can say what finds which."""
    try:
        yield
    except AssertionError as error:
        raise Broken(invariant, *error.args) from error


class Community(RuleBasedStateMachine):
    """One community from its first day. What one rule needs of another is chosen by a number."""

    site: ClassVar[Site]

    # Set up.

    @initialize()
    def build(self) -> None:
        self.run(self._build())

    async def _build(self) -> None:
        site, world = self.site, self.site.world
        site.runs += 1
        # Eight weeks each, from a Monday morning: a run repeated is the same run, and limits by the hour have passed.
        world.clock.now = BEGIN + site.runs * timedelta(days=56)
        await site.work()
        self.town: Town = await build_town(world, office=site.staff, name=f"Court {site.runs}")
        self.homes = [await self.town.home(f"1-10{n}", member_limit=4) for n in range(3)]
        path = f"/staff/v1/partners/{site.company.partner_id}/communities/{self.town.community_id}"
        good(await site.staff.put(path))
        self.groups = [UUID(await self._made("door-groups", name=name)) for name in ("Gardens", "Garages")]
        self.gates = [
            Gate(await Device.provisioned(world.api, site.staff, self.town.community_id, world)) for _ in range(2)
        ]
        self.doors = [await self._made("doors", name=f"Door {n}", groups=[]) for n in range(2)]
        self.model = Model(courier=site.courier, gates={gate.gate_id: set() for gate in self.gates})
        for gate, door in zip(self.gates, self.doors, strict=True):
            await self._put(f"gates/{gate.gate_id}/door", door_id=door)
        self.hours: list[dict[str, Any]] = []
        self.schedules = 0
        # Most of what can happen needs a household with faces, a guest, a shift or an order: a random life seldom comes
        # so far.
        await self._declare("unlock", None, self.now + 20 * HOUR, [])
        await self._shift(self.now + 2 * HOUR, 9 * HOUR)
        await self._move_in(self.homes[0], None)
        (household,) = self.model.tenancies
        await self._join(household)
        for who in household.members:
            await self._enrol(household, who)
        await self._invite(household, household.members[0], self.now + HOUR, self.now + 30 * HOUR)

    def run(self, doing: Any) -> Any:
        return self.site.run(doing)

    @property
    def path(self) -> str:
        return self.town.staff_path

    @property
    def now(self) -> datetime:
        return self.site.world.clock()

    async def _made(self, what: str, **fields: Any) -> str:
        answer = good(await self.site.staff.post(f"{self.path}/{what}", json=fields))
        return str(answer["id"])

    async def _put(self, what: str, **fields: Any) -> None:
        good(await self.site.staff.put(f"{self.path}/{what}", json=fields, headers=ANY))

    async def _known(self, person_id: UUID) -> None:
        """Somebody whom the community now has a subject for."""
        here = self.town.community_id
        async with self.site.world.resources.db.transaction(Scope(community_id=here)) as conn:
            subject = await people.get_subject(conn, community_id=here, person_id=person_id)
        assert subject is not None
        known = self.model.people.get(person_id)
        if known is None:
            self.model.people[person_id] = Person(subject.subject_id)
        else:
            known.subject = subject.subject_id

    # Who there is.

    def _living(self) -> list[Tenancy]:
        return [one for one in self.model.tenancies if one.until is None or one.until > self.now]

    def _residents(self) -> list[tuple[Tenancy, UUID]]:
        return [(tenancy, who) for tenancy in self._living() for who in tenancy.members]

    def _guests(self) -> list[Pass]:
        return [one for one in self.model.passes if one.until > self.now and one.tenancy in self._living()]

    # Time.

    @rule(step=steps)
    def time_passes(self, step: timedelta) -> None:
        self.site.world.clock.advance(step)
        self.run(self.site.work())

    @precondition(lambda self: self.model.moments(self.now))
    @rule(which=any_of, off=st.sampled_from([-HOUR / 2, timedelta(0), HOUR / 2]))
    def a_moment_comes(self, which: int, off: timedelta) -> None:
        """To where something begins or ends, or near it: what is wrong for an hour is seldom hit by chance."""
        moments = self.model.moments(self.now)
        self.site.world.clock.now = max(self.now, moments[which % len(moments)] + off)
        self.run(self.site.work())

    # Households.

    @rule(home=any_of, stay=st.sampled_from([None, 2 * HOUR, timedelta(days=2)]))
    def somebody_moves_in(self, home: int, stay: timedelta | None) -> None:
        taken = {one.home for one in self._living()}
        free = [one for one in self.homes if one not in taken]
        if free:
            self.run(self._move_in(free[home % len(free)], stay))

    async def _move_in(self, home: UUID, stay: timedelta | None) -> None:
        world = self.site.world
        until = None if stay is None else self.now + stay
        phone = world.new_phone()
        body = {
            "tenant_name": "Tenant", "phone": phone, "starts_at": self.now.isoformat(),
            "ends_at": None if until is None else until.isoformat(),
        }  # fmt: skip
        answer = await self.site.staff.post(f"{self.path}/homes/{home}/tenancies", json=body)
        if answer.status_code == 409:
            return
        made = good(answer)
        actor = await world.resident(phone)
        good(await actor.post("/resident/v1/join", json={"activation_code": made["activation_code"]}))
        who = UUID(good(await actor.get("/resident/v1/me"))["person_id"])
        self.model.tenancies.append(Tenancy(UUID(made["tenancy_id"]), home, self.now, until, [who]))
        await self._known(who)

    @precondition(lambda self: self._living())
    @rule(which=any_of)
    def a_member_joins(self, which: int) -> None:
        tenancy = self._living()[which % len(self._living())]
        if 0 < len(tenancy.members) < 4:
            self.run(self._join(tenancy))

    async def _join(self, tenancy: Tenancy) -> None:
        added = good(
            await self.site.staff.post(
                f"{self.path}/tenancies/{tenancy.tenancy_id}/members",
                json={"name": "Relative", "relation": "spouse", "of_age": True},
            )
        )
        who = await self.site.person()
        joined = await self.site.resident(who).post(
            "/resident/v1/join", json={"activation_code": added["activation_code"]}
        )
        good(joined)
        tenancy.members.append(who)
        await self._known(who)

    async def _member_ids(self, tenancy: Tenancy, who: UUID) -> str:
        here = self.town.community_id
        async with self.site.world.resources.db.transaction(Scope(community_id=here)) as conn:
            return str(
                await conn.fetchval(
                    "SELECT member_id FROM member WHERE community_id = $1 AND tenancy_id = $2 AND person_id = $3",
                    here, tenancy.tenancy_id, who,
                )
            )  # fmt: skip

    @precondition(lambda self: any(len(one.members) > 1 for one in self._living()))
    @rule(which=any_of, by_office=st.booleans())
    def a_member_leaves(self, which: int, *, by_office: bool) -> None:
        those = [(one, who) for one in self._living() for who in one.members[1:]]
        tenancy, who = those[which % len(those)]
        self.run(self._leave(tenancy, who, by_office=by_office))

    async def _leave(self, tenancy: Tenancy, who: UUID, *, by_office: bool) -> None:
        member_id = await self._member_ids(tenancy, who)
        if by_office:
            good(await self.site.staff.post(f"{self.path}/members/{member_id}/end"))
        else:
            home = f"/resident/v1/homes/{self.town.community_id}/{tenancy.home}"
            good(await self.site.resident(tenancy.members[0]).post(f"{home}/members/{member_id}/end"))
        tenancy.members.remove(who)
        self.model.passes = [one for one in self.model.passes if one.host != who]
        self.model.people[who].face = False

    @precondition(lambda self: self._living())
    @rule(which=any_of)
    def a_tenancy_ends(self, which: int) -> None:
        tenancy = self._living()[which % len(self._living())]
        good(self.run(self.site.staff.post(f"{self.path}/tenancies/{tenancy.tenancy_id}/end", json={})))
        tenancy.until = self.now
        for who in tenancy.members:
            self.model.people[who].face = False

    @precondition(lambda self: self._living())
    @rule(which=any_of, after=st.sampled_from([None, timedelta(minutes=10), 5 * HOUR, timedelta(days=3)]))
    def an_end_is_planned(self, which: int, after: timedelta | None) -> None:
        tenancy = self._living()[which % len(self._living())]
        until = None if after is None else self.now + after
        self.run(
            self._put(
                f"tenancies/{tenancy.tenancy_id}/planned-end", ends_at=None if until is None else until.isoformat()
            )
        )
        tenancy.until = until

    @precondition(lambda self: 0 < len(self._living()) < 3)
    @rule(which=any_of)
    def a_household_moves(self, which: int) -> None:
        tenancy = self._living()[which % len(self._living())]
        taken = {one.home for one in self._living()}
        home = next(one for one in self.homes if one not in taken)
        path = f"{self.path}/tenancies/{tenancy.tenancy_id}/transfer"
        answer = self.run(self.site.staff.post(path, json={"home_id": str(home)}))
        # Refused where the worker has yet to put an end to who lived there: then nothing may change.
        if answer.status_code == 409:
            return
        moved = good(answer)
        tenancy.home, tenancy.tenancy_id = home, UUID(moved["tenancy_id"])
        self.model.passes = [one for one in self.model.passes if one.tenancy is not tenancy]

    # Faces and consents.

    @precondition(lambda self: self._residents())
    @rule(which=any_of)
    def a_face_is_enrolled(self, which: int) -> None:
        those = [
            (tenancy, who)
            for tenancy, who in self._residents()
            if not self.model.people[who].face and not self.model.people[who].withdrawn
        ]
        if those:
            tenancy, who = those[which % len(those)]
            self.run(self._enrol(tenancy, who))

    async def _enrol(self, tenancy: Tenancy, who: UUID) -> None:
        actor = self.site.resident(who)
        good(await actor.put("/resident/v1/consents/face_access", json={"version": 1}))
        member_id = UUID(await self._member_ids(tenancy, who))
        await store_face(self.town, Resident(actor, who, member_id, tenancy.tenancy_id, tenancy.home))
        self.model.people[who].face = True

    @precondition(lambda self: any(self.model.people[who].face for _, who in self._residents()))
    @rule(which=any_of)
    def a_consent_is_withdrawn(self, which: int) -> None:
        those = [who for _, who in self._residents() if self.model.people[who].face]
        who = those[which % len(those)]
        answer = good(self.run(self.site.resident(who).post("/resident/v1/consents/face_access/withdraw")))
        # The worker takes the face off the gates, as soon as it is told of the erasure.
        for begun in answer["erasures"]:
            self.run(self.site.saga().resume(UUID(begun["erasure_id"])))
        self.model.people[who].face, self.model.people[who].withdrawn = False, True

    @precondition(lambda self: any(self.model.people[who].face for _, who in self._residents()))
    @rule(which=any_of)
    def a_face_is_restricted_or_released(self, which: int) -> None:
        those = [who for _, who in self._residents() if self.model.people[who].face]
        who = those[which % len(those)]
        self.run(self._restrict(who))

    async def _restrict(self, who: UUID) -> None:
        person, here = self.model.people[who], self.town.community_id
        async with self.site.world.resources.db.transaction(Scope(community_id=here)) as conn:
            if person.restricted:
                await access.release(conn, community_id=here, subject_id=person.subject)
            else:
                await access.restrict(conn, community_id=here, subject_id=person.subject, now=self.now)
        person.restricted = not person.restricted

    # Guests.

    @precondition(lambda self: self._residents())
    @rule(which=any_of, delay=delays, length=lengths)
    def a_guest_is_invited(self, which: int, delay: timedelta, length: timedelta) -> None:
        tenancy, host = self._residents()[which % len(self._residents())]
        since = self.now + delay
        if (tenancy.until is None or since + length <= tenancy.until) and len(self._guests()) < 4:
            self.run(self._invite(tenancy, host, since, since + length))

    async def _invite(self, tenancy: Tenancy, host: UUID, since: datetime, until: datetime) -> None:
        path = f"/resident/v1/homes/{self.town.community_id}/{tenancy.home}/passes"
        body = {"guest_name": "Guest", "valid_from": since.isoformat(), "valid_until": until.isoformat()}
        made = good(await self.site.resident(host).post(path, json=body))
        world = self.site.world
        guest = await open_link(world.api, made["link_token"])
        good(await guest.accept())
        token = world.resources.tokens.verify(guest.actor.access_token, surface=Surface.VISITOR, now=world.clock())
        assert isinstance(token, VisitorPrincipal)
        self.model.passes.append(Pass(made["pass_id"], host, tenancy, token.person_id, since, until))
        await self._known(token.person_id)

    @precondition(lambda self: self._guests())
    @rule(which=any_of)
    def a_pass_is_cancelled(self, which: int) -> None:
        one = self._guests()[which % len(self._guests())]
        good(self.run(self.site.resident(one.host).delete(self._pass_path(one))))
        self.model.passes.remove(one)

    @precondition(lambda self: self._guests())
    @rule(which=any_of, longer=lengths)
    def a_pass_is_made_to_end_at_another_time(self, which: int, longer: timedelta) -> None:
        one = self._guests()[which % len(self._guests())]
        until = max(one.since, self.now) + longer
        if one.tenancy.until is None or until <= one.tenancy.until:
            body = {"valid_until": until.isoformat()}
            good(self.run(self.site.resident(one.host).patch(self._pass_path(one), json=body, headers=ANY)))
            one.until = until

    def _pass_path(self, one: Pass) -> str:
        return f"/resident/v1/homes/{self.town.community_id}/{one.tenancy.home}/passes/{one.pass_id}"

    # Couriers.

    @rule(delay=delays, length=lengths)
    def a_shift_is_asserted(self, delay: timedelta, length: timedelta) -> None:
        if not self.model.suspended:
            self.run(self._shift(self.now + delay, length))

    async def _shift(self, since: datetime, length: timedelta) -> None:
        company = await self.site.company.logged_in_again()
        answer = await company.shift(begin=since, hours=length.total_seconds() / 3600, community=self.town.community_id)
        made = good(answer)
        # The same word twice is one shift, of which one taking back is the end.
        told = any((one.since, one.until) == (since, since + length) for one in self.model.shifts)
        assert told == (answer.status_code == 200) == any(one.shift_id == made["shift_id"] for one in self.model.shifts)
        if not told:
            self.model.shifts.append(Shift(made["shift_id"], since, since + length))
        await self._known(self.site.courier)

    @precondition(lambda self: any(one.until > self.now for one in self.model.shifts))
    @rule(which=any_of)
    def a_shift_is_taken_back(self, which: int) -> None:
        those = [one for one in self.model.shifts if one.until > self.now]
        one = those[which % len(those)]
        self.run(self._take_back(one))
        self.model.shifts.remove(one)

    async def _take_back(self, one: Shift) -> None:
        company = await self.site.company.logged_in_again()
        good(await company.actor.delete(f"/partner/v1/shifts/{one.shift_id}"))

    # Doors.

    @rule(which=any_of, groups=st.lists(st.integers(0, 1), unique=True))
    def a_door_gets_other_groups(self, which: int, groups: list[int]) -> None:
        gate, door = list(zip(self.gates, self.doors, strict=True))[which % 2]
        chosen = [self.groups[n] for n in groups]
        name = f"Door {which % 2}"
        self.run(self._put(f"doors/{door}", name=name, groups=[str(one) for one in chosen]))
        self.model.gates[gate.gate_id] = set(chosen)

    @rule(group=st.sampled_from([None, 0, 1]), kind=kinds, week=weeks)
    def hours_are_set(self, group: int | None, kind: str, week: list[tuple[str, int, int]]) -> None:
        at = None if group is None else self.groups[group]
        if (at, kind) in self.model.hours:
            self.run(self._drop_hours(at, kind))
        else:
            self.run(self._set_hours(at, kind, week))

    async def _set_hours(self, group: UUID | None, kind: str, week: list[tuple[str, int, int]]) -> None:
        self.schedules += 1
        spans = [{"day": day, "begin": _wall(first), "until": _wall(last)} for day, first, last in week]
        schedule = await self._made("schedules", name=f"Schedule {self.schedules}", week=spans)
        self.hours.append({"kind": kind, "schedule_id": schedule, "group_id": None if group is None else str(group)})
        await self._put("hours", hours=self.hours)
        self.model.hours[group, kind] = week

    async def _drop_hours(self, group: UUID | None, kind: str) -> None:
        named = None if group is None else str(group)
        self.hours = [one for one in self.hours if (one["group_id"], one["kind"]) != (named, kind)]
        await self._put("hours", hours=self.hours)
        del self.model.hours[group, kind]

    @rule(
        mode=st.sampled_from(["lockdown", "unlock"]), group=st.sampled_from([None, 0, 1]), length=lengths,
        admits=st.lists(kinds, unique=True, max_size=2),
    )  # fmt: skip
    def an_emergency_is_declared(self, mode: str, group: int | None, length: timedelta, admits: list[str]) -> None:
        # The last one declared counts: none at the same instant.
        self.site.world.clock.advance(seconds=1)
        self.run(self.site.work())
        self.run(self._declare(mode, None if group is None else self.groups[group], self.now + length, admits))

    async def _declare(self, mode: str, at: UUID | None, until: datetime, admits: Sequence[str]) -> None:
        body = {"mode": mode, "reason": "fire", "until": until.isoformat(), "admits": admits}
        if at is not None:
            body["group_id"] = str(at)
        made = good(await self.site.staff.post(f"{self.path}/emergencies", json=body))
        self.model.orders.append(Order(made["emergency_id"], mode, at, tuple(admits), self.now, until))

    @precondition(lambda self: any(one.until > self.now for one in self.model.orders))
    @rule(which=any_of)
    def an_emergency_ends(self, which: int) -> None:
        those = [one for one in self.model.orders if one.until > self.now]
        one = those[which % len(those)]
        good(self.run(self.site.staff.post(f"{self.path}/emergencies/{one.emergency_id}/end")))
        self.model.orders.remove(one)

    # What must always be so.

    @invariant()
    def gates_let_in_whom_the_model_lets_in(self) -> None:
        if not hasattr(self, "model"):
            return
        known, faces = self.model.known(self.now), self.model.recognised(self.now)
        for number, gate in enumerate(self.gates):
            with held_to("signed"):
                self.run(gate.sync())
            with held_to("known"):
                assert set(gate.entries) == known, "a gate knows somebody who has no right, or not somebody who has one"
            with held_to("faces"):
                assert {one.subject for one in gate.entries.values() if one.template is not None} == faces
            for ahead in AHEAD:
                at = self.now + ahead
                order = self.model.order(gate.gate_id, at)
                with held_to("orders"):
                    assert gate.order(at) == (None if order is None else order.mode), (number, ahead)
                # Later than that gates do not know yet of a shift that begins then.
                late = {self.model.people[self.site.courier].subject} if self._hides_courier(ahead) else set()
                with held_to("lets-in"):
                    assert gate.lets_in(at) - late == self.model.may_enter(gate.gate_id, at) - late, (number, ahead)

    def _hides_courier(self, ahead: timedelta) -> bool:
        return ahead > timedelta(minutes=10) and self.site.courier in self.model.people


def _wall(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"

"""Hours, door groups and emergencies at a gate, with a whole server in memory."""

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest

from gate_sdk import EmergencyMode, GateClient, GateStatus, Outcome, Reason
from gate_sdk._cache.rules import Floor, accept_head, check_plan
from gate_sdk._decide import kept_out
from gate_sdk._door import Door, door_of
from gate_sdk.errors import DigestMismatchError, RollbackError
from gate_sdk.testing import FakeBackend, always, synthetic
from gate_sdk.wire import (
    DoorRules,
    GateRules,
    GrantKind,
    KindHours,
    PageKind,
    Plan,
    PlanRef,
    RosterGrant,
    SyncPage,
    decode_plan,
    encode_plan,
    plan_hash,
)

HOUR = 3_600_000_000
GARDEN, GARAGE = UUID(int=1), UUID(int=2)


class SettableClock:
    """The real time, moved by the test."""

    def __init__(self) -> None:
        self.ahead_us = 0

    def now_us(self) -> int:
        return time.time_ns() // 1_000 + self.ahead_us

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def states() -> list[GateStatus]:
    return []


@pytest.fixture
def gate(tmp_path: Path, backend: FakeBackend, clock: SettableClock, states: list[GateStatus]) -> Iterator[GateClient]:
    GateClient.provision("https://fake", backend.claim(), data_dir=tmp_path, transport=backend.transport).close()
    with opened(tmp_path, backend, clock, states) as client:
        client.start(wait=60)
        yield client


def opened(directory: Path, backend: FakeBackend, clock: SettableClock, states: list[GateStatus]) -> GateClient:
    return GateClient(
        directory,
        clock=clock,
        recognition=synthetic.SyntheticRecognition(),
        transport=backend.transport,
        on_state=states.append,
    )


def until(client: GateClient, backend: FakeBackend) -> None:
    """Wait until the gate goes by the newest plan."""
    assert backend.roster.plan is not None
    revision, deadline = backend.roster.plan.revision, time.monotonic() + 60
    while client.status().plan != revision:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def reason(client: GateClient, who: int = 1) -> Reason:
    return client.decide(synthetic.frame(who)).reason


def told(states: list[GateStatus], mode: EmergencyMode | None) -> None:
    """Wait until the vendor's program was last told of that order, or of its end."""
    deadline = time.monotonic() + 60
    while not states or states[-1].emergency is not mode:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alarms(backend: FakeBackend, code: str) -> bool:
    def told() -> bool:
        return any(event.detail is not None and event.detail.startswith(code) for event in backend.events.values())

    return backend.wait_for(told)


class TestHours:
    def test_outside_of_them_a_known_guest_waits_and_a_resident_passes(
        self, gate: GateClient, backend: FakeBackend, clock: SettableClock
    ) -> None:
        now = clock.now_us()
        backend.add_person(synthetic.template(1), (always(GrantKind.GUEST),))
        backend.add_person(synthetic.template(2))
        backend.set_hours(GrantKind.GUEST, (now - HOUR, now - 1, now + HOUR, now + 2 * HOUR))
        until(gate, backend)
        assert reason(gate, 1) is Reason.OUTSIDE_HOURS
        assert reason(gate, 2) is Reason.MATCHED
        backend.set_hours(GrantKind.GUEST, (now - HOUR, now + HOUR))
        until(gate, backend)
        assert reason(gate, 1) is Reason.MATCHED

    def test_bounds_are_half_open_and_end_with_the_plan(self) -> None:
        door = Door(DoorRules(hours=(KindHours(GrantKind.GUEST, (10, 20, 30, 40)),)), 1)
        opens = [at for at in (9, 10, 19, 20, 29, 30, 39, 40, 10**18) if door.opens(GrantKind.GUEST, at)]
        assert opens == [10, 19, 30, 39]
        assert door.opens(GrantKind.RESIDENT, 9)
        assert not Door(DoorRules(hours=(KindHours(GrantKind.GUEST, ()),)), 1).opens(GrantKind.GUEST, 15)

    def test_they_hold_without_the_network_and_after_a_restart(
        self,
        gate: GateClient,
        backend: FakeBackend,
        clock: SettableClock,
        tmp_path: Path,
        states: list[GateStatus],
    ) -> None:
        now = clock.now_us()
        backend.add_person(synthetic.template(1))
        backend.set_hours(GrantKind.RESIDENT, (now - HOUR, now + HOUR))
        until(gate, backend)
        backend.partition()
        gate.close()
        with opened(tmp_path, backend, clock, states) as again:
            assert reason(again) is Reason.MATCHED
            clock.ahead_us = 2 * HOUR
            assert reason(again) is Reason.OUTSIDE_HOURS


class TestDoors:
    def test_a_grant_for_other_doors_opens_this_one_only_once_it_joins_their_group(
        self, gate: GateClient, backend: FakeBackend
    ) -> None:
        grant = RosterGrant(kind=GrantKind.RESIDENT, from_us=0, doors=(GARDEN,))
        backend.add_person(synthetic.template(1), (grant,))
        backend.set_door(DoorRules(groups=(GARAGE,)))
        until(gate, backend)
        assert reason(gate) is Reason.WRONG_DOOR
        gate_id = gate.status().gate_id
        backend.set_door(DoorRules(groups=(GARAGE, GARDEN)), gate=gate_id)
        until(gate, backend)
        assert reason(gate) is Reason.MATCHED

    def test_each_step_is_passed_by_one_and_the_same_grant(self) -> None:
        rules = DoorRules(groups=(GARDEN,), hours=(KindHours(GrantKind.GUEST, (0, 10)),))
        here = RosterGrant(kind=GrantKind.GUEST, from_us=0, doors=(GARDEN,))
        elsewhere = RosterGrant(kind=GrantKind.RESIDENT, from_us=0, doors=(GARAGE,))
        assert kept_out([here, elsewhere], Door(rules, 1), 5) == ([here], None)
        assert kept_out([here, elsewhere], Door(rules, 1), 15) == ([], Reason.OUTSIDE_HOURS)

    def test_a_gate_that_the_plan_does_not_name_goes_by_what_holds_elsewhere(self) -> None:
        here = uuid4()
        plan = Plan(uuid4(), 1, elsewhere=DoorRules(), gates=(GateRules(here, DoorRules(groups=(GARDEN,))),))
        limited = RosterGrant(kind=GrantKind.RESIDENT, from_us=0, doors=(GARDEN,))
        assert door_of(plan, here).takes(limited)
        assert not door_of(plan, uuid4()).takes(limited)
        assert not door_of(None, here).takes(limited)


class TestEmergencies:
    def test_a_lockdown_keeps_residents_outside_and_lets_staff_in(
        self, gate: GateClient, backend: FakeBackend, states: list[GateStatus]
    ) -> None:
        backend.add_person(synthetic.template(1))
        backend.add_person(synthetic.template(2), (always(GrantKind.STAFF),))
        order = backend.declare(EmergencyMode.LOCKDOWN)
        until(gate, backend)
        assert reason(gate, 1) is Reason.LOCKED_DOWN
        assert reason(gate, 2) is Reason.MATCHED
        assert reason(gate, 3) is Reason.UNKNOWN
        assert alarms(backend, f"lockdown-began:{order}")
        told(states, EmergencyMode.LOCKDOWN)
        backend.end_emergency(order)
        until(gate, backend)
        assert reason(gate, 1) is Reason.MATCHED
        assert alarms(backend, f"lockdown-ended:{order}")

    def test_an_unlock_opens_to_everybody_unseen_and_is_reported_once(
        self, gate: GateClient, backend: FakeBackend, clock: SettableClock
    ) -> None:
        backend.declare(EmergencyMode.UNLOCK, seconds=600)
        until(gate, backend)
        assert gate.emergency is not None
        decisions = [gate.observe(synthetic.empty_frame()) for _ in range(3)]
        decisions += [gate.decide(synthetic.frame(9)), gate.decide_qr("anything")]
        assert all(one is not None and one.allowed and one.reason is Reason.EMERGENCY_UNLOCK for one in decisions)
        assert [one.event is not None for one in decisions if one is not None] == [True] + 4 * [False]
        assert all(one.subject is None and one.score is None for one in decisions if one is not None)
        clock.ahead_us = 601_000_000
        assert gate.status().emergency is None
        assert reason(gate) is not Reason.EMERGENCY_UNLOCK

    def test_it_ends_by_itself_without_the_network_and_the_vendor_is_told(
        self, gate: GateClient, backend: FakeBackend, states: list[GateStatus]
    ) -> None:
        backend.declare(EmergencyMode.LOCKDOWN, seconds=4)
        told(states, EmergencyMode.LOCKDOWN)
        backend.partition()
        told(states, None)
        assert gate.emergency is None

    def test_the_latest_order_counts(self, gate: GateClient, backend: FakeBackend) -> None:
        backend.declare(EmergencyMode.LOCKDOWN)
        fire = backend.declare(EmergencyMode.UNLOCK)
        until(gate, backend)
        assert gate.decide(synthetic.frame(1)).outcome is Outcome.ALLOW
        backend.end_emergency(fire)
        until(gate, backend)
        assert gate.emergency is not None
        assert gate.emergency.mode is EmergencyMode.LOCKDOWN


class TestBelieving:
    def test_a_head_never_takes_effect_with_another_plan(self, gate: GateClient, backend: FakeBackend) -> None:
        backend.add_person(synthetic.template(1))
        backend.set_door(DoorRules(groups=(GARDEN,)))
        until(gate, backend)
        old = backend.roster.plan_body
        assert old is not None

        def swapped(page: SyncPage) -> SyncPage:
            return msgspec.structs.replace(page, plan=old)

        backend.rewrite = swapped
        version = gate.status().version
        backend.declare(EmergencyMode.UNLOCK)
        backend.add_person(synthetic.template(2))
        requests = backend.requests["sync"]
        assert backend.wait_for(lambda: backend.requests["sync"] > requests + 1)
        assert gate.emergency is None
        assert gate.status().version == version
        backend.rewrite = None
        until(gate, backend)
        assert gate.emergency is not None

    def test_an_older_plan_is_a_rollback(self, backend: FakeBackend) -> None:
        backend.set_door(DoorRules())
        backend.set_door(DoorRules(groups=(GARDEN,)))
        newest = backend.roster.head()
        older = msgspec.structs.replace(newest, plan=PlanRef(1, b"x" * 32))
        for head in (older, msgspec.structs.replace(newest, plan=None)):
            with pytest.raises(RollbackError):
                accept_head(
                    backend.roster.sign(head),
                    keys={key.kid: key.public_key for key in backend.roster.server_keys},
                    community=backend.roster.community.bytes,
                    floor=Floor.of(newest),
                    kind=PageKind.DELTA,
                    wall_us=head.issued_at_us,
                )

    def test_a_plan_of_another_community_or_revision_or_none_at_all_is_refused(self, backend: FakeBackend) -> None:
        for plan in (Plan(uuid4(), 3), Plan(backend.roster.community, 2)):
            body = encode_plan(plan)
            head = msgspec.structs.replace(backend.roster.head(), plan=PlanRef(3, plan_hash(body)))
            with pytest.raises(DigestMismatchError):
                check_plan(head, body)
            with pytest.raises(DigestMismatchError):
                check_plan(head, None)

    def test_a_server_that_knows_no_plans_is_followed_as_before(self, gate: GateClient, backend: FakeBackend) -> None:
        backend.add_person(synthetic.template(1))
        assert backend.wait_for(lambda: any(one.version == 1 for one in backend.acknowledged.values()))
        assert gate.status().plan is None
        assert reason(gate) is Reason.MATCHED

    def test_the_plans_bytes(self) -> None:
        rules = DoorRules(groups=(GARDEN,), hours=(KindHours(GrantKind.COURIER, (1, 2)),))
        plan = Plan(UUID(int=7), 4, until_us=9, gates=(GateRules(UUID(int=8), rules),))
        body = encode_plan(plan)
        assert decode_plan(body) == plan
        assert plan_hash(body).hex() == "0a8cc718179677ac6a976e33513524edfae57160f0939140f939135d75e1779d"


@pytest.mark.parametrize("ahead_us", [3 * HOUR, -3 * HOUR])
def test_a_gate_whose_clock_differs_from_the_servers_says_so_once(
    tmp_path: Path, backend: FakeBackend, clock: SettableClock, states: list[GateStatus], ahead_us: int
) -> None:
    GateClient.provision("https://fake", backend.claim(), data_dir=tmp_path, transport=backend.transport).close()
    clock.ahead_us = ahead_us
    with opened(tmp_path, backend, clock, states) as client:
        client.start(wait=60)
        backend.add_person(synthetic.template(1))
        assert alarms(backend, "clock-wrong:" + ("+" if ahead_us > 0 else "-"))
        backend.set_door(DoorRules())
        until(client, backend)
    told = [event for event in backend.events.values() if event.detail is not None and "clock" in event.detail]
    assert len(told) == 1

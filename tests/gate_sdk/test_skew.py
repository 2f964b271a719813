"""Clocks that differ: the gate's by two minutes either way, a phone's by three quarters of one, the server's is right.

A gate's time is never behind the newest head, so one that is slow goes by the server. One that is fast goes by its own
clock, and says so to the staff (`clock-wrong`).
"""

from pathlib import Path

import pytest

from gate_sdk import GateClient, Outcome, Reason
from gate_sdk.testing import FakeBackend, Phone
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import STEP_S, GrantKind, Policy, RosterGrant
from tests.gate_sdk.codes import HOUR, MINUTE, denied, synced
from tests.gate_sdk.conftest import HandClock, OpenGate
from tests.gate_sdk.test_time import cut_off

SECOND = 1_000_000


class Clocks:
    """The server's clock, and the gate's so many seconds from it; both go on together."""

    def __init__(self, skew_s: int) -> None:
        # A third into a step of codes, so that no case stands on an edge.
        self.server = HandClock(1_800_000_010 * SECOND)
        self.gate = HandClock(self.server.wall_us + skew_s * SECOND)

    def pass_(self, seconds: float) -> None:
        self.server.pass_(seconds)
        self.gate.pass_(seconds)


@pytest.fixture
def clocks(request: pytest.FixtureRequest) -> Clocks:
    return Clocks(request.param)


@pytest.fixture
def backend(clocks: Clocks) -> FakeBackend:
    return FakeBackend(now_us=lambda: clocks.server.wall_us)


def started(open_gate: OpenGate, clocks: Clocks) -> GateClient:
    gate = open_gate(clock=clocks.gate)
    assert gate.start(wait=60)
    return gate


@pytest.mark.parametrize(
    "clocks, phone_s, opens",
    [
        (0, 0, True),
        (0, 45, True),
        (0, -45, False),
        (-120, 0, True),
        (-120, 45, True),
        (-120, -45, False),
        (120, 0, False),
        (120, 45, False),
        (120, -45, False),
    ],
    indirect=["clocks"],
)
def test_a_residents_code_by_three_clocks(
    backend: FakeBackend, open_gate: OpenGate, clocks: Clocks, phone_s: int, *, opens: bool
) -> None:
    """Off by three quarters of a minute a phone is one step or two away, as it happens: at ten seconds into a step
    +45 s is the next step, -45 s the one before the last. By a gate that is two minutes fast nobody's code is of now.
    """
    phone = Phone(backend.roster.community)
    backend.add_phone(backend.add_person(), phone)
    decision = started(open_gate, clocks).decide_qr(phone.code(clocks.server.wall_us + phone_s * SECOND))
    assert decision.allowed is opens
    if not opens:
        assert denied(decision) is Reason.CODE_EXPIRED


@pytest.mark.parametrize("clocks", [0, -120], indirect=True)
@pytest.mark.parametrize("phone_s", [-45, 45, 3600])
def test_a_phone_that_goes_by_the_servers_time_opens_at_every_moment(
    backend: FakeBackend, open_gate: OpenGate, clocks: Clocks, phone_s: int
) -> None:
    phone = Phone(backend.roster.community)
    backend.add_phone(backend.add_person(), phone)
    gate = started(open_gate, clocks)
    # What it is told with the list of its keys (`now_us`), as docs/codes.md has it.
    its_own = clocks.server.wall_us + phone_s * SECOND
    correction = clocks.server.wall_us - its_own
    for _ in range(STEP_S // 5):
        clocks.pass_(STEP_S + 5)
        its_own += (STEP_S + 5) * SECOND
        assert gate.decide_qr(phone.code(its_own + correction)).allowed


@pytest.mark.parametrize(
    "clocks, at_begin, at_end", [(0, False, True), (-120, False, True), (120, True, False)], indirect=["clocks"]
)
@pytest.mark.parametrize("by", ["face", "token"])
def test_the_edges_of_a_pass_by_the_gates_clock(
    backend: FakeBackend, open_gate: OpenGate, clocks: Clocks, by: str, *, at_begin: bool, at_end: bool
) -> None:
    """A minute before it begins and a minute before it ends: a fast gate is early both times, a slow one never late."""
    begin, until = clocks.server.wall_us + MINUTE, clocks.server.wall_us + 31 * MINUTE
    guest = backend.add_person(syn.template(1), (RosterGrant(GrantKind.GUEST, begin, until),))
    token = backend.issue_token(guest, begin, until)
    gate = started(open_gate, clocks)

    def opens() -> bool:
        decision = gate.decide(syn.frame(1)) if by == "face" else gate.decide_qr(token)
        return decision.allowed

    assert opens() is at_begin
    clocks.pass_(61)
    assert opens()
    clocks.pass_(28 * 60 + 59)
    assert opens() is at_end
    clocks.pass_(61)
    assert not opens()


@pytest.mark.parametrize("clocks", [120], indirect=True)
def test_a_gate_that_is_fast_says_so_to_the_staff(backend: FakeBackend, open_gate: OpenGate, clocks: Clocks) -> None:
    started(open_gate, clocks)
    assert backend.wait_for(lambda: any((e.detail or "").startswith("clock-wrong:") for e in backend.events.values()))


@pytest.mark.parametrize("clocks", [-120, 0, 120], indirect=True)
@pytest.mark.parametrize("by", ["face", "token"])
def test_a_pass_cancelled_while_its_gate_is_offline_ends_with_the_lease_and_not_a_second_later(
    backend: FakeBackend, open_gate: OpenGate, clocks: Clocks, by: str
) -> None:
    backend.roster.policy = Policy(visiting_lease_s=3600, standing_lease_s=24 * 3600)
    now = clocks.server.wall_us
    guest = backend.add_person(syn.template(1), (RosterGrant(GrantKind.GUEST, now - HOUR, now + 96 * HOUR),))
    token = backend.issue_token(guest, now - HOUR, now + 96 * HOUR)
    gate = started(open_gate, clocks)
    synced(gate, backend)
    cut_off(gate)
    backend.revoke(guest)
    # The gate's own clock counts: one that is fast by two minutes ends so much sooner, one that is slow no later.
    fast = max(0, (clocks.gate.wall_us - clocks.server.wall_us) // SECOND)
    lease = (3600 if by == "face" else 24 * 3600) - fast

    def shown() -> tuple[Outcome, Reason]:
        decision = gate.decide(syn.frame(1)) if by == "face" else gate.decide_qr(token)
        return decision.outcome, decision.reason

    clocks.pass_(lease - 1)
    assert shown() == (Outcome.ALLOW, Reason.MATCHED)
    clocks.pass_(1)
    assert shown() == (Outcome.DENY, Reason.LEASE_EXPIRED)


@pytest.mark.parametrize("clocks", [0], indirect=True)
def test_an_expired_token_is_refused_to_the_second(
    backend: FakeBackend, open_gate: OpenGate, clocks: Clocks, gate_dir: Path
) -> None:
    assert not gate_dir.exists()
    now = clocks.server.wall_us
    guest = backend.add_person(grants=(RosterGrant(GrantKind.GUEST, now - HOUR, now + 96 * HOUR),))
    token = backend.issue_token(guest, now - HOUR, now + HOUR)
    gate = started(open_gate, clocks)
    clocks.pass_(3599)
    assert gate.decide_qr(token).allowed
    clocks.pass_(1)
    assert denied(gate.decide_qr(token)) is Reason.OUTSIDE_WINDOW

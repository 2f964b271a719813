"""One server, two gates, and what happens to them."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.gate_sdk.machine.gates import CUTS, Gate
from tests.gate_sdk.machine.model import HOUR_US
from tests.gate_sdk.machine.network import HONEST, HOSTILE
from tests.gate_sdk.machine.server import Server
from tests.gate_sdk.machine.truth import check, check_decisions, check_rest, check_told

__all__ = ["Community"]

any_of = st.integers(0, 999)
gates = st.integers(0, 1)
honest = st.lists(st.sampled_from(HONEST), max_size=6)
# Whoever sits on the network has all day, and tries everything.
hostile = st.permutations(HOSTILE)
# What is new when two speak: left to rules of their own it would seldom come between two conversations.
news = st.lists(st.sampled_from(["comes", "visits", "leaves", "changes", "phone", "lost"]), max_size=4)
# Guests' ends, leases and the end of all patience lie within these, in one order or another.
hours = st.permutations([0.02, 1.5, 1.5, 26.0, 30.0, 50.0])


class Community(RuleBasedStateMachine):
    """What one rule needs of another is chosen by a number.

    Some rules do several things at once: what seldom follows on each other by chance is what a thief would do on
    purpose, or what a bad day brings together. What must be true is the same after each of them.
    """

    @initialize(people=st.integers(0, 6), visitors=st.integers(0, 3))
    def build(self, people: int, visitors: int) -> None:
        shm = Path("/dev/shm")
        self.folder = tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None)
        self.server = Server()
        self.devices = self.alarms = 0
        self.happens(["comes"] * people + ["visits"] * visitors, visitors)
        self.gates = [self.new_gate(number) for number in range(2)]

    def happens(self, what: list[str], who: int) -> None:
        for number, one in enumerate(what):
            self.server.happens(one, who + number)

    def new_gate(self, number: int) -> Gate:
        """Another device in a place where one stands, or stood."""
        self.devices += 1
        return Gate(self.server, Path(self.folder.name) / f"{number}-{self.devices}", check)

    def people_come(self, gate: Gate, *, quiet: bool = False) -> None:
        check_decisions(gate, list(self.server.faces)[-6:], self.server.phones[-4:], quiet=quiet)

    @rule(what=st.sampled_from(["restored", "killed", "rotated"]))
    def server_has_a_bad_day(self, what: str) -> None:
        if what == "restored":
            self.server.is_restored()
        elif what == "killed":
            self.server.is_killed()
        else:
            self.server.takes_another_key()

    @rule(number=gates, hours=hours, back=st.sampled_from([0, 1, 40]), ticks=st.booleans(), who=any_of)
    def network_is_gone_for_days(self, number: int, hours: list[float], back: int, who: int, *, ticks: bool) -> None:
        gate = self.gates[number]
        self.happens(["visits", "phone"], who)
        gate.speak()
        gate.clock.wall_us -= back * HOUR_US
        for some in hours:
            for clock in (self.server.clock, *(one.clock for one in self.gates)):
                clock.pass_(some * 3600)
            if ticks:
                gate.tick()
            self.people_come(gate)

    @rule(number=gates, faults=honest, which=any_of, news=news)
    def gate_speaks_with_the_server(self, number: int, faults: list[str], which: int, news: list[str]) -> None:
        gate = self.gates[number]
        gate.network.which = which
        gate.network.late_arrives()
        self.happens(news, which)
        gate.speak(faults)

    @rule(number=gates, faults=hostile, which=any_of)
    def somebody_stands_between(self, number: int, faults: list[str], which: int) -> None:
        gate = self.gates[number]
        gate.network.which = which
        # Nobody has a key that is in use. Whoever has an older one waits until the gate knows that it is old.
        self.server.takes_another_key()
        gate.speak()
        self.happens(["comes"], which)
        for turn, fault in enumerate(faults):
            # One by one, for what is refused ends the conversation; and when there is something on its way.
            self.happens(["changes"], which + turn)
            gate.speak([fault])

    @rule(number=gates, which=any_of)
    def damage_and_an_older_roster(self, number: int, which: int) -> None:
        gate = self.gates[number]
        gate.network.which = which
        self.happens(["comes", "changes"], which)
        gate.speak()
        gate.power_cut(damage=True)
        for fault in ("stale", "bygone", "begun"):
            gate.speak([fault])

    @rule(number=gates, cut=st.sampled_from([None, *sorted(CUTS)]), news=news, who=any_of)
    def gate_is_killed(self, number: int, cut: str | None, news: list[str], who: int) -> None:
        gate = self.gates[number]
        self.happens(news, who)
        gate.speak(cut=cut)
        gate.power_cut()

    @rule(number=gates, news=news, who=any_of, mended=st.booleans())
    def disk_is_full(self, number: int, news: list[str], who: int, *, mended: bool) -> None:
        gate = self.gates[number]
        gate.disk_takes(anything=False)
        self.happens([*news, "leaves"], who)
        gate.speak()
        gate.speak()
        if mended:
            gate.disk_takes(anything=True)

    @rule(number=gates, fault=st.sampled_from(["ok", "lost", "unanswered", "killed", "killed-unanswered"]))
    def event_is_written(self, number: int, fault: str) -> None:
        gate = self.gates[number]
        self.alarms += 1
        gate.tell(f"test:{self.alarms}")
        gate.network.at_events = fault
        gate.speak()
        # Whether the outbox is empty by then or not, the power is off for a moment.
        gate.power_cut()

    @rule(number=gates, faults=honest)
    def gate_is_taken_out_of_service(self, number: int, faults: list[str]) -> None:
        gate = self.gates[number]
        self.server.backend._devices.revoked.add(gate.gate_id)
        gate.speak(faults)
        if not gate.revoked:
            gate.speak()
        assert gate.revoked, "it was revoked and spoke with the server, and goes on"
        gate.close()
        self.gates[number] = self.new_gate(number)

    @rule(number=gates)
    def all_is_quiet(self, number: int) -> None:
        """Everything is mended, and the gate speaks until nothing is new."""
        gate = self.gates[number]
        gate.mended()
        errors = [gate.speak()]
        while errors[-1] is not None and len(errors) < 6:
            errors.append(gate.speak())
        assert errors[-1] is None, f"it comes to no rest: {errors}"
        gate.network.hostile = gate.full = False
        check_rest(gate)
        self.people_come(gate, quiet=True)
        gate.speak()
        check_told(gate)

    @invariant()
    def every_gate_has_a_roster_that_the_server_had(self) -> None:
        for gate in getattr(self, "gates", ()):
            check(gate)

    def teardown(self) -> None:
        if not hasattr(self, "gates"):
            return
        try:
            # After a failure the first thing that was wrong is what is to be told.
            for number in range(len(self.gates)) if sys.exc_info()[0] is None else ():
                self.all_is_quiet(number)
        finally:
            for gate in self.gates:
                gate.close()
            self.folder.cleanup()

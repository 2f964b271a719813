"""One server, two gates, what happens to them, and what must be true whatever happens."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gate_sdk._codes.index import CodeIndex
from gate_sdk._decide import admit
from gate_sdk.testing import FakeBackend, Person
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import GrantKind, Outcome, PhoneKey, Policy, Reason, RosterGrant, decode_entry, entry_hash
from tests.gate_sdk.conftest import HandClock
from tests.gate_sdk.machine.gates import CUTS, Gate
from tests.gate_sdk.machine.network import HONEST, HOSTILE, STRANGER

__all__ = ["Community"]

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
KINDS = {
    "resident": (GrantKind.RESIDENT, 0, None),
    "guest": (GrantKind.GUEST, 0, 2 * HOUR_US),
    "weekend": (GrantKind.GUEST, 0, 50 * HOUR_US),
    "courier": (GrantKind.COURIER, HOUR_US, 3 * HOUR_US),
}
any_of = st.integers(0, 999)
gates = st.integers(0, 1)
honest = st.lists(st.sampled_from(HONEST), max_size=6)
hostile = st.lists(st.sampled_from((*HOSTILE, "ok")), min_size=2, max_size=5)
# What is new when two speak: left to rules of their own it would seldom come between two conversations.
news = st.lists(st.sampled_from(["comes", "leaves", "leaves", "changes"]), max_size=3)


class Community(RuleBasedStateMachine):
    """What one rule needs of another is chosen by a number."""

    @initialize(people=st.integers(0, 9), peaceful=st.booleans())
    def build(self, people: int, *, peaceful: bool) -> None:
        # Where nobody is hostile, nothing that comes may ever be refused.
        self.peaceful = peaceful
        shm = Path("/dev/shm")
        self.folder = tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None)
        self.clock = HandClock()
        self.backend = FakeBackend(page_size=3, now_us=self.server_now, policy=Policy(wipe_after_s=4 * 86_400))
        #: Every roster that the server ever had.
        self.history: dict[tuple[int, int], dict[UUID, Person]] = {}
        self.faces: dict[UUID, int] = {}
        self.old_keys = [(self.backend.roster.key, self.backend.roster.kid)]
        self.took_out = False
        self.record()
        for _ in range(people):
            self.somebody_comes("resident")
        self.gates = [
            Gate(self.backend, Path(self.folder.name) / str(number), HandClock(self.clock.wall_us))
            for number in range(2)
        ]

    def server_now(self) -> int:
        # Nothing takes no time at all: two heads are never of the same moment.
        self.clock.wall_us += 1
        return self.clock.wall_us

    def record(self) -> None:
        roster = self.backend.roster
        self.history[roster.epoch, roster.version] = dict(roster.people)

    def living(self) -> list[Gate]:
        return [gate for gate in self.gates if not gate.revoked]

    def chosen(self, number: int) -> UUID | None:
        people = list(self.backend.roster.people)
        return people[number % len(people)] if people else None

    # The server.

    @rule(kind=st.sampled_from(sorted(KINDS)))
    def somebody_comes(self, kind: str) -> None:
        face = len(self.faces) + 1
        self.faces[self.backend.add_person(syn.template(face), (self.grant(kind),))] = face
        self.record()

    def grant(self, kind: str) -> RosterGrant:
        of, begins, ends = KINDS[kind]
        now = self.clock.wall_us
        return RosterGrant(kind=of, from_us=now + begins, until_us=None if ends is None else now + ends)

    @rule(who=any_of)
    def somebody_leaves(self, who: int) -> None:
        subject = self.chosen(who)
        if subject is not None:
            self.backend.revoke(subject)
            self.record()

    @rule(who=any_of, kind=st.sampled_from(sorted(KINDS)))
    def grant_changes(self, who: int, kind: str) -> None:
        subject = self.chosen(who)
        if subject is not None:
            self.backend.set_grants(subject, (self.grant(kind),))
            self.record()

    @rule(who=any_of, phones=st.integers(0, 2))
    def phones_change(self, who: int, phones: int) -> None:
        subject = self.chosen(who)
        if subject is not None:
            keys = tuple(PhoneKey(id=subject.bytes[:7] + bytes([one]), key=bytes(32)) for one in range(phones))
            with self.backend._changing():
                self.backend.roster.change(subject, keys=keys)
            self.record()

    @rule()
    def server_is_restored(self) -> None:
        self.backend.restore()
        self.record()

    @rule()
    def server_is_killed(self) -> None:
        # What it only had in memory.
        self.backend.roster._sequences.clear()
        self.backend.drop_tokens()

    @rule()
    def server_takes_another_key(self) -> None:
        self.backend.rotate_key()
        for gate in self.gates:
            gate.network.stolen = self.old_keys[0]

    # Time.

    @rule(hours=st.sampled_from([0.02, 0.2, 1.5, 30.0, 100.0]))
    def time_passes(self, hours: float) -> None:
        for clock in (self.clock, *(gate.clock for gate in self.gates)):
            clock.pass_(hours * 3600)
        for gate in self.living():
            gate.client._engine.tick()

    @rule(number=gates)
    def device_s_clock_is_set_back(self, number: int) -> None:
        self.gates[number].clock.wall_us -= 40 * HOUR_US

    # The gates.

    @rule(number=gates, faults=honest, which=any_of, news=news)
    def gate_speaks_with_the_server(self, number: int, faults: list[str], which: int, news: list[str]) -> None:
        gate = self.gates[number]
        gate.network.which = which
        self.there_is(news, which)
        if gate.revoked:
            return
        if "killed" in faults:
            gate.killed(faults, None)
        else:
            gate.contact(list(faults))

    @rule(number=gates, which=any_of)
    def late_request_arrives(self, number: int, which: int) -> None:
        self.gates[number].network.which = which
        self.gates[number].network.late_arrives()

    def there_is(self, news: list[str], who: int) -> None:
        for one in news:
            if one == "comes":
                self.somebody_comes("resident")
            elif one == "leaves":
                self.somebody_leaves(who)
            else:
                self.grant_changes(who, "weekend")

    @precondition(lambda self: not self.peaceful)
    @rule(number=gates, faults=hostile, which=any_of)
    def somebody_stands_between(self, number: int, faults: list[str], which: int) -> None:
        gate = self.gates[number]
        gate.network.which = which
        # Whoever sits there waits until something is on its way.
        self.somebody_comes("resident")
        for fault in faults:
            # One by one: what is refused ends the conversation.
            if not gate.revoked:
                gate.contact([fault])
                self.check(gate)

    @precondition(lambda self: not self.peaceful)
    @rule(number=gates, which=any_of)
    def damage_and_an_older_roster(self, number: int, which: int) -> None:
        gate = self.gates[number]
        if not gate.revoked:
            gate.power_cut(damage=True)
            gate.network.which = which
            gate.contact(["ok", "stale", "stale", "stale", "stale"])

    @rule(number=gates, cut=st.sampled_from([None, *sorted(CUTS)]))
    def gate_is_killed(self, number: int, cut: str | None) -> None:
        gate = self.gates[number]
        if not gate.revoked:
            gate.killed([], cut)

    @rule(number=gates, anything=st.booleans())
    def disk_is_full(self, number: int, *, anything: bool) -> None:
        if not self.gates[number].revoked:
            self.gates[number].disk_takes(anything=anything)

    @rule(number=gates)
    def event_is_written(self, number: int) -> None:
        if not self.gates[number].revoked:
            self.gates[number].tell()

    @precondition(lambda self: not self.took_out)
    @rule(number=gates, sure=st.integers(0, 5))
    def gate_is_taken_out_of_service(self, number: int, sure: int) -> None:
        if sure == 0:
            self.took_out = True
            self.backend._devices.revoked.add(self.gates[number].gate_id)

    @rule()
    def all_is_quiet(self) -> None:
        for gate in self.living():
            self.settle(gate)

    # What must be true.

    @invariant()
    def every_gate_has_a_roster_that_the_server_had(self) -> None:
        for gate in getattr(self, "gates", []):
            self.check(gate)

    def check(self, gate: Gate) -> None:
        roster = gate.client._engine.roster
        if roster.head is None:
            assert not roster.hashes, "entries without a head"
            assert not roster.entries, "entries without a head"
            return
        truth = self.history.get((roster.head.epoch, roster.head.version))
        assert truth is not None, "a roster that the server never had"
        hashes = {person.subject.bytes: entry_hash(person.body) for person in truth.values()}
        assert roster.hashes == hashes, "not the server's entries"
        assert roster.head.issued_at_us >= gate.newest_us, "an older head than before"
        if roster.head.epoch == gate.newest[0]:
            assert roster.head.version >= gate.newest[1], "an older version than before"
        gate.newest_us, gate.newest = roster.head.issued_at_us, (roster.head.epoch, roster.head.version)
        least_us = roster.head.issued_at_us
        for subject, person in truth.items():
            wanted = decode_entry(person.body)
            entry = roster.entries.get(subject)
            if entry is None:
                ends = [grant.until_us for grant in wanted.grants]
                assert None not in ends, "somebody is missing whose grant has no end"
                continue
            assert entry == wanted, "not the server's entry"
            assert roster.templates.get(subject) == person.template, "not the server's template"
            verdict = admit(entry, roster.head, now_us=gate.client._time.now_us(), by_code=False)
            if verdict.outcome is Outcome.ALLOW:
                ends = [grant.until_us for grant in wanted.grants]
                assert any(end is None or end > least_us for end in ends), "time was taken back"
        assert set(roster.entries) <= set(truth), "somebody who is not on the server's roster"
        assert roster.codes == CodeIndex.of(roster.entries.values()), "codes of others than are on the roster"
        assert roster.galleries is not None
        for subject, face in self.faces.items():
            found = [one.gallery.search(syn.person(face)) for one in roster.galleries]
            near = [one.subject for one in found if one is not None and one.score > 0.9]
            there = [subject] if subject in roster.templates else []
            assert near == there, "the gallery is not the roster's"

    def settle(self, gate: Gate) -> None:
        """Mend everything, and let the gate speak until nothing is new."""
        gate.network.faults = []
        gate.disk_takes(anything=True)
        gate.clock.wall_us = self.clock.wall_us
        errors = [gate.contact() for _ in range(6)]
        if gate.gate_id in self.backend._devices.revoked:
            assert gate.revoked, "it was revoked and spoke with the server, and goes on"
            left = {path.name for path in gate.directory.rglob("*") if path.is_file()}
            secrets = {"roster.db", "roster.db-wal", "roster.key", "device.key", "identity.sealed", "floor.sealed"}
            assert not left & secrets, "a revoked gate kept something"
            return
        gate.network.hostile = gate.full = False
        assert errors[-1] is None, f"it comes to no rest: {errors}"
        head = gate.client._engine.roster.head
        roster = self.backend.roster
        assert head is not None, "no roster after a quiet moment"
        assert (head.epoch, head.version) == (roster.epoch, roster.version), "behind the server after a quiet moment"
        assert self.clock.wall_us - head.issued_at_us < 1000, "the lease does not go on"
        self.check(gate)
        said = self.backend.acknowledged[gate.gate_id]
        assert (said.epoch, said.version) == (roster.epoch, roster.version), "the purge was not acknowledged"
        self.check_decisions(gate)
        gate.contact()
        assert gate.client._outbox.counts().pending == 0, "events wait for no reason"
        counted = {
            (epoch, seq): event.detail for (of, epoch, seq), event in self.backend.events.items() if of == gate.gate_id
        }
        for identity, code in gate.told.items():
            assert counted.get(identity) == code, "an event was lost"
        codes = [code for code in counted.values() if code is not None and code.startswith("test:")]
        assert len(codes) == len(set(codes)), "an event was counted twice"

    def check_decisions(self, gate: Gate) -> None:
        now = self.clock.wall_us
        kept = gate.client._engine.roster.entries
        for subject, face in list(self.faces.items())[-8:]:
            decision = gate.client.decide(syn.frame(face))
            person = self.backend.roster.people.get(subject)
            covered = person is not None and any(one.covers(now) for one in decode_entry(person.body).grants)
            assert decision.allowed == covered, f"{decision.reason} where the server says {covered}"
            assert decision.stale_for is not None, "a decision that does not say how old its roster is"
            ended = person is not None and all(
                one.until_us is not None and one.until_us <= now for one in decode_entry(person.body).grants
            )
            assert not (ended and subject in kept), "kept after the last grant had ended"
        stranger = gate.client.decide(syn.frame(STRANGER))
        assert (stranger.outcome, stranger.allowed) == (Outcome.DENY, False)
        assert stranger.reason in {Reason.UNKNOWN, Reason.ROSTER_EMPTY}

    def teardown(self) -> None:
        if not hasattr(self, "gates"):
            return
        try:
            # After a failure the first thing that was wrong is what is to be told.
            for gate in self.living() if sys.exc_info()[0] is None else ():
                self.settle(gate)
        finally:
            for gate in self.gates:
                gate.close()
            self.folder.cleanup()

"""The roster follows the server's, and nothing that is not the server's."""

import threading
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate_sdk import GateClient, GateRevokedError, GateStatus, Reason, StorageError
from gate_sdk._status import GateState
from gate_sdk.keys import FileKeyProvider
from gate_sdk.testing import FakeBackend, always
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import PageKind, Policy, SyncPage, sign_head
from tests.gate_sdk.conftest import HandClock, OpenGate


class States:
    """Collects what ``on_state`` tells, and waits for what it should tell."""

    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.all: list[GateStatus] = []

    def __call__(self, status: GateStatus) -> None:
        with self.condition:
            self.all.append(status)
            self.condition.notify_all()

    def wait_version(self, version: int, epoch: int = 1) -> bool:
        return self.wait(lambda one: (one.epoch, one.version) == (epoch, version))

    def wait_error(self, code: str) -> bool:
        return self.wait(lambda one: one.last_error == code)

    def wait(self, wanted: object) -> bool:
        assert callable(wanted)
        with self.condition:
            return self.condition.wait_for(lambda: any(wanted(one) for one in self.all), 30)


def test_first_sync(backend: FakeBackend, open_gate: OpenGate) -> None:
    backend.roster.page_size = 3
    subjects = [backend.add_person(syn.template(number)) for number in range(10)]
    gate = open_gate()
    assert gate.decide(syn.frame(1)).reason is Reason.NOT_READY
    assert gate.start(wait=60)
    decisions = [gate.decide(syn.frame(number)) for number in range(11)]
    assert [one.subject for one in decisions] == [*subjects, None]
    assert decisions[10].reason is Reason.UNKNOWN
    status = gate.status()
    assert (status.state, status.count, status.matchable, status.version) == (GateState.ONLINE, 10, 10, 10)


def test_empty_roster(open_gate: OpenGate) -> None:
    gate = open_gate()
    assert gate.start(wait=60)
    assert gate.decide(syn.frame(1)).reason is Reason.ROSTER_EMPTY


def test_revoked_while_connected_and_the_purge_is_acknowledged(backend: FakeBackend, open_gate: OpenGate) -> None:
    leaver, stayer = backend.add_person(syn.template(1)), backend.add_person(syn.template(2))
    states = States()
    gate = open_gate(on_state=states)
    gate.start(wait=60)
    assert gate.decide(syn.frame(1)).subject == leaver
    backend.revoke(leaver)
    assert states.wait_version(3)
    assert gate.decide(syn.frame(1)).reason is Reason.UNKNOWN
    assert gate.decide(syn.frame(2)).subject == stayer
    digest = backend.roster.head().digest
    assert backend.wait_for(
        lambda: any((one.version, one.digest) == (3, digest) for one in backend.acknowledged.values())
    )


def test_delta_adds_changes_and_removes(backend: FakeBackend, open_gate: OpenGate) -> None:
    first = backend.add_person(syn.template(1))
    backend.roster.page_size = 1
    states = States()
    gate = open_gate(on_state=states)
    gate.start(wait=60)
    backend.partition()
    added = backend.add_person(syn.template(2))
    backend.add_person(syn.template(3), subject=added)
    backend.revoke(first)
    gone = backend.add_person(syn.template(4))
    backend.revoke(gone)
    backend.partition(on=False)
    assert states.wait_version(6)
    assert gate.decide(syn.frame(3)).subject == added
    assert {gate.decide(syn.frame(number)).reason for number in (1, 2, 4)} == {Reason.UNKNOWN}


def test_people_without_template_or_of_another_pack_are_kept_but_not_matched(
    backend: FakeBackend, open_gate: OpenGate
) -> None:
    backend.add_person(None)
    backend.add_person(syn.template(1), pack="other-1")
    backend.add_person(syn.template(2))
    gate = open_gate()
    gate.start(wait=60)
    assert gate.decide(syn.frame(1)).reason is Reason.UNKNOWN
    assert gate.decide(syn.frame(2)).allowed
    assert (gate.status().count, gate.status().matchable) == (3, 1)


def test_restored_server_is_a_signed_reset(backend: FakeBackend, open_gate: OpenGate) -> None:
    backend.add_person(syn.template(1))
    backend.add_person(syn.template(2))
    states = States()
    gate = open_gate(on_state=states)
    gate.start(wait=60)
    backend.restore()
    assert states.wait_version(1, epoch=2)
    assert gate.decide(syn.frame(1)).allowed


def test_told_that_it_diverged_it_starts_from_nothing_and_keeps_deciding(
    backend: FakeBackend, open_gate: OpenGate
) -> None:
    backend.add_person(syn.template(1))
    states = States()
    gate = open_gate(on_state=states)
    gate.start(wait=60)
    snapshots: list[PageKind] = []

    def note(page: SyncPage) -> SyncPage:
        snapshots.append(page.kind)
        return page

    backend.rewrite = note
    backend.diverge()
    assert states.wait_error("roster-diverged")
    assert gate.decide(syn.frame(1)).allowed
    assert backend.wait_for(lambda: PageKind.SNAPSHOT in snapshots)
    backend.add_person(syn.template(2))
    assert states.wait_version(2)


def test_cancelled_token_is_renewed_without_a_word(backend: FakeBackend, open_gate: OpenGate) -> None:
    states = States()
    gate = open_gate(on_state=states)
    gate.start(wait=60)
    backend.drop_tokens()
    backend.add_person(syn.template(1))
    assert states.wait_version(1)
    backend.add_person(syn.template(2))
    assert states.wait_version(2)
    assert all(one.last_error is None for one in states.all)


@pytest.mark.parametrize("status", [500, 503, 429, 404, 400])
def test_failing_server_is_tried_again(backend: FakeBackend, open_gate: OpenGate, status: int) -> None:
    backend.add_person(syn.template(1))
    backend.fail("sync", status, retry_after=0.0)
    gate = open_gate()
    assert gate.start(wait=60)
    assert gate.decide(syn.frame(1)).allowed


def test_device_clock_years_behind_still_gets_a_token(backend: FakeBackend, open_gate: OpenGate) -> None:
    backend.add_person(syn.template(1))
    gate = open_gate(clock=HandClock(now_us=1_000_000))
    assert gate.start(wait=60)
    assert backend.requests["token"] == 2
    assert gate.status().clock_behind
    assert gate.decide(syn.frame(1)).allowed


def test_revoked_gate_erases_itself_and_keeps_its_undelivered_events(
    backend: FakeBackend, open_gate: OpenGate, gate_dir: Path
) -> None:
    backend.add_person(syn.template(1))
    backend.fail("events", 503, times=1000, retry_after=600)
    states = States()
    gate = open_gate(on_state=states)
    gate.start(wait=60)
    assert gate.decide(syn.frame(1)).event == 1
    backend.revoke_gates()
    assert states.wait(lambda one: one.state is GateState.REVOKED)
    assert gate.decide(syn.frame(1)).reason is Reason.NOT_READY
    gate.close()
    left = {path.name for path in gate_dir.rglob("*")}
    assert {"revoked", "outbox.db", "outbox.key"} <= left
    assert not left & {"roster.db", "roster.db-wal", "roster.key", "device.key", "identity.sealed"}
    with pytest.raises(GateRevokedError):
        open_gate()


def test_revoked_gate_erases_the_rest_where_one_key_cannot_be_destroyed(
    backend: FakeBackend, open_gate: OpenGate, gate_dir: Path
) -> None:
    class StubbornKeys(FileKeyProvider):
        def destroy(self, name: str) -> None:
            if name == "roster":
                raise StorageError("the secure element does not answer")
            super().destroy(name)

    backend.add_person(syn.template(1))
    open_gate().close()
    states = States()
    gate = open_gate(keys=StubbornKeys(gate_dir / "keys"), on_state=states)
    gate.start(wait=60)
    backend.revoke_gates()
    assert states.wait(lambda one: one.state is GateState.REVOKED)
    with pytest.raises(GateRevokedError):
        gate.start()
    assert gate.decide(syn.frame(1)).reason is Reason.NOT_READY
    left = {path.name for path in gate_dir.rglob("*")}
    assert not left & {"roster.db", "roster.db-wal", "device.key", "identity.sealed"}


class TestHostileServer:
    """Somebody between the gate and its server; the gate keeps what it had and says what it saw."""

    @pytest.fixture
    def states(self) -> States:
        return States()

    @pytest.fixture
    def gate(self, backend: FakeBackend, open_gate: OpenGate, states: States) -> GateClient:
        backend.add_person(syn.template(1))
        gate = open_gate(on_state=states)
        assert gate.start(wait=60)
        return gate

    def test_wrong_signature(self, backend: FakeBackend, gate: GateClient, states: States) -> None:
        forger = Ed25519PrivateKey.generate()

        def forge(page: SyncPage) -> SyncPage:
            return msgspec.structs.replace(
                page, head=sign_head(backend.roster.head(), key=forger, kid=backend.roster.kid)
            )

        backend.rewrite = forge
        backend.add_person(syn.template(2))
        assert states.wait_error("wrong-signature")
        assert gate.decide(syn.frame(1)).allowed
        assert not gate.decide(syn.frame(2)).allowed

    def test_replay_of_an_older_page(self, backend: FakeBackend, gate: GateClient, states: States) -> None:
        old = backend.roster.snapshot()
        backend.rewrite = lambda page: page
        backend.add_person(syn.template(2))
        assert states.wait_version(2)
        backend.rewrite = lambda _: old
        backend.add_person(syn.template(3))
        assert states.wait_error("rollback")
        assert gate.decide(syn.frame(2)).allowed

    def test_first_page_of_an_older_sequence_played_back(
        self, backend: FakeBackend, gate: GateClient, states: States
    ) -> None:
        backend.roster.page_size = 1
        backend.add_person(syn.template(2))
        # The server goes on with it when it is asked, up to the head of that version.
        begun = backend.roster.snapshot()
        backend.add_person(syn.template(3))
        assert states.wait_version(3)

        def play_back(_: SyncPage) -> SyncPage:
            backend.rewrite = None
            return begun

        backend.rewrite = play_back
        backend.add_person(syn.template(4))
        assert states.wait_error("rollback")
        assert states.wait_version(4)
        assert gate.decide(syn.frame(4)).allowed

    def test_roster_of_another_community(self, backend: FakeBackend, gate: GateClient, states: States) -> None:
        def of_another(page: SyncPage) -> SyncPage:
            head = msgspec.structs.replace(backend.roster.head(), community=uuid4())
            return msgspec.structs.replace(page, head=backend.roster.sign(head))

        backend.rewrite = of_another
        backend.add_person(syn.template(2))
        assert states.wait_error("wrong-community")
        assert gate.decide(syn.frame(1)).allowed

    def test_entries_of_one_page_under_the_head_of_another(
        self, backend: FakeBackend, gate: GateClient, states: States
    ) -> None:
        smuggled = FakeBackend()
        smuggled.add_person(syn.template(66))

        def mix(page: SyncPage) -> SyncPage:
            return msgspec.structs.replace(page, items=(*page.items, *smuggled.roster.snapshot().items))

        backend.rewrite = mix
        backend.add_person(syn.template(2))
        assert states.wait_error("digest-mismatch")
        assert not gate.decide(syn.frame(66)).allowed
        backend.rewrite = None
        assert states.wait_version(2)

    def test_withheld_removal(self, backend: FakeBackend, gate: GateClient, states: States) -> None:
        backend.rewrite = lambda page: msgspec.structs.replace(page, items=()) if page.kind == "delta" else page
        backend.revoke(next(iter(backend.roster.people)))
        assert states.wait_error("digest-mismatch")
        assert states.wait_version(2)
        assert not gate.decide(syn.frame(1)).allowed

    def test_swapped_template(self, backend: FakeBackend, gate: GateClient, states: States) -> None:
        def swap(page: SyncPage) -> SyncPage:
            items = tuple(
                msgspec.structs.replace(one, template=syn.template(66) if one.template else None) for one in page.items
            )
            return msgspec.structs.replace(page, items=items)

        backend.rewrite = swap
        backend.add_person(syn.template(2))
        assert states.wait_error("digest-mismatch")
        assert not gate.decide(syn.frame(66)).allowed

    @pytest.mark.parametrize("broken", ["neither", "both", "empty", "body"])
    def test_malformed_page(self, backend: FakeBackend, gate: GateClient, states: States, broken: str) -> None:
        def breaking(page: SyncPage) -> SyncPage:
            if broken == "neither":
                return msgspec.structs.replace(page, head=None, next=None)
            if broken == "empty":
                return msgspec.structs.replace(page, items=(), head=None, next="more")
            if broken == "both":
                return msgspec.structs.replace(page, next="more")
            items = tuple(msgspec.structs.replace(one, body=b"{") for one in page.items)
            return msgspec.structs.replace(page, items=items)

        backend.rewrite = breaking
        backend.add_person(syn.template(2))
        assert states.wait_error("unreadable-answer")
        assert gate.decide(syn.frame(1)).allowed
        backend.rewrite = None
        assert states.wait_version(2)


def test_template_that_the_server_lost_keeps_nobody_else_outside(backend: FakeBackend, open_gate: OpenGate) -> None:
    lost = backend.add_person(syn.template(1))
    backend.add_person(syn.template(2))

    def without(page: SyncPage) -> SyncPage:
        items = (
            msgspec.structs.replace(one, template=None) if one.subject == lost.bytes else one for one in page.items
        )
        return msgspec.structs.replace(page, items=tuple(items))

    backend.rewrite = without
    gate = open_gate()
    assert gate.start(wait=60)
    assert gate.decide(syn.frame(1)).reason is Reason.UNKNOWN
    assert gate.decide(syn.frame(2)).allowed
    assert (gate.status().count, gate.status().matchable) == (2, 1)


def test_malformed_template_is_not_counted_among_those_that_match(backend: FakeBackend, open_gate: OpenGate) -> None:
    backend.add_person(b"\xff" * len(syn.template(1)))
    backend.add_person(syn.template(2))
    gate = open_gate()
    assert gate.start(wait=60)
    assert gate.decide(syn.frame(2)).allowed
    assert (gate.status().count, gate.status().matchable) == (2, 1)


def test_community_s_own_threshold_is_used(backend: FakeBackend, open_gate: OpenGate) -> None:
    backend.roster.policy = Policy(threshold=0.9)
    backend.add_person(syn.template(1), (always(),))
    gate = open_gate()
    gate.start(wait=60)
    assert gate.decide(syn.frame(syn.like(syn.person(1), 0.8))).reason is Reason.UNKNOWN
    assert gate.decide(syn.frame(syn.like(syn.person(1), 0.95))).threshold == 0.9


def test_callback_that_fails_does_not_end_the_sync(backend: FakeBackend, open_gate: OpenGate) -> None:
    def broken(_: GateStatus) -> None:
        raise RuntimeError("the vendor's mistake")

    gate = open_gate(on_state=broken)
    gate.start(wait=60)
    backend.add_person(syn.template(1))
    assert backend.wait_for(lambda: any(one.version == 1 for one in backend.acknowledged.values()))

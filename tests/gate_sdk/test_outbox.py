"""Events: on the disk before the decision is returned, delivered at least once, counted once."""

from pathlib import Path
from uuid import uuid4

import apsw
import msgspec
import pytest

from gate_sdk import Outcome, Reason
from gate_sdk._database import checkpoint
from gate_sdk._decision import Decision
from gate_sdk._outbox import repository
from gate_sdk._outbox.events import alarm, report
from gate_sdk._outbox.repository import Counts
from gate_sdk._outbox.store import Outbox
from gate_sdk.keys import FileKeyProvider
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import MAX_BATCH, EventKind, EventReceipt, GateEvent
from tests.gate_sdk.conftest import OpenGate
from tests.gate_sdk.damage import damage

DAY_US = 86_400_000_000


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    opened = Outbox(tmp_path, FileKeyProvider(tmp_path / "keys"), max_events=100)
    opened.open()
    return opened


def entry(outcome: Outcome = Outcome.ALLOW, at_us: int = 1) -> GateEvent:
    return GateEvent(store_epoch=0, seq=0, kind=EventKind.ENTRY, at_us=at_us, outcome=outcome, reason=Reason.MATCHED)


class TestStore:
    def test_numbers_count_from_one_without_gaps_across_restarts(self, outbox: Outbox, tmp_path: Path) -> None:
        assert [outbox.append(entry()) for _ in range(3)] == [1, 2, 3]
        epoch = outbox.store_epoch
        sent = outbox.oldest(10)
        outbox.acknowledge(EventReceipt(store_epoch=epoch, seq=3), sent)
        outbox.close()
        again = Outbox(tmp_path, FileKeyProvider(tmp_path / "keys"))
        again.open()
        assert again.store_epoch == epoch
        assert 0 <= epoch < 2**53
        assert again.append(entry()) == 4
        again.close()

    def test_receipt_covers_no_more_than_was_sent(self, outbox: Outbox) -> None:
        for _ in range(5):
            outbox.append(entry())
        assert outbox.acknowledge(EventReceipt(store_epoch=outbox.store_epoch, seq=99), outbox.oldest(2)) == 2
        assert [event.seq for event in outbox.oldest(10)] == [3, 4, 5]
        outbox.close()

    def test_counts_follow_refusals_receipts_and_making_room(self, outbox: Outbox, tmp_path: Path) -> None:
        for _ in range(100):
            outbox.append(entry())
        outbox.refuse(outbox.oldest(3))
        assert outbox.counts() == Counts(pending=97, refused=3, dropped=0)
        outbox.acknowledge(EventReceipt(store_epoch=outbox.store_epoch, seq=10), outbox.oldest(7))
        assert outbox.counts() == Counts(pending=90, refused=3, dropped=0)
        while not outbox.counts().dropped:
            outbox.append(entry())
        counted = outbox.counts()
        outbox.close()
        again = Outbox(tmp_path, FileKeyProvider(tmp_path / "keys"))
        again.open()
        assert again.counts() == counted
        assert len(again.oldest(1000)) == counted.pending
        again.close()

    def test_receipt_of_another_store_is_ignored(self, outbox: Outbox) -> None:
        outbox.append(entry())
        assert outbox.acknowledge(EventReceipt(store_epoch=outbox.store_epoch + 1, seq=1), outbox.oldest(2)) == 0
        assert outbox.counts().pending == 1
        outbox.close()

    def test_full_outbox_drops_admissions_before_denials_and_alarms_and_says_so(self, outbox: Outbox) -> None:
        outbox.append(entry(Outcome.DENY))
        outbox.append(alarm("roster-damaged", 1))
        for _ in range(150):
            outbox.append(entry())
        kept = outbox.oldest(1000)
        assert len(kept) <= 100
        assert kept[0].outcome is Outcome.DENY
        assert kept[1].detail == "roster-damaged"
        assert any((event.detail or "").startswith("events-dropped:") for event in kept)
        assert [event.seq for event in kept] == sorted({event.seq for event in kept})
        assert outbox.counts().dropped >= 50
        outbox.close()

    def test_no_denial_goes_while_there_is_an_admission_and_no_alarm_while_there_is_a_denial(
        self, outbox: Outbox
    ) -> None:
        for number in range(400):
            event = (entry(Outcome.DENY), alarm("roster-damaged", 1), entry())[number % 3]
            before = [repository.rank(event) for event in outbox.oldest(1000)]
            outbox.append(event)
            after = [repository.rank(event) for event in outbox.oldest(1000)]
            assert len(after) <= 100
            for rank in (1, 2):
                if after.count(rank) < before.count(rank):
                    # What goes less hardly had gone; but for the one that has just come.
                    assert not any(one < rank for one in after[:-1]), after
        outbox.close()

    def test_bytes_are_bounded_too(self, tmp_path: Path) -> None:
        outbox = Outbox(tmp_path, FileKeyProvider(tmp_path / "keys"), max_bytes=20_000)
        outbox.open()
        outbox.append(entry(Outcome.DENY))
        for _ in range(300):
            outbox.append(entry())
        sizes = [len(msgspec.msgpack.encode(event)) for event in outbox.oldest(1000)]
        assert 15_000 < sum(sizes) <= 20_000 + 500
        assert outbox.oldest(1)[0].outcome is Outcome.DENY
        assert outbox.counts().pending + outbox.counts().dropped - 301 == len(
            [event for event in outbox.oldest(1000) if event.kind is EventKind.ALARM]
        )
        outbox.close()
        again = Outbox(tmp_path, FileKeyProvider(tmp_path / "keys"), max_bytes=sum(sizes) // 2)
        again.open()
        again.append(entry())
        assert len(again.oldest(1000)) < len(sizes)
        again.close()

    def test_admissions_that_waited_a_month_go_and_nothing_else(self, outbox: Outbox) -> None:
        for outcome, days in ((Outcome.ALLOW, 0), (Outcome.DENY, 0), (Outcome.ALLOW, 2), (Outcome.ALLOW, 40)):
            outbox.append(entry(outcome, at_us=days * DAY_US))
        outbox.append(alarm("roster-damaged", 0))
        outbox.expire(31 * DAY_US)
        assert [event.seq for event in outbox.oldest(10)] == [2, 3, 4, 5, 6]
        outbox.expire(33 * DAY_US)
        outbox.expire(33 * DAY_US)
        kept = outbox.oldest(10)
        assert [event.seq for event in kept] == [2, 4, 5, 6, 7]
        assert [event.detail for event in kept[3:]] == ["events-dropped:1", "events-dropped:1"]
        assert outbox.counts().dropped == 2
        outbox.close()

    def test_log_of_an_outage_stays_small(self, tmp_path: Path) -> None:
        outbox = Outbox(tmp_path, FileKeyProvider(tmp_path / "keys"))
        outbox.open()
        for _ in range(1200):
            outbox.append(entry())
            if outbox.wake.is_set():
                outbox.wake.clear()
                outbox.oldest(1)
        assert (tmp_path / "outbox.db-wal").stat().st_size < 6_000_000
        assert len(outbox.oldest(2000)) == 1200
        outbox.close()

    def test_file_that_cannot_be_opened_again_is_tried_with_the_next_event(
        self, outbox: Outbox, tmp_path: Path
    ) -> None:
        key = tmp_path / "keys" / "outbox.key"
        outbox.append(entry())
        assert outbox._connection is not None
        outbox._connection.execute("DROP TABLE event")
        kept = key.rename(key.with_name("away"))
        key.mkdir()
        assert outbox.append(entry()) is None
        assert outbox.append(entry()) is None
        assert outbox.waiting == 2
        key.rmdir()
        kept.rename(key)
        assert outbox.append(entry()) == 3
        assert len(list(tmp_path.glob("outbox.damaged-*.db"))) == 1
        outbox.close()

    def test_checkpoint_that_fails_writes_no_event_twice(self, outbox: Outbox, tmp_path: Path) -> None:
        outbox.append(entry())
        assert outbox._connection is not None
        outbox._connection.set_busy_timeout(10)
        outbox._unchecked = 10_000
        reader = apsw.Connection(str(tmp_path / "outbox.db"))
        key = FileKeyProvider(tmp_path / "keys").load("outbox")
        assert key is not None
        reader.pragma("cipher", "chacha20")
        reader.pragma("key", f"raw:{key.hex()}")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM event").fetchall()
        assert outbox.append(entry()) == 2
        assert outbox.waiting == 0
        reader.close()
        assert [event.seq for event in outbox.oldest(10)] == [1, 2]
        outbox.close()

    def test_events_that_neither_disk_nor_memory_holds_are_counted_and_are_admissions(
        self, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gate_sdk._outbox.store._BACKLOG", 3)
        assert outbox._connection is not None
        outbox._connection.pragma("query_only", 1)
        for outcome in (Outcome.DENY, Outcome.ALLOW, Outcome.ALLOW, Outcome.DENY, Outcome.DENY):
            assert outbox.append(entry(outcome)) is None
        assert (outbox.counts().pending, outbox.counts().dropped) == (3, 2)
        outbox._connection.pragma("query_only", 0)
        assert outbox.append(entry()) == 4
        assert [event.outcome for event in outbox.oldest(3)] == [Outcome.DENY] * 3
        outbox.close()


class TestReport:
    @pytest.mark.parametrize(
        "reason",
        [
            Reason.NOT_A_PICTURE,
            Reason.NO_FACE,
            Reason.FACE_TOO_SMALL,
            Reason.LOW_QUALITY,
            Reason.NOT_READY,
            Reason.ROSTER_EMPTY,
        ],
    )
    def test_nobody_there_is_no_event(self, reason: Reason) -> None:
        assert report(Decision(outcome=Outcome.DENY, reason=reason, at_us=1)) is None

    @pytest.mark.parametrize("reason", [Reason.UNKNOWN, Reason.AMBIGUOUS, Reason.NOT_LIVE])
    def test_of_strangers_nothing_is_kept(self, reason: Reason) -> None:
        event = report(Decision(outcome=Outcome.DENY, reason=reason, at_us=1, score=0.31, margin=0.2))
        assert event is not None
        assert event.subject is None
        assert b"score" not in msgspec.msgpack.encode(event)

    def test_of_the_known_the_pseudonym_is_kept(self) -> None:
        subject = uuid4()
        event = report(
            Decision(outcome=Outcome.DENY, reason=Reason.OUTSIDE_WINDOW, at_us=1, subject=subject, score=0.8)
        )
        assert event is not None
        assert (event.subject, event.kind) == (subject, EventKind.ENTRY)
        assert b"score" not in msgspec.msgpack.encode(event)


def test_event_delivered_twice_is_counted_once(backend: FakeBackend, open_gate: OpenGate) -> None:
    subject = backend.add_person(syn.template(1))
    gate = open_gate()
    gate.start(wait=60)
    backend.lose_answer("events")
    assert gate.decide(syn.frame(1)).event == 1
    assert backend.wait_for(lambda: 2 in backend.deliveries.values())
    assert [event.subject for event in backend.events.values()] == [subject]


def test_events_of_an_outage_arrive_in_order_and_in_batches(backend: FakeBackend, open_gate: OpenGate) -> None:
    backend.add_person(syn.template(1))
    gate = open_gate()
    gate.start(wait=60)
    backend.partition()
    for _ in range(MAX_BATCH + 50):
        gate.decide(syn.frame(1))
    backend.partition(on=False)
    assert backend.wait_for(lambda: len(backend.events) == MAX_BATCH + 50, 30)
    assert [key[2] for key in backend.events] == list(range(1, MAX_BATCH + 51))
    gate.close()
    assert set(backend.deliveries.values()) == {1}


def test_event_that_the_server_refuses_does_not_hold_up_the_others(backend: FakeBackend, open_gate: OpenGate) -> None:
    backend.add_person(syn.template(1))
    gate = open_gate()
    gate.start(wait=60)
    backend.partition()
    for _ in range(4):
        gate.decide(syn.frame(1))
    # Refused as a batch of four, of two, and alone: the first event is the one set apart.
    backend.fail("events", 422, times=3)
    backend.partition(on=False)
    assert backend.wait_for(lambda: len(backend.events) == 3)
    assert sorted(key[2] for key in backend.events) == [2, 3, 4]
    assert gate.status().refused == 1


def test_forbidden_gate_keeps_its_events(backend: FakeBackend, open_gate: OpenGate) -> None:
    backend.add_person(syn.template(1))
    gate = open_gate()
    backend.fail("events", 403, times=2)
    gate.start(wait=60)
    gate.decide(syn.frame(1))
    assert backend.wait_for(lambda: len(backend.events) == 1, 20)
    assert gate.status().refused == 0


def test_unanswered_question_is_refused_and_reported(backend: FakeBackend, open_gate: OpenGate) -> None:
    for seed in range(2):
        backend.add_person(syn.template(syn.like(syn.person(1), 0.99, seed=seed)))
    gate = open_gate()
    gate.start(wait=60)
    asked = gate.decide(syn.frame(1))
    assert (asked.outcome, asked.reason, asked.subject) == (Outcome.NEEDS_SECOND_FACTOR, Reason.AMBIGUOUS, None)
    settled = gate.resolve(asked, timeout=1)
    assert (settled.outcome, settled.event) == (Outcome.DENY, 2)
    denied = gate.decide(syn.frame(77))
    assert gate.resolve(denied, timeout=1) is denied


def test_damage_that_only_delivery_meets_is_set_aside_and_told(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, FileKeyProvider(tmp_path / "keys"))
    outbox.open()
    for _ in range(700):
        outbox.append(alarm("x" * 40, 1))
    assert outbox._connection is not None
    checkpoint(outbox._connection)
    # As on a flash memory that forgets what no cache holds.
    outbox._connection.pragma("shrink_memory")
    damage("flip", tmp_path / "outbox.db", tmp_path / "keys" / "outbox.key")
    first = outbox.store_epoch
    assert outbox.oldest(500) == []
    assert outbox.store_epoch != first
    assert len(list(tmp_path.glob("outbox.damaged-*.db"))) == 1
    assert outbox.append(entry(at_us=7)) == 1
    assert [(event.seq, event.detail, event.at_us) for event in outbox.oldest(500)] == [
        (1, None, 7),
        (2, "outbox-damaged", 7),
    ]
    outbox.close()

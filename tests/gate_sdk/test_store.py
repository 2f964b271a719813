"""Files that break, keys that are lost, disks that are full: the gate goes on, and loses no event."""

import os
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from gate_sdk import DataDirBusyError, GateClient, Reason, StorageError
from gate_sdk._database import open_database
from gate_sdk._inspect import inspect, waiting_events
from gate_sdk.keys import FileKeyProvider
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import GrantKind, RosterGrant
from tests.gate_sdk.conftest import HandClock, OpenGate
from tests.gate_sdk.damage import HARMS, damage
from tests.gate_sdk.gate_process import command


def events(gate_dir: Path) -> list[int]:
    return [event.seq for event in waiting_events(gate_dir, FileKeyProvider(gate_dir / "keys"), 100)]


@pytest.mark.usefixtures("filled")
def test_offline_start_from_the_cache(backend: FakeBackend, open_gate: OpenGate) -> None:
    backend.partition()
    gate = open_gate()
    assert not gate.start(wait=0.05)
    decision = gate.decide(syn.frame(7))
    assert decision.allowed
    assert decision.stale_for is not None
    assert gate.status().count == 200


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.usefixtures("filled")
def test_damaged_roster_is_replaced_and_the_outbox_untouched(
    backend: FakeBackend, open_gate: OpenGate, gate_dir: Path, harm: str
) -> None:
    path, key = gate_dir / "roster.db", gate_dir / "keys" / "roster.key"
    old_key = key.read_bytes()
    damage(harm, path, key)
    backend.partition()
    gate = open_gate()
    assert gate.decide(syn.frame(7)).reason is Reason.NOT_READY
    assert events(gate_dir)[:3] == [1, 2, 3]
    if harm != "empty":
        assert key.read_bytes() != old_key
    backend.partition(on=False)
    assert gate.start(wait=60)
    assert gate.decide(syn.frame(7)).allowed


@pytest.mark.usefixtures("filled")
def test_rows_changed_on_the_disk_by_somebody_with_the_key_are_noticed(open_gate: OpenGate, gate_dir: Path) -> None:
    key = FileKeyProvider(gate_dir / "keys").load("roster")
    assert key is not None
    connection = open_database(gate_dir / "roster.db", key, "SELECT 1")
    connection.execute("UPDATE entry SET template = (SELECT template FROM entry LIMIT 1)")
    connection.close()
    assert open_gate().decide(syn.frame(7)).reason is Reason.NOT_READY


@pytest.mark.usefixtures("filled")
def test_damaged_outbox_is_set_aside_with_its_key(backend: FakeBackend, open_gate: OpenGate, gate_dir: Path) -> None:
    path = gate_dir / "outbox.db"
    path.write_bytes(os.urandom(20_000))
    backend.partition()
    gate = open_gate()
    assert gate.decide(syn.frame(7)).event == 2
    kept = list(gate_dir.glob("outbox.damaged-*.db"))
    assert [file.stat().st_size for file in kept] == [20_000]
    waiting = waiting_events(gate_dir, FileKeyProvider(gate_dir / "keys"), 10)
    assert waiting[0].detail == "outbox-damaged"


def test_second_process_on_one_directory_is_refused(open_gate: OpenGate, gate_dir: Path) -> None:
    gate = open_gate()
    with pytest.raises(DataDirBusyError):
        GateClient(gate_dir)
    run = command("run", "--sync-only", "--data", str(gate_dir))
    assert (run.returncode, run.stderr.split(":")[0]) == (1, "data-dir-busy")
    gate.close()
    GateClient(gate_dir).close()


@pytest.mark.usefixtures("filled")
def test_status_can_be_read_beside_a_running_gate(backend: FakeBackend, open_gate: OpenGate, gate_dir: Path) -> None:
    gate = open_gate()
    gate.start(wait=60)
    status = inspect(gate_dir, FileKeyProvider(gate_dir / "keys"))
    assert (status.count, status.version, status.gate_id) == (200, 200, gate.status().gate_id)
    assert gate.decide(syn.frame(7)).allowed


def limit_pages(connection: apsw.Connection | None, more: int) -> None:
    assert connection is not None
    connection.pragma("max_page_count", int(connection.pragma("page_count")) + more)


@pytest.mark.usefixtures("filled")
def test_full_disk_does_not_keep_a_revoked_person_inside(backend: FakeBackend, open_gate: OpenGate) -> None:
    gate = open_gate()
    limit_pages(gate._store._connection, 0)
    leaver = next(iter(backend.roster.people))
    for number in range(500, 900):
        backend.add_person(syn.template(number))
    backend.revoke(leaver)
    gate.start(wait=0.0)
    assert backend.wait_for(lambda: gate._loop.last_error == "storage")
    assert not gate.decide(syn.frame(0)).allowed
    assert gate.decide(syn.frame(510)).allowed
    assert all(one.version == 200 for one in backend.acknowledged.values())


@pytest.mark.usefixtures("filled")
def test_wiping_on_a_disk_that_is_behind_brings_no_revoked_person_back(
    backend: FakeBackend, open_gate: OpenGate
) -> None:
    clock = HandClock(backend.roster.now_us())
    guest = RosterGrant(GrantKind.GUEST, 0, clock.wall_us + 60_000_000)
    backend.add_person(syn.template(300), (guest,))
    gate = open_gate(clock=clock)
    gate.start(wait=60)
    leaver = next(iter(backend.roster.people))
    connection = gate._store._connection
    limit_pages(connection, 0)
    for number in range(500, 900):
        backend.add_person(syn.template(number))
    backend.revoke(leaver)
    assert backend.wait_for(lambda: gate._loop.last_error == "storage" and not gate.decide(syn.frame(0)).allowed)
    gate._loop.stop()
    gate._transport.abort()
    assert gate._loop.join(60)
    assert connection is not None
    connection.pragma("max_page_count", 1_000_000)
    clock.pass_(120)
    gate._engine.tick()
    assert gate._store.wiped()
    assert not gate.decide(syn.frame(0)).allowed


@pytest.mark.usefixtures("filled")
def test_full_disk_ends_no_lease_while_the_server_answers(backend: FakeBackend, open_gate: OpenGate) -> None:
    clock = HandClock(backend.roster.now_us())
    backend.roster.now_us = clock.now_us
    gate = open_gate(clock=clock)
    connection = gate._store._connection
    assert connection is not None
    connection.pragma("query_only", 1)
    clock.pass_(3600)
    assert (gate.status().stale_for or 0) >= 3600
    with pytest.raises(StorageError):
        gate._engine.round(0)
    assert gate.status().stale_for == 0


@pytest.mark.usefixtures("filled")
def test_roster_that_breaks_while_the_gate_runs_is_replaced_and_decided_by_meanwhile(
    backend: FakeBackend, open_gate: OpenGate, gate_dir: Path
) -> None:
    gate = open_gate()
    assert gate.start(wait=60)
    key = gate_dir / "keys" / "roster.key"
    old_key = key.read_bytes()
    connection = gate._store._connection
    assert connection is not None
    connection.execute("DROP TABLE staged")
    added = backend.add_person(syn.template(900))

    def replaced() -> bool:
        try:
            return gate.status().last_error == "storage" or key.read_bytes() != old_key
        except FileNotFoundError:
            # The old key is destroyed before the new one is made: for a moment there is none.
            return True

    assert backend.wait_for(replaced)
    assert gate.decide(syn.frame(7)).allowed
    assert backend.wait_for(lambda: any(one.version == 201 for one in backend.acknowledged.values()))
    assert gate.decide(syn.frame(900)).subject == added
    assert key.read_bytes() != old_key


def test_full_disk_does_not_keep_people_outside_and_events_follow_later(
    backend: FakeBackend, open_gate: OpenGate
) -> None:
    backend.add_person(syn.template(1))
    gate = open_gate()
    gate.start(wait=60)
    backend.partition()
    connection = gate._outbox._connection
    assert connection is not None
    connection.execute("DELETE FROM event")
    limit_pages(connection, 0)
    decisions = [gate.decide(syn.frame(1)) for _ in range(200)]
    assert all(one.allowed for one in decisions)
    assert any(one.event is None for one in decisions) or gate.status().dropped
    connection.pragma("max_page_count", 1_000_000)
    assert gate.decide(syn.frame(1)).event is not None
    assert gate.status().pending + gate.status().dropped >= 201


FULL = """
import resource, signal, sys
from gate_sdk import GateClient
from gate_sdk.testing import synthetic as syn
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
with GateClient(sys.argv[1], recognition=syn.SyntheticRecognition()) as gate:
    decision = gate.decide(syn.frame(7))
    print(decision.allowed, decision.event, gate.status().count)
"""


@pytest.mark.usefixtures("filled")
def test_gate_that_starts_on_a_full_disk_keeps_its_roster_and_opens(gate_dir: Path) -> None:
    key = (gate_dir / "keys" / "roster.key").read_bytes()
    run = subprocess.run(
        [sys.executable, "-c", FULL, str(gate_dir)], check=False, capture_output=True, text=True, timeout=300
    )
    assert run.stdout.split() == ["True", "None", "200"], run.stderr
    assert (gate_dir / "keys" / "roster.key").read_bytes() == key
    assert events(gate_dir) == [1, 2, 3]


def test_read_only_directory_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        GateClient.provision("https://fake.test", "code", data_dir=tmp_path / "file" / "gate")

"""Disks that are full, worn out or half written, keys that do not answer, clocks that stand in 1970.

Each has its named behaviour: the gate starts, decides by what it has, loses no event that the disk took, and goes on by
itself where the disk does.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gate_sdk import GateClient, Reason, StorageError
from gate_sdk._inspect import waiting_events
from gate_sdk._outbox.store import Outbox
from gate_sdk.keys import EnvironmentKeyProvider, FileKeyProvider, KeyProvider
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from gate_sdk.testing.synthetic import SyntheticRecognition
from tests.gate_sdk.conftest import HandClock, OpenGate
from tests.gate_sdk.damage import HARMS, damage
from tests.gate_sdk.test_store import events


def child(*command: str, cwd: Path | None = None) -> list[str]:
    run = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=120, cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


DECIDE = """
import sys
from gate_sdk import GateClient
from gate_sdk.testing import synthetic as syn
with GateClient(sys.argv[1], recognition=syn.SyntheticRecognition()) as gate:
    decisions = [gate.decide(syn.frame(7)) for _ in range(3)]
    status = gate.status()
    print(*[one.allowed for one in decisions], *[one.event for one in decisions], status.count, status.pending)
"""
READ_ONLY = (
    'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && ! touch "$1/x" 2>/dev/null && exec "$2" -c "$3" "$1"'
)


def on_a_read_only_file_system(gate_dir: Path, code: str = DECIDE) -> list[str]:
    """Run a gate in a mount namespace of its own, as the only user of a file system that takes nothing."""
    try:
        alone = subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        alone = False
    if not alone:
        pytest.skip("this machine lets nobody make a mount namespace")
    return child("unshare", "-rm", "sh", "-ec", READ_ONLY, "sh", str(gate_dir), sys.executable, code)


@pytest.mark.usefixtures("filled")
def test_read_only_file_system_opens_by_the_roster_that_is_on_it(gate_dir: Path) -> None:
    before = {path.name: path.read_bytes() for path in gate_dir.rglob("*") if path.is_file()}
    for _ in range(2):
        told = on_a_read_only_file_system(gate_dir)
        assert told == ["True"] * 3 + ["None"] * 3 + ["200", "3"]
    assert {path.name: path.read_bytes() for path in gate_dir.rglob("*") if path.is_file()} == before
    assert events(gate_dir) == [1, 2, 3]


def test_read_only_file_system_on_which_a_power_cut_left_its_logs(
    backend: FakeBackend, open_gate: OpenGate, gate_dir: Path, tmp_path: Path
) -> None:
    for number in range(20):
        backend.add_person(syn.template(number))
    backend.fail("events", 503, times=1000, retry_after=600)
    gate = open_gate()
    assert gate.start(wait=60)
    assert gate.decide(syn.frame(1)).event == 1
    cut = tmp_path / "cut"
    shutil.copytree(gate_dir, cut)
    assert (cut / "outbox.db-wal").stat().st_size > 0
    assert on_a_read_only_file_system(cut)[:3] == ["True"] * 3
    assert events(cut) == [1]


MENDED = """
import subprocess, sys
from gate_sdk import GateClient, GateError
from gate_sdk.testing import synthetic as syn
with GateClient(sys.argv[1], recognition=syn.SyntheticRecognition()) as gate:
    worn = gate.decide(syn.frame(7)).event, gate._store.unwritable
    subprocess.run(["mount", "-o", "remount,bind,rw", sys.argv[1]], check=True)
    try:
        gate._engine.round(0)
    except GateError as error:
        print(error.code)
    print(*worn, gate.decide(syn.frame(7)).event, gate._store.unwritable, gate.status().count)
"""


@pytest.mark.usefixtures("filled")
def test_file_system_that_takes_writes_again_is_used_again(gate_dir: Path) -> None:
    told = on_a_read_only_file_system(gate_dir, MENDED)
    # The event of before is written too, in its order.
    assert told == ["unreachable", "None", "True", "5", "False", "200"]
    assert events(gate_dir) == [1, 2, 3, 4, 5]


FULL = """
import resource, signal, sys
from pathlib import Path
from gate_sdk import GateClient
from gate_sdk.testing import synthetic as syn
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
with GateClient(sys.argv[1], recognition=syn.SyntheticRecognition()) as gate:
    before = gate.decide(syn.frame(7)).event
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    during = [gate.decide(syn.frame(7)) for _ in range(40)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    after = gate.decide(syn.frame(7)).event
    print(before, all(one.allowed for one in during), during[-1].event, after - before, gate.status().pending)
"""


@pytest.mark.usefixtures("filled")
def test_disk_that_fills_while_the_gate_runs_and_has_room_again_loses_no_event(gate_dir: Path) -> None:
    told = child(sys.executable, "-c", FULL, str(gate_dir))
    # 3 of before, then 1, 40 and 1.
    assert told == ["4", "True", "None", "41", "45"]
    assert events(gate_dir) == list(range(1, 46))


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.usefixtures("filled")
def test_damaged_outbox_is_kept_and_said_and_the_roster_untouched(
    backend: FakeBackend, open_gate: OpenGate, gate_dir: Path, harm: str
) -> None:
    path, key = gate_dir / "outbox.db", gate_dir / "keys" / "outbox.key"
    damage(harm, path, key)
    damaged = path.read_bytes()
    backend.partition()
    gate = open_gate()
    assert gate.decide(syn.frame(7)).allowed
    assert [kept.read_bytes() for kept in gate_dir.glob("outbox.damaged-*.db")] == [damaged]
    first = waiting_events(gate_dir, FileKeyProvider(gate_dir / "keys"), 10)[0]
    assert (first.seq, first.detail) == (1, "outbox-damaged")
    gate.close()
    # Not again at every start.
    open_gate().close()
    assert len(list(gate_dir.glob("outbox.damaged-*.db"))) == 1


@pytest.mark.parametrize("lost", [1, 100, 4096, 5000])
def test_log_that_was_half_written_costs_what_was_being_written_and_nothing_before(tmp_path: Path, lost: int) -> None:
    outbox = Outbox(tmp_path / "gate", FileKeyProvider(tmp_path / "gate" / "keys"))
    (tmp_path / "gate").mkdir()
    outbox.open()
    from tests.gate_sdk.test_outbox import entry  # noqa: PLC0415 - its fixtures are not this module's

    for _ in range(20):
        outbox.append(entry())
    shutil.copytree(tmp_path / "gate", tmp_path / "cut")
    outbox.close()
    log = tmp_path / "cut" / "outbox.db-wal"
    os.truncate(log, log.stat().st_size - lost)
    again = Outbox(tmp_path / "cut", FileKeyProvider(tmp_path / "cut" / "keys"))
    again.open()
    assert not again.replaced
    kept = [event.seq for event in again.oldest(100)]
    assert kept == list(range(1, len(kept) + 1))
    assert len(kept) in {19, 20}
    assert again.append(entry()) == len(kept) + 1
    again.close()


class SecureElement:
    """A vendor's own keys, which sometimes do not answer."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}
        self.silent: set[str] = set()

    def load(self, name: str) -> bytes | None:
        if name in self.silent:
            raise StorageError("the secure element does not answer")
        return self.keys.get(name)

    def create(self, name: str) -> bytes:
        if name in self.silent:
            raise StorageError("the secure element does not answer")
        self.keys[name] = os.urandom(32)
        return self.keys[name]

    def destroy(self, name: str) -> None:
        self.keys.pop(name, None)


def provisioned(backend: FakeBackend, gate_dir: Path, keys: KeyProvider) -> None:
    backend.add_person(syn.template(1))
    GateClient.provision(
        "https://fake.test", backend.claim(), data_dir=gate_dir, keys=keys, transport=backend.transport
    ).close()


def opened(backend: FakeBackend, gate_dir: Path, keys: KeyProvider) -> GateClient:
    return GateClient(gate_dir, keys=keys, transport=backend.transport, recognition=SyntheticRecognition())


def test_vendor_s_keys_that_do_not_answer_for_a_while_cost_neither_roster_nor_events(
    backend: FakeBackend, gate_dir: Path
) -> None:
    element = SecureElement()
    provisioned(backend, gate_dir, element)
    backend.fail("events", 503, times=1000, retry_after=600)
    with opened(backend, gate_dir, element) as gate:
        assert gate.start(wait=60)
        assert gate.decide(syn.frame(1)).event == 1
    assert not list(gate_dir.rglob("*.key"))
    before = dict(element.keys)
    backend.partition()
    element.silent = {"roster", "outbox"}
    with opened(backend, gate_dir, element) as gate:
        assert gate.decide(syn.frame(1)).reason is Reason.NOT_READY
        element.silent = set()
        with pytest.raises(Exception, match="no answer"):
            gate._engine.round(0)
        decision = gate.decide(syn.frame(1))
        assert (decision.allowed, decision.event) == (True, 2)
    assert element.keys == before


def test_keys_of_the_environment(backend: FakeBackend, gate_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_GATE_SECRET", "s" * 64)
    provisioned(backend, gate_dir, EnvironmentKeyProvider(gate_dir / "keys"))
    with opened(backend, gate_dir, EnvironmentKeyProvider(gate_dir / "keys")) as gate:
        assert gate.start(wait=60)
        assert gate.decide(syn.frame(1)).allowed


def test_key_files_are_their_owner_s_alone(backend: FakeBackend, gate_dir: Path) -> None:
    provisioned(backend, gate_dir, FileKeyProvider(gate_dir / "keys"))
    files = [path for path in gate_dir.rglob("*") if path.is_file() and path.name != "lock"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert {(gate_dir / "keys").stat().st_mode & 0o777, gate_dir.stat().st_mode & 0o777} == {0o700}


def test_clock_before_2020_dates_no_event_and_is_said(backend: FakeBackend, open_gate: OpenGate) -> None:
    clock = HandClock(now_us=86_400_000_000)
    gate = open_gate(clock=clock)
    backend.partition()
    gate._journal.alarm("test")
    assert gate.status().clock_behind
    (event,) = gate._outbox.oldest(5)
    assert event.at_us >= 1_577_836_800_000_000
    backend.add_person(syn.template(1))
    backend.partition(on=False)
    assert gate.start(wait=60)
    decision = gate.decide(syn.frame(1))
    assert decision.allowed
    # From the first head on its time is the server's.
    assert abs(decision.at_us - backend.roster.now_us()) < 60_000_000
    assert backend.wait_for(lambda: any(str(one.detail).startswith("clock-wrong:-") for one in backend.events.values()))

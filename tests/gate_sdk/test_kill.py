"""kill -9 at the worst moments: nothing acknowledged is lost, nothing half-made is believed."""

import threading
import time
from pathlib import Path

import msgspec
import pytest

from gate_sdk import GateClient, Reason
from gate_sdk._inspect import inspect, waiting_events
from gate_sdk.keys import FileKeyProvider
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from gate_sdk.testing.synthetic import SyntheticRecognition
from gate_sdk.wire import SyncPage
from tests.gate_sdk.gate_process import running, script

PATIENCE_S = 120
# Decides without end and prints the number of every event whose decision was returned.
DECIDE = """
import sys
from gate_sdk import GateClient
from gate_sdk.testing import synthetic as syn
gate = GateClient(sys.argv[1], recognition=syn.SyntheticRecognition())
gate.start(wait=120)
while True:
    print(gate.decide(syn.frame(1)).event, flush=True)
"""


def provisioned(url: str, backend: FakeBackend, gate_dir: Path) -> None:
    GateClient.provision(url, backend.claim(), data_dir=gate_dir).close()


def test_killed_amid_a_staged_snapshot_it_goes_on_where_it_was(backend: FakeBackend, gate_dir: Path) -> None:
    backend.roster.page_size = 10
    for number in range(60):
        backend.add_person(syn.template(number))
    pages: list[SyncPage] = []
    staged, resume = threading.Event(), threading.Event()

    def hold_fourth(page: SyncPage) -> SyncPage:
        pages.append(page)
        if len(pages) == 4:
            staged.set()
            # The answer is held back, outside of no lock but this server's; the gate dies waiting for it.
            backend._condition.wait_for(resume.is_set, PATIENCE_S)
        return page

    backend.rewrite = hold_fourth
    with backend.serve() as url:
        provisioned(url, backend, gate_dir)
        with running("run", "--sync-only", "--data", str(gate_dir)) as process:
            assert staged.wait(PATIENCE_S)
            assert inspect(gate_dir, FileKeyProvider(gate_dir / "keys")).version is None
            process.kill()
            process.wait()
        resume.set()
        backend._wake()
        held = len(pages)
        with GateClient(gate_dir, recognition=SyntheticRecognition()) as gate:
            assert gate.decide(syn.frame(1)).reason is Reason.NOT_READY
            assert gate.start(wait=120)
            assert gate.status().count == 60
            assert all(gate.decide(syn.frame(number)).allowed for number in (0, 25, 59))
        # Three pages were on the disk: the fourth is asked for again, the three are not.
        assert 6 - 3 <= len(pages) - held <= 6 - 3 + 1


def test_killed_while_deciding_no_returned_decision_is_lost(backend: FakeBackend, gate_dir: Path) -> None:
    backend.add_person(syn.template(1))
    with backend.serve() as url:
        provisioned(url, backend, gate_dir)
        backend.fail("events", 503, times=10_000, retry_after=600)
        with script(DECIDE, str(gate_dir)) as process:
            assert process.stdout is not None
            printed = [int(process.stdout.readline()) for _ in range(50)]
            process.kill()
            printed += [int(line) for line in process.stdout.read().split("\n")[:-1]]
        kept = [event.seq for event in waiting_events(gate_dir, FileKeyProvider(gate_dir / "keys"), 1_000_000)]
        assert kept[: len(printed)] == printed == list(range(1, len(printed) + 1))
        assert len(kept) <= len(printed) + 1


@pytest.mark.deep
def test_killed_again_and_again_during_delivery_every_event_arrives_once(backend: FakeBackend, gate_dir: Path) -> None:
    backend.add_person(syn.template(1))
    last = 0
    with backend.serve() as url:
        provisioned(url, backend, gate_dir)
        for round_ in range(4):
            backend.lose_answer("events")
            with script(DECIDE, str(gate_dir)) as process:
                assert process.stdout is not None
                for _ in range(30 + 7 * round_):
                    last = int(process.stdout.readline())
                process.kill()
                tail = process.stdout.read().split("\n")[:-1]
                last = int(tail[-1]) if tail else last
        backend._lost.clear()
        with GateClient(gate_dir) as gate:
            gate.start(wait=120)
            deadline = time.monotonic() + PATIENCE_S
            while gate.status().pending and time.monotonic() < deadline:
                time.sleep(0.02)
            assert gate.status().pending == 0
    numbers = sorted(key[2] for key in backend.events)
    assert numbers[:last] == list(range(1, last + 1))
    assert len({key[1] for key in backend.events}) == 1
    assert max(backend.deliveries.values()) >= 2


@pytest.mark.deep
def test_killed_while_writing_the_roster_it_has_one_version_or_the_other(backend: FakeBackend, gate_dir: Path) -> None:
    for number in range(300):
        backend.add_person(syn.template(number))
    with backend.serve() as url:
        provisioned(url, backend, gate_dir)
        for round_ in range(3):
            with running("run", "--sync-only", "--data", str(gate_dir)) as process:
                assert process.stdout is not None
                ready = msgspec.json.decode(process.stdout.readline())
                assert ready["version"] == backend.roster.version
                for number in range(100):
                    backend.add_person(syn.template(1000 * (round_ + 1) + number))
                process.kill()
                process.wait()
            status = inspect(gate_dir, FileKeyProvider(gate_dir / "keys"))
            assert status.last_error is None
            assert status.count == status.version
            with GateClient(gate_dir) as gate:
                assert gate.status().count == status.count

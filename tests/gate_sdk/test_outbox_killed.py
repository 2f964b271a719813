"""kill -9 at any moment loses no event and counts none twice."""

import multiprocessing
import random
import time
from collections import Counter
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from gate_sdk import GateClient
from gate_sdk.testing import FakeBackend
from tests.gate_sdk.killed_gate import write_events

LIVES = 200
_WRITING = 0.8


def wait_for_event(log: Path, begin: int, process: BaseProcess) -> None:
    """Until the process has logged its first one, behind what was there."""
    deadline = time.monotonic() + 120
    while log.stat().st_size == begin:
        assert process.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.deep
def test_killed_two_hundred_times_it_loses_no_event_and_counts_none_twice(
    backend: FakeBackend, gate_dir: Path, tmp_path: Path
) -> None:
    # A fork of a process that has imported everything lives at once: most of its life is writing and delivering.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["gate_sdk", "gate_sdk._transport", "tests.gate_sdk.killed_gate"])
    chance = random.Random(7)
    log = tmp_path / "log"
    log.touch()
    with backend.serve() as url:
        GateClient.provision(url, backend.claim(), data_dir=gate_dir).close()
        for life in range(LIVES):
            if life % 5 == 0:
                # Delivered, but for all that the gate knows not.
                backend.lose_answer("events")
            process = processes.Process(target=write_events, args=(gate_dir, log, life))
            begin = log.stat().st_size
            process.start()
            # Some while they open what is there, the others while they write and deliver.
            if chance.random() < _WRITING:
                wait_for_event(log, begin, process)
            time.sleep(chance.expovariate(1 / 0.05))
            process.kill()
            process.join()
        backend._lost.clear()
        with GateClient(gate_dir) as gate:
            assert not gate._device.replaced
            gate.start(wait=120)
            assert backend.wait_for(lambda: gate.status().pending == 0, 300)
            assert (gate.status().dropped, gate.status().refused) == (0, 0)
    returned = log.read_text().split()
    counted = Counter(event.detail for event in backend.events.values())
    assert [one for one in returned if counted[one] != 1] == []
    # A life may have written one more than it could tell of.
    untold = set(counted) - set(returned)
    assert len(untold) <= LIVES
    assert len({str(one).rpartition(":")[0] for one in untold}) == len(untold)
    numbers = sorted(seq for _, _, seq in backend.events)
    assert numbers == list(range(1, len(numbers) + 1))
    assert len({epoch for _, epoch, _ in backend.events}) == 1
    # Otherwise the kills came too early to prove anything.
    assert len({one.split(":")[1] for one in returned}) > LIVES / 2
    assert max(backend.deliveries.values()) > 1

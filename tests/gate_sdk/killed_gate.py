"""What a process that is killed at any moment does: it writes events down and has them delivered."""

import os
from itertools import count
from pathlib import Path

from gate_sdk import GateClient


def write_events(directory: Path, log: Path, life: int) -> None:
    """Raise alarms without end; each is logged once the call that wrote it has returned."""
    # Unbuffered, so that what was logged outlives the process.
    told = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with GateClient(directory) as gate:
        gate.start()
        for number in count():
            gate._journal.alarm(f"test:{life}:{number}")
            os.write(told, f"test:{life}:{number}\n".encode())

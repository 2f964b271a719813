"""Ports for servers that a test starts as processes, some seconds later, and perhaps several times."""

import itertools
import os
import random
import socket
from collections.abc import Iterator

__all__ = ["free_port", "free_ports"]

# Below all that systems deal out by themselves (Linux from 32768 on, macOS and Windows from 49152 on), to whoever asks
# for any port and to each connection that goes out: one of those could have the port before the server has it.
_FIRST, _LAST = 20_000, 32_000
# Test processes that run beside each other (pytest-xdist) take theirs from different parts.
_PARTS = 8


def _candidates() -> Iterator[int]:
    part = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _PARTS
    ports = list(range(_FIRST + part, _LAST, _PARTS))
    # Another checkout's tests may run on this machine too.
    random.SystemRandom().shuffle(ports)
    return itertools.cycle(ports)


_ports = _candidates()


def free_ports(count: int) -> list[int]:
    """Distinct ports on which nobody listens, and which this process is not given again soon."""
    found: list[int] = []
    while len(found) < count:
        port = next(_ports)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
    return found


def free_port() -> int:
    """One of them."""
    return free_ports(1)[0]

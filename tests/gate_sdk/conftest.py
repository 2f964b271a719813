"""A fake server and gates at it, without models or sockets unless a test asks for them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gate_sdk import GateClient
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from gate_sdk.testing.synthetic import SyntheticRecognition

OpenGate = Callable[..., GateClient]


class HandClock:
    """Clocks that tests set by hand."""

    def __init__(self, now_us: int = 1_800_000_000_000_000) -> None:
        self.wall_us = now_us
        self.mono = 100.0

    def now_us(self) -> int:
        return self.wall_us

    def monotonic(self) -> float:
        return self.mono

    def pass_(self, seconds: float) -> None:
        self.wall_us += int(seconds * 1e6)
        self.mono += seconds


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def gate_dir(tmp_path: Path) -> Path:
    return tmp_path / "gate"


@pytest.fixture
def open_gate(backend: FakeBackend, gate_dir: Path) -> Iterator[OpenGate]:
    """Provision once, then open the gate as often as asked; each earlier one is closed first."""
    opened: list[GateClient] = []

    def open_one(**options: Any) -> GateClient:
        for gate in opened:
            gate.close()
        if not (gate_dir / "identity.sealed").exists() and not (gate_dir / "revoked").exists():
            GateClient.provision(
                "https://fake.test", backend.claim(), data_dir=gate_dir, transport=backend.transport
            ).close()
        options = {"transport": backend.transport, "recognition": SyntheticRecognition(), **options}
        gate = GateClient(gate_dir, **options)
        opened.append(gate)
        return gate

    yield open_one
    for gate in opened:
        gate.close()


@pytest.fixture
def filled(backend: FakeBackend, open_gate: OpenGate) -> None:
    """A gate that has a roster of 200 and three undelivered events, and is closed again."""
    for number in range(200):
        backend.add_person(syn.template(number))
    gate = open_gate()
    backend.fail("events", 503, times=1000, retry_after=600)
    assert gate.start(wait=60)
    for _ in range(3):
        assert gate.decide(syn.frame(1)).allowed
    gate.close()

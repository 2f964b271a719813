"""Somebody looks into a running gate's files and does not finish: a stopped command, a session that hangs."""

import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from gate_sdk import GateClient, _database
from gate_sdk._database import open_readonly
from gate_sdk.keys import FileKeyProvider
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from tests.gate_sdk.conftest import OpenGate


@pytest.fixture
def gate(backend: FakeBackend, open_gate: OpenGate, monkeypatch: pytest.MonkeyPatch) -> GateClient:
    # Who waits for the reader waits for longer than this test.
    monkeypatch.setattr(_database, "_BUSY_MS", 600_000)
    backend.add_person(syn.template(1))
    gate = open_gate()
    assert gate.start(wait=60)
    assert gate.decide(syn.frame(1)).allowed
    assert backend.wait_for(lambda: bool(backend.events), 60)
    return gate


@pytest.fixture(params=["outbox", "roster"])
def reader(request: pytest.FixtureRequest, gate: GateClient, gate_dir: Path) -> Iterator[apsw.Connection]:
    assert gate.decide(syn.frame(1)).allowed
    key = FileKeyProvider(gate_dir / "keys").load(request.param)
    assert key is not None
    connection = open_readonly(gate_dir / f"{request.param}.db", key)
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM state").fetchall()
    yield connection
    connection.close()


@pytest.mark.usefixtures("reader")
def test_reader_that_does_not_finish_holds_up_neither_decisions_nor_revocations(
    backend: FakeBackend, gate: GateClient
) -> None:
    other = backend.add_person(syn.template(2))
    assert backend.wait_for(lambda: any(one.version == 2 for one in backend.acknowledged.values()), 60)
    backend.revoke(other)
    assert backend.wait_for(lambda: any(one.version == 3 for one in backend.acknowledged.values()), 60)
    made: list[bool] = []

    def decide() -> None:
        for _ in range(3):
            made.append(gate.decide(syn.frame(1)).allowed)
            backend.wait_for(lambda: len(backend.events) >= 2 + len(made), 60)
        gate.status()

    deciding = threading.Thread(target=decide, daemon=True)
    deciding.start()
    deciding.join(60)
    assert not deciding.is_alive()
    assert made == [True] * 3
    assert not gate.decide(syn.frame(2)).allowed

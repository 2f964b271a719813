"""Roll-back: what was believed once sets a floor, which neither damage nor wiping takes away."""

from pathlib import Path

import msgspec
import pytest

from gate_sdk import Reason
from gate_sdk._cache.floor import FloorFile
from gate_sdk._cache.rules import Floor
from gate_sdk._sync import sequence
from gate_sdk.keys import FileKeyProvider
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import SyncItem, SyncPage
from tests.gate_sdk.conftest import OpenGate
from tests.gate_sdk.test_sync import States


def test_rollback_after_somebody_damaged_the_roster_s_file(
    backend: FakeBackend, open_gate: OpenGate, gate_dir: Path
) -> None:
    leaver = backend.add_person(syn.template(1))
    old = backend.roster.snapshot()
    states = States()
    gate = open_gate(on_state=states)
    assert gate.start(wait=60)
    backend.revoke(leaver)
    assert states.wait_version(2)
    gate.close()
    (gate_dir / "roster.db").write_bytes(b"\x00" * 5000)
    backend.rewrite = lambda _: old
    again = open_gate(on_state=(states := States()))
    assert not again.start(wait=0.5)
    assert states.wait_error("rollback")
    assert again.decide(syn.frame(1)).reason is Reason.NOT_READY
    backend.rewrite = None
    assert again.start(wait=60)
    assert again.decide(syn.frame(1)).reason is Reason.ROSTER_EMPTY
    told = {"roster-damaged", "roster-refused:rollback"}
    assert backend.wait_for(lambda: told <= {event.detail for event in backend.events.values()})


class TestFile:
    floor = Floor(epoch=1, version=5, issued_at_us=1_000_000_000, digest=b"\x01" * 32)

    def kept(self, folder: Path) -> FloorFile:
        keys = FileKeyProvider(folder / "keys")
        keys.load("device") or keys.create("device")
        return FloorFile(folder, keys)

    def test_it_is_found_again_and_hidden(self, tmp_path: Path) -> None:
        assert self.kept(tmp_path).load() is None
        self.kept(tmp_path).keep(self.floor)
        assert self.kept(tmp_path).load() == self.floor
        assert b"\x01" * 32 not in (tmp_path / "floor.sealed").read_bytes()

    @pytest.mark.parametrize("harm", ["cut", "changed", "empty", "other-key"])
    def test_one_that_cannot_be_read_counts_as_none(self, tmp_path: Path, harm: str) -> None:
        self.kept(tmp_path).keep(self.floor)
        path = tmp_path / "floor.sealed"
        content = path.read_bytes()
        if harm == "other-key":
            FileKeyProvider(tmp_path / "keys").create("device")
        else:
            path.write_bytes({"cut": content[:-1], "changed": content[:-1] + b"\x00", "empty": b""}[harm])
        assert self.kept(tmp_path).load() is None

    def test_lease_alone_is_written_once_in_ten_minutes_and_every_version_at_once(self, tmp_path: Path) -> None:
        file = self.kept(tmp_path)
        path = tmp_path / "floor.sealed"
        written = []
        for minutes, version in ((0, 5), (1, 5), (9, 5), (10, 5), (11, 6), (12, 6)):
            before = path.read_bytes() if path.exists() else b""
            at_us = self.floor.issued_at_us + minutes * 60_000_000
            file.keep(msgspec.structs.replace(self.floor, issued_at_us=at_us, version=version))
            written.append(path.read_bytes() != before)
        assert written == [True, False, False, True, True, False]


@pytest.mark.parametrize("limit", ["MOST_PAGES", "MOST_BYTES"])
def test_sequence_without_end_fills_no_disk(
    backend: FakeBackend, open_gate: OpenGate, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(sequence, limit, {"MOST_PAGES": 5, "MOST_BYTES": 2_000}[limit])
    backend.add_person(syn.template(1))
    states = States()
    gate = open_gate(on_state=states)
    assert gate.start(wait=60)
    item = backend.roster.snapshot().items[0]
    most = 0

    def endless(page: SyncPage) -> SyncPage:
        nonlocal most
        connection = gate._store._connection
        if connection is not None and not connection.in_transaction:
            most = max(most, gate._store.staging.pages if gate._store.staging else 0)
        fresh: SyncItem = item
        return msgspec.structs.replace(page, items=(fresh,), head=None, next="more")

    answering = backend.roster.next_page
    backend.roster.next_page = lambda cursor: answering(cursor) or backend.roster.snapshot()  # type: ignore[method-assign]  # a server that goes on for ever
    backend.rewrite = endless
    backend.add_person(syn.template(2))
    assert states.wait_error("unreadable-answer")
    assert most <= 5
    assert gate.decide(syn.frame(1)).allowed
    backend.rewrite = None
    assert states.wait_version(2)

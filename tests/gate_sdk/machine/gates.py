"""A gate of the machine: the SDK's own client, driven by hand, on a disk that is copied as a power cut leaves it."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from unittest.mock import patch

import httpx
import msgspec

from gate_sdk import GateClient, GateRevokedError
from gate_sdk._cache import repository
from gate_sdk._status import GateState
from gate_sdk._sync.engine import Round
from gate_sdk.errors import GateError, RosterDivergedError, RosterRefusedError
from gate_sdk.testing import FakeBackend
from gate_sdk.testing.synthetic import SyntheticRecognition
from gate_sdk.wire import Head
from tests.gate_sdk.conftest import HandClock
from tests.gate_sdk.machine.network import FaultyNetwork, Killed

__all__ = ["Gate"]

#: Where a process may end within a commit: nothing of it done yet, half of it, all of it but telling anybody.
CUTS = {
    "begun": "gate_sdk._cache.repository.merge_staged",
    "half": "gate_sdk._cache.repository.write_head",
    "done": "gate_sdk._cache.store.checkpoint",
}
_ROUNDS = 12


class Gate:
    """One gate, its clock, its network, and what it has told."""

    def __init__(self, backend: FakeBackend, folder: Path, clock: HandClock) -> None:
        self.backend = backend
        self.folder = folder
        self.clock = clock
        self.network = FaultyNetwork(backend)
        self.lives = 0
        self.directory = folder / "0"
        self.newest_us = 0
        self.newest = (0, 0)
        self.full = False
        self.contact_mono = clock.mono
        self.revoked = False
        self.damaged = False
        self.alarms = 0
        #: Numbers of the events that a call has returned, by the outbox's epoch, and what each said.
        self.told: dict[tuple[int, int], str] = {}
        GateClient.provision("https://fake", backend.claim(), data_dir=self.directory, transport=self.network).close()
        self.client = self._opened()
        self.gate_id = self.client._identity.gate_id

    def _opened(self) -> GateClient:
        client = GateClient(
            self.directory, transport=self.network, clock=self.clock, recognition=SyntheticRecognition(), codes=False
        )
        client.load()
        # What was there when it was opened is told already.
        assert self.damaged or not client._device.replaced, "a kill damaged a file"
        self.damaged = False
        self.network.asked = self._check_named
        self.contact_mono = self.clock.mono
        return client

    def _check_named(self, request: httpx.Request) -> None:
        """A gate names only what its disk holds: the server takes it for the proof of a purge."""
        if "version" not in request.url.params:
            return
        connection = self.client._store._connection
        signed = None if connection is None else repository.read_head(connection)
        assert signed is not None, "it named a roster that is not on its disk"
        named = (int(request.url.params["epoch"]), int(request.url.params["version"]))
        stored = msgspec.msgpack.decode(signed.head, type=Head)
        assert named == (stored.epoch, stored.version), "it named another version than its disk holds"

    def contact(self, faults: list[str] | None = None) -> str | None:
        """Speak with the server until there is nothing new, or something is wrong; the error's code."""
        self.network.faults = faults or []
        engine = self.client._engine
        error: GateError | None = None
        engine.tick()
        try:
            for _ in range(_ROUNDS):
                if engine.round(0) is Round.SAME:
                    break
        except GateRevokedError:
            self.revoked = True
            self.client._loop._revoked()
            assert self.client.status().state is GateState.REVOKED
            return "gate-revoked"
        except GateError as failed:
            error = failed
        refused = isinstance(error, RosterRefusedError | RosterDivergedError)
        assert self.network.hostile or not refused, f"an honest network's roster was refused: {error}"
        try:
            while self.client._delivery.deliver_once():
                pass
        except GateError as failed:
            error = error or failed
        return None if error is None else error.code

    def tell(self) -> None:
        """Raise an alarm, and remember that it was written."""
        self.alarms += 1
        code = f"test:{self.alarms}"
        outbox = self.client._outbox
        before = outbox._last
        self.client._journal.alarm(code)
        assert outbox._last == before + 1
        assert (outbox.store_epoch, outbox._last) not in self.told, "a number was given twice"
        self.told[outbox.store_epoch, outbox._last] = code

    def killed(self, faults: list[str], cut: str | None) -> None:
        """Speak with the server and end in the middle; live again by what is on the disk."""
        with contextlib.ExitStack() as stack:
            if cut is not None:
                stack.enter_context(patch(CUTS[cut], side_effect=Killed))
            with contextlib.suppress(Killed):
                self.contact(faults)
        self.power_cut()

    def power_cut(self, *, damage: bool = False) -> None:
        """End at once, and begin again on a copy of the disk as it is."""
        self.lives += 1
        after = self.folder / str(self.lives)
        shutil.copytree(self.directory, after)
        self.client._device.close()
        shutil.rmtree(self.directory)
        self.directory = after
        self.network.faults = []
        if self.full:
            # What a full disk did not take is not there any more: the older roster is, until the server answers.
            self.newest_us, self.newest, self.full = 0, (0, 0), False
        if damage and (after / "roster.db").exists():
            self.damaged = True
            # What the floor's file does not write down of the lease, to spare the flash memory.
            self.newest_us -= 600_000_000
            (after / "roster.db").write_bytes(os.urandom(5_000))
            for name in ("roster.db-wal", "roster.db-shm"):
                (after / name).unlink(missing_ok=True)
        if not self.revoked:
            self.client = self._opened()

    def disk_takes(self, *, anything: bool) -> None:
        """Have the roster's file take writes, or refuse them as a full disk does."""
        connection = self.client._store._connection
        if connection is not None:
            self.full = self.full or not anything
            connection.pragma("query_only", 0 if anything else 1)

    def close(self) -> None:
        self.client.close()

"""A gate of the machine: the SDK's own client, driven by hand, on a disk that is copied as a power cut leaves it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch

import httpx
import msgspec

from gate_sdk import Decision, GateClient, GateRevokedError
from gate_sdk._cache import repository
from gate_sdk._status import GateState
from gate_sdk._sync.engine import Round
from gate_sdk.errors import GateError, RosterDivergedError, RosterRefusedError
from gate_sdk.testing.synthetic import SyntheticRecognition
from gate_sdk.wire import Head
from tests.gate_sdk.conftest import HandClock
from tests.gate_sdk.machine.model import WIPE_US
from tests.gate_sdk.machine.network import FaultyNetwork, Killed
from tests.gate_sdk.machine.server import Server

__all__ = ["CUTS", "Gate"]

#: Where a process may end within a commit: nothing of it done yet, half of it, all of it but telling anybody.
CUTS = {
    "begun": "gate_sdk._cache.repository.merge_staged",
    "half": "gate_sdk._cache.repository.write_head",
    "done": "gate_sdk._cache.store.checkpoint",
}
_ROUNDS = 40
# How much of the lease the floor's file does not write down, to spare the flash memory; and how seldom the passing of
# time is written.
_SPARED_US = 600_000_000
_SLACK_US = 1_000
_SECRETS = {"roster.db", "roster.db-wal", "roster.key", "device.key", "identity.sealed", "floor.sealed"}


class Gate:
    """One gate, its clock, its network, and what it has told."""

    def __init__(self, server: Server, folder: Path, check: Callable[[Gate], None]) -> None:
        """A fresh one at that server, below ``folder``; ``check`` looks at it after every round."""
        self.server = server
        self.check = check
        self.folder = folder
        self.clock = HandClock(server.clock.wall_us)
        self.network = FaultyNetwork(server)
        self.lives = 0
        self.directory = folder / "0"
        #: The newest head that it went by: when it was issued, its epoch and its version.
        self.newest_us = 0
        self.newest = (0, 0)
        #: What it must know of the time: this much had passed when its own steady clock said so.
        self.known = (0, 0.0)
        self.written_us = 0
        self.full = False
        self.revoked = False
        self.damaged = False
        #: The step of the last code of each key that opened it.
        self.opened_by: dict[bytes, int] = {}
        #: Identity of the outbox, and what the events said that a call has returned, by their number.
        self.outbox: int | None = None
        self.told: dict[tuple[int, int], str] = {}
        claim = server.backend.claim()
        GateClient.provision("https://fake", claim, data_dir=self.directory, transport=self.network).close()
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
        self.network.diverged = False
        self.known = (max(self.written_us, _issued_us(client)), self.clock.mono)
        return client

    def _check_named(self, request: httpx.Request) -> None:
        """A gate names only what its disk holds: the server takes it for the proof of a purge."""
        if "version" not in request.url.params:
            return
        assert not self.network.diverged, "told that its roster is not the server's, it names it again"
        connection = self.client._store._connection
        signed = None if connection is None else repository.read_head(connection)
        assert signed is not None, "it named a roster that is not on its disk"
        named = (int(request.url.params["epoch"]), int(request.url.params["version"]))
        stored = msgspec.msgpack.decode(signed.head, type=Head)
        assert named == (stored.epoch, stored.version), "it named another version than its disk holds"

    @property
    def between(self) -> tuple[int, int]:
        """The earliest and the latest that it may take it to be, microseconds since the Unix epoch."""
        at_us, mono = self.known
        early_us = max(self.clock.wall_us, at_us + int((self.clock.mono - mono) * 1e6))
        # No clock of this world is ever ahead of the server's.
        return early_us - _SLACK_US, self.server.clock.wall_us + _SLACK_US

    def tick(self) -> None:
        """Let it do what the passing of time asks for."""
        now_us, _ = self.between
        self.client._engine.tick()
        roster = self.client._engine.roster
        if roster.head is None:
            return
        assert now_us < roster.head.issued_at_us + WIPE_US, "kept after the server was silent for too long"
        kept = [[grant.until_us for grant in entry.grants] for entry in roster.entries.values()]
        connection = self.client._store._connection
        if connection is not None and not self.full:
            self.written_us = now_us - _SPARED_US
            bodies = connection.execute("SELECT body FROM entry WHERE body IS NOT NULL OR template IS NOT NULL")
            grants = [[] if body is None else msgspec.json.decode(body)["grants"] for (body,) in bodies]
            kept += [[one.get("until_us") for one in person] for person in grants]
        for ends in kept:
            assert any(end is None or end > now_us for end in ends), "kept after the last grant had ended"

    def speak(self, faults: Sequence[str] = (), *, cut: str | None = None) -> str | None:
        """Speak with the server until there is nothing new, or something is wrong; the error's code.

        ``faults`` befall it, and if ``cut`` names a point of the commit it ends there: then it lives again by what is
        on the disk.
        """
        self.network.faults = list(faults)
        with contextlib.ExitStack() as stack, contextlib.suppress(Killed):
            if cut is not None:
                stack.enter_context(patch(CUTS[cut], side_effect=Killed))
            return self._speak()
        self.power_cut()
        return "killed"

    def _speak(self) -> str | None:
        error: GateError | None = None
        self.tick()
        try:
            for _ in range(_ROUNDS):
                if self._round() is Round.SAME:
                    break
        except GateRevokedError:
            self._check_erased()
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

    def _round(self) -> Round:
        before_us = _issued_us(self.client)
        try:
            outcome = self.client._engine.round(0)
        except GateError:
            # Where the disk took nothing it goes by what has come all the same.
            self._looked_at(before_us)
            raise
        self._looked_at(before_us)
        return outcome

    def _looked_at(self, before_us: int) -> None:
        issued_us = _issued_us(self.client)
        if issued_us != before_us:
            # By a head that has arrived, and by nothing that was known before it.
            self.known = (issued_us, self.clock.mono)
            self.written_us = 0 if self.full else issued_us
        self.check(self)

    def _check_erased(self) -> None:
        self.revoked = True
        self.client._loop._revoked()
        assert self.client.status().state is GateState.REVOKED
        left = {path.name for path in self.directory.rglob("*") if path.is_file()}
        assert not left & _SECRETS, "a revoked gate kept something"
        assert left >= {"outbox.db", "outbox.key"}, "a revoked gate erased what nobody had taken"

    def tell(self, code: str) -> None:
        """Raise an alarm, and remember that it was written."""
        self.client._journal.alarm(code)
        self._wrote(self.client._outbox._last, code)

    def decided(self, decision: Decision) -> None:
        """Remember a decision that was returned."""
        assert decision.event is not None or not decision.allowed, "an entry of which nothing is written"
        if decision.event is not None:
            self._wrote(decision.event, decision.reason)

    def _wrote(self, number: int, said: str) -> None:
        self.outbox = self.outbox or self.client._outbox.store_epoch
        assert self.outbox == self.client._outbox.store_epoch, "the outbox is another than before"
        assert all(number > told for _, told in self.told), "a number was given twice"
        self.told[self.outbox, number] = said

    def power_cut(self, *, damage: bool = False) -> None:
        """End at once, and begin again on a copy of the disk as it is."""
        self.lives += 1
        after = self.folder / str(self.lives)
        shutil.copytree(self.directory, after)
        self.client._device.close()
        shutil.rmtree(self.directory)
        self.directory = after
        self.network.faults, self.network.at_events = [], "ok"
        if self.full:
            # What a full disk did not take is not there any more: the older roster is, until the server answers.
            self.newest_us, self.newest, self.full = 0, (0, 0), False
        if damage and (after / "roster.db").exists():
            self.damaged = True
            self.newest_us -= _SPARED_US
            (after / "roster.db").write_bytes(os.urandom(5_000))
            for name in ("roster.db-wal", "roster.db-shm"):
                (after / name).unlink(missing_ok=True)
        self.client = self._opened()

    def disk_takes(self, *, anything: bool) -> None:
        """Have the roster's file take writes, or refuse them as a full disk does."""
        connection = self.client._store._connection
        if connection is not None:
            self.full = self.full or not anything
            connection.pragma("query_only", 0 if anything else 1)

    def mended(self) -> None:
        """Have nothing wrong with it any more."""
        self.network.faults, self.network.at_events = [], "ok"
        self.disk_takes(anything=True)
        self.clock.wall_us = self.server.clock.wall_us

    def close(self) -> None:
        """End."""
        self.client.close()


def _issued_us(client: GateClient) -> int:
    head = client._engine.roster.head
    return 0 if head is None else head.issued_at_us

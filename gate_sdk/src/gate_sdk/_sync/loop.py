"""The thread that keeps the roster fresh for as long as the gate runs."""

import logging
import math
import random
import threading
from collections.abc import Callable

from gate_sdk._background import Background
from gate_sdk._link import MAX_WAIT_S
from gate_sdk._memory import give_back
from gate_sdk._status import GateState
from gate_sdk._sync.backoff import delay
from gate_sdk._sync.engine import Round, SyncEngine
from gate_sdk._tracing import span
from gate_sdk.errors import GateError, GateRevokedError, UnavailableError

__all__ = ["SyncLoop"]

_log = logging.getLogger("gate_sdk")
# A server that answers long polls at once without news would otherwise be asked in a busy loop.
_MIN_PAUSE_S = 0.2


class SyncLoop(Background):
    """Runs rounds, backs off, reports state; ends when stopped or when the gate is revoked."""

    def __init__(
        self,
        engine: SyncEngine,
        *,
        monotonic: Callable[[], float],
        on_change: Callable[[], None],
        on_revoked: Callable[[], None],
    ) -> None:
        super().__init__(self._run, name="doorward-gate-sync")
        self._engine = engine
        self._monotonic = monotonic
        self._on_change = on_change
        self._on_revoked = on_revoked
        self._first = threading.Event()
        self._random = random.Random()  # noqa: S311 - spreads retries, guards nothing
        self.state = GateState.STARTING
        self.last_error: str | None = None

    def stop(self) -> None:
        """Ask the thread to end, and let go who waits for its first roster."""
        super().stop()
        self._first.set()

    def wait_first(self, timeout: float) -> bool:
        """Wait until a roster was confirmed by the server, or this gate revoked; whether that happened."""
        return self._first.wait(timeout) and not self._stop.is_set()

    def _run(self) -> None:
        failures = 0
        wait = 0
        while not self._stop.is_set():
            began = self._monotonic()
            try:
                self._engine.tick()
                if self._engine.watch():
                    self._on_change()
                with span("gate.sync"):
                    outcome = self._engine.round(min(wait, self._until_change()))
            except GateRevokedError:
                self._revoked()
                return
            except GateError as error:
                failures += 1
                asked = error.retry_after if isinstance(error, UnavailableError) else None
                self._failed(error.code, str(error), delay(failures, self._random.random(), asked))
                wait = 0
                continue
            except Exception as error:  # noqa: BLE001 - a thread that ended here would let the roster age, unnoticed
                if self._stop.is_set():
                    return
                failures += 1
                _log.exception("the sync thread failed")
                self._failed("internal", type(error).__name__, delay(failures, self._random.random()))
                continue
            failures = 0
            if outcome is Round.MORE:
                continue
            self._succeeded(changed=outcome is Round.CHANGED)
            if outcome is Round.SAME and wait and self._monotonic() - began < _MIN_PAUSE_S:
                self._stop.wait(_MIN_PAUSE_S)
            wait = MAX_WAIT_S

    def _until_change(self) -> int:
        # An emergency that ends by itself is to be told of when it does, and not with the next news.
        seconds = self._engine.next_change_s()
        return MAX_WAIT_S if seconds is None else max(1, min(MAX_WAIT_S, math.ceil(seconds)))

    def _succeeded(self, *, changed: bool) -> None:
        was = self.state
        self.state, self.last_error = GateState.ONLINE, None
        if not self._first.is_set():
            self._first.set()
            # The first roster comes whole, the later ones by their changes.
            give_back()
        if self._engine.watch() or changed or was is not GateState.ONLINE:
            self._on_change()

    def _failed(self, code: str, said: str, pause: float) -> None:
        if self._stop.is_set():
            return
        if self.last_error != code:
            _log.warning("sync failed (%s: %s), next try in %.0f s", code, said, pause)
        was = (self.state, self.last_error)
        self.state, self.last_error = GateState.OFFLINE, code
        if was != (self.state, self.last_error):
            self._on_change()
        left = pause
        while left > 0 and not self._stop.is_set():
            change = self._engine.next_change_s()
            step = left if change is None else min(left, max(change, _MIN_PAUSE_S))
            self._stop.wait(step)
            left -= step
            if self._engine.watch():
                self._on_change()

    def _revoked(self) -> None:
        _log.error("this gate was taken out of service by its community: erasing roster and keys")
        self.state, self.last_error = GateState.REVOKED, GateRevokedError.code
        for erase in (self._engine.erase, self._on_revoked):
            try:
                erase()
            except Exception:  # noqa: BLE001 - what one part of the disk refuses must not save the other
                _log.exception("could not erase all of it")
        self._first.set()
        self._on_change()

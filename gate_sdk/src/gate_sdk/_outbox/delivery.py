"""The thread that delivers events, in order, at least once."""

import contextlib
import logging
import random
from collections.abc import Callable

from gate_sdk._background import Background
from gate_sdk._link import Link
from gate_sdk._outbox.store import Outbox
from gate_sdk._sync.backoff import delay
from gate_sdk.errors import GateError, GateRevokedError, RequestRefusedError, StorageError, UnavailableError
from gate_sdk.wire import MAX_BATCH, EventBatch

__all__ = ["Delivery"]

_log = logging.getLogger("gate_sdk")
_IDLE_S = 30.0
# Refusals that speak of the content. Any other (not found, forbidden) speaks of the gate or the address, and events
# wait until that is mended.
_ABOUT_THE_BATCH = {400, 413, 422}


class Delivery(Background):
    """Sends batches until the outbox is empty, then waits for more."""

    def __init__(
        self,
        outbox: Outbox,
        link: Link,
        *,
        passed_us: Callable[[], int],
        beforehand: Callable[[], None] = lambda: None,
        afterwards: Callable[[], bool] = lambda: False,
    ) -> None:
        """Deliver to ``link``.

        Args:
            outbox: of which batches are taken.
            link: to the server.
            passed_us: what has passed for certain, by which what waits grows old: a clock that jumps years ahead must
                not have a month's admissions thrown away.
            beforehand: called before each attempt, also where none succeeds; it fails for a revoked gate only.
            afterwards: called whenever no event waits; says whether to do so again.
        """
        super().__init__(self._run, name="doorward-gate-events")
        self._outbox = outbox
        self._link = link
        self._beforehand = beforehand
        self._afterwards = afterwards
        self._passed_us = passed_us
        self._limit = MAX_BATCH
        self._random = random.Random()  # noqa: S311 - spreads retries, guards nothing

    def stop(self) -> None:
        """Ask the thread to end; whoever owns the transport aborts its request."""
        super().stop()
        self._outbox.wake.set()

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            self._outbox.wake.clear()
            try:
                self._beforehand()
                more = self.deliver_once() or self._afterwards()
                failures = 0
            except GateRevokedError:
                # The sync thread erases; events stay on the disk, for nobody takes them any more.
                return
            except GateError as error:
                if self._stop.is_set():
                    return
                failures += 1
                asked = error.retry_after if isinstance(error, UnavailableError) else None
                pause = delay(failures, self._random.random(), asked)
                if failures == 1:
                    _log.warning("events are not delivered (%s), next try in %.0f s", error.code, pause)
                self._grow_old()
                self._stop.wait(pause)
                continue
            except Exception:  # noqa: BLE001 - a thread that ended here would deliver nothing more, unnoticed
                if self._stop.is_set():
                    return
                failures += 1
                _log.exception("the delivery thread failed")
                self._stop.wait(delay(failures, self._random.random()))
                continue
            if not more:
                self._outbox.wake.wait(_IDLE_S)

    def _grow_old(self) -> None:
        with contextlib.suppress(StorageError):
            self._outbox.expire(self._passed_us())

    def deliver_once(self) -> bool:
        """Deliver one batch; whether there may be more.

        Raises:
            ServerError: not delivered, for now.
        """
        events = self._outbox.oldest(self._limit)
        if not events:
            return False
        try:
            receipt = self._link.deliver(EventBatch(events=tuple(events)))
        except RequestRefusedError as error:
            if error.status not in _ABOUT_THE_BATCH:
                raise
            # One event that the server cannot take must not hold up all that follow: halve until it is found.
            if len(events) > 1:
                self._limit = max(1, len(events) // 2)
                return True
            _log.error("the server refused event %d (%s); it is kept aside", events[0].seq, error)
            self._outbox.refuse(events)
            self._limit = MAX_BATCH
            return True
        if not self._outbox.acknowledge(receipt, events):
            raise RequestRefusedError("the receipt covers nothing of what was sent")
        self._limit = min(MAX_BATCH, self._limit * 2)
        return True

"""Handing pictures over, one at a time, after the events. Never in their way: what fails here waits by itself."""

import logging
import time

from gate_sdk._clock import TrustedTime
from gate_sdk._frames.store import FrameStore
from gate_sdk._link import Link
from gate_sdk.errors import GateError, GateRevokedError, RequestRefusedError

__all__ = ["FrameDelivery"]

_log = logging.getLogger("gate_sdk")
_PAUSE_S = 30.0
# The server speaks of this picture, or knows no such route: asking again would change nothing.
_FINAL = {400, 404, 413, 422}


class FrameDelivery:
    """Used by the delivering thread alone."""

    def __init__(self, store: FrameStore, link: Link, trusted: TrustedTime) -> None:
        self._store = store
        self._link = link
        self._time = trusted
        self._not_before = 0.0

    def once(self) -> bool:
        """Hand one picture over; whether there may be more.

        Raises:
            GateRevokedError: this gate is out of service.
        """
        if time.monotonic() < self._not_before:
            return False
        try:
            frame = self._store.oldest(self._time.now_us())
            if frame is None:
                return False
            try:
                # Kept there or not: nothing is gained by keeping it here as well.
                self._link.hand_over(frame)
            except RequestRefusedError as error:
                if error.status not in _FINAL:
                    raise
            self._store.forget(frame.seq)
        except GateRevokedError:
            raise
        except GateError as error:
            _log.warning("a picture of a denied approach is not handed over (%s)", error.code)
            self._not_before = time.monotonic() + _PAUSE_S
            return False
        return True

"""A gate's threads and files, until both have ended, whoever ends them."""

import logging
import threading

from gate_sdk._background import Background
from gate_sdk._device import Device
from gate_sdk._link import Link
from gate_sdk.errors import GateClosedError

__all__ = ["Running"]

_log = logging.getLogger("gate_sdk")
_JOIN_S = 5.0


class Running:
    """Starts the threads once, stops them once, and gives the directory back when the last of them has ended."""

    def __init__(self, device: Device, link: Link, *threads: Background) -> None:
        self._device = device
        self._link = link
        self._threads = threads
        self._lock = threading.Lock()
        self._started = False
        self._closed = False
        self._released = threading.Event()

    @property
    def closed(self) -> bool:
        """Whether it was closed here, or belongs to the process that this one was forked from."""
        return self._closed or not self._device.held

    def require_open(self) -> None:
        """Refuse what is asked of a gate that is none any more.

        Raises:
            GateClosedError: it was closed, or this process was forked from the one that opened it. Two that write to
                one SQLite connection give the same number to two events, and the server keeps one of them.
        """
        if self.closed:
            raise GateClosedError(None if self._closed else "this gate was opened by the process before its fork")

    def start(self) -> None:
        """Start the threads, if nobody has.

        Raises:
            GateClosedError: see :meth:`require_open`.
        """
        with self._lock:
            self.require_open()
            if not self._started:
                self._started = True
                for thread in self._threads:
                    thread.start()

    def close(self) -> None:
        """Stop the threads, then close the files. Again, or beside another: wait until that is done.

        A callback may call it from one of the threads that it ends. A thread that still waits for the network, and so
        does that one, is waited for by another: the files stay open for it, and the directory locked, no longer.
        """
        if not self._device.held:
            return
        own = any(thread.is_current for thread in self._threads)
        with self._lock:
            first, self._closed = not self._closed, True
        if not first:
            if not own:
                self._released.wait(2 * _JOIN_S)
            return
        for thread in self._threads:
            thread.stop()
        self._link.abort()
        if own or not all(thread.join(_JOIN_S) for thread in self._threads):
            if not own:
                _log.warning("a thread is still waiting for the network; the files are closed when it ends")
            threading.Thread(target=self._release, name="doorward-gate-close", daemon=True).start()
            return
        self._release()

    def _release(self) -> None:
        for thread in self._threads:
            thread.join(None)
        self._link.close()
        self._device.close()
        self._released.set()

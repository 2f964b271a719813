"""A thread that works until it is asked to end."""

import threading
from collections.abc import Callable

__all__ = ["Background"]


class Background:
    """Base of what runs beside the decisions: ``run`` looks at ``_stop`` and pauses by waiting for it."""

    def __init__(self, run: Callable[[], None], *, name: str) -> None:
        self._stop = threading.Event()
        # Ends with the process: a vendor's program that forgets to close must not hang.
        self._thread = threading.Thread(target=run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; whoever owns the transport aborts its request."""
        self._stop.set()

    @property
    def is_current(self) -> bool:
        """Whether this is the thread that asks."""
        return threading.current_thread() is self._thread

    def join(self, timeout: float | None) -> bool:
        """Wait for the thread, at most ``timeout`` seconds; whether it ended."""
        if self._thread.is_alive() and not self.is_current:
            self._thread.join(timeout)
        return not self._thread.is_alive()

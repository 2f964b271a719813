"""The programs that make up the single box: started together, watched, stopped together."""

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from backend.embedded.datadir import is_alive
from backend.embedded.guarded import Guarded

# Longer than the API and the worker take at most to end what is under way.
GRACE_S = 30.0

PARENT_VARIABLE = "DOORWARD_PARENT_PID"
_POLL_SECONDS = 0.25
_LAST_WORDS_SECONDS = 5.0


class ChildDied(Exception):
    """A program of the box ended by itself: its name, exit code, and where its output is."""


class Children:
    """Programs that end with this process, also on kill -9. A context manager that stops them at its end.

    None is restarted: one that dies takes the box down, which says so, and whatever supervises the box decides.
    """

    def __init__(self) -> None:
        self._running: dict[str, Guarded] = {}
        self._outputs: dict[str, Path | None] = {}

    def spawn(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        output: Path | None = None,
        grace: float = GRACE_S,
    ) -> None:
        """Start a program.

        Args:
            name: for messages; unique.
            argv: program and arguments.
            env: its whole environment; `DOORWARD_PARENT_PID` is added.
            output: file for its output, appended to, 0600; our own output when not given.
            grace: seconds between SIGTERM and SIGKILL when it is to stop.

        Raises:
            ValueError: one of that name runs.
        """
        if name in self._running:
            raise ValueError(f"{name} was started already")
        self._outputs[name] = output
        if output is None:
            self._running[name] = Guarded(argv, env=env, grace=grace)
            return
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            self._running[name] = Guarded(argv, env=env, grace=grace, output=file)

    def check(self) -> None:
        """Return at once.

        Raises:
            ChildDied: one of the programs has ended.
        """
        for name, child in self._running.items():
            code = child.exit_code
            if code is not None:
                output = self._outputs[name]
                raise ChildDied(f"{name} ended with code {code}" + (f"; its output is in {output}" if output else ""))

    def wait_ready(self, url: str, *, timeout: float = 180.0) -> None:
        """Return when `url` answers with a 2xx status.

        Raises:
            ChildDied: one of the programs has ended meanwhile.
            TimeoutError: no such answer within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        # Without the environment's proxies: they cannot know our loopback address.
        with httpx.Client(trust_env=False, timeout=2.0) as client:
            while time.monotonic() < deadline:
                self.check()
                try:
                    if client.get(url).is_success:
                        return
                except httpx.TransportError:
                    pass
                time.sleep(0.05)
        raise TimeoutError(f"{url} was not ready within {timeout:.0f} seconds")

    def wait(self, until: Callable[[], bool] = lambda: False) -> None:
        """Block until `until()` is true.

        Raises:
            ChildDied: one of the programs has ended first.
        """
        while not until():
            self.check()
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop all at the same time and wait until they are gone. Safe to repeat."""
        for child in self._running.values():
            child.ask_to_stop()
        for child in self._running.values():
            child.stop()
        self._running.clear()
        self._outputs.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def tie_to_parent() -> None:
    """End this process when the one named in `DOORWARD_PARENT_PID`, or its own parent, is gone.

    For every program of ours to call at its start, workers of a server included (they inherit the variable): a
    server killed with -9 cannot tell its workers. Does nothing without the variable. First SIGTERM, so that
    requests end; after five seconds SIGKILL. A thread and not PR_SET_PDEATHSIG: that is sent already when the
    parent's *thread* which forked us ends, and does not exist on macOS.
    """
    named = int(os.environ.get(PARENT_VARIABLE) or 0)
    if not named:
        return

    def start() -> None:
        threading.Thread(target=_follow, args=(named, os.getppid()), name="parent-watch", daemon=True).start()

    start()
    # Threads do not survive a fork.
    os.register_at_fork(after_in_child=start)


def _follow(named: int, parent: int) -> None:
    while os.getppid() == parent and is_alive(named):
        time.sleep(_POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_LAST_WORDS_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)

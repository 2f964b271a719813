"""Starting a program under `guard.py`: the one place that knows the guard's command line."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_GUARD = Path(__file__).with_name("guard.py")
_MARGIN_SECONDS = 5.0


class Guarded:
    """One child program that ends when this process ends, however that ends."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        stop_signals: Sequence[signal.Signals] = (signal.SIGTERM,),
        grace: float = 8.0,
        drop: str = "",
        output: IO[bytes] | None = None,
        keep_open: Sequence[int] = (),
    ) -> None:
        """Start it.

        Args:
            argv: program (absolute, or found on the PATH of `env`) and arguments.
            env: the whole environment of the child.
            stop_signals: sent in turn, `grace` seconds apart, when it is to end; SIGKILL comes last.
            grace: seconds.
            drop: how to give up root: `namespace`, `uid:gid`, or nothing.
            output: where standard output and error go; inherited when not given.
            keep_open: descriptors that the guard, but not the child, keeps open (a lock).
        """
        self._longest_stop = grace * len(stop_signals) + _MARGIN_SECONDS
        command = [sys.executable, "-I", "-S", str(_GUARD), "--parent", str(os.getpid())]
        command += ["--stop-signals", ",".join(str(int(number)) for number in stop_signals)]
        command += ["--grace", str(grace), f"--drop={drop}", "--", *argv]
        self._guard = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            env=dict(env),
            # Ctrl-C in a terminal reaches the whole foreground group; children must hear of it from us, in order.
            start_new_session=True,
            pass_fds=tuple(keep_open),
        )

    @property
    def exit_code(self) -> int | None:
        """None while the child runs; 128 + n after signal n."""
        code = self._guard.poll()
        if code is not None:
            self.ask_to_stop()  # gives the pipe back
        return code

    def wait(self, timeout: float | None = None) -> int:
        """Exit code, once the child has ended by itself.

        Raises:
            subprocess.TimeoutExpired: it still runs after `timeout` seconds.
        """
        code = self._guard.wait(timeout)
        self.ask_to_stop()
        return code

    def ask_to_stop(self) -> None:
        """Begin the child's clean shutdown without waiting for it."""
        assert self._guard.stdin is not None
        self._guard.stdin.close()

    def stop(self) -> int:
        """End the child and wait until it is gone; returns its exit code. Safe to repeat."""
        self.ask_to_stop()
        try:
            return self._guard.wait(self._longest_stop)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            return self._guard.wait()

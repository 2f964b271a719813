"""The gate of the demo: ``doorward-gate`` as a process of its own, fed with photographs."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import msgspec

__all__ = ["GateFailed", "GateProcess", "GateVerdict", "provision"]


class GateFailed(Exception):
    """The gate's process ended, or did not answer."""


class GateVerdict(msgspec.Struct, frozen=True):
    """The parts of a gate's decision that the report shows. ``ms`` is milliseconds by stage."""

    outcome: str
    reason: str
    ms: dict[str, float]
    subject: str | None = None
    score: float | None = None
    threshold: float | None = None
    box: tuple[float, float, float, float] | None = None

    @property
    def allowed(self) -> bool:
        """Whether the gate opened."""
        return self.outcome == "allow"


_COMMAND = (sys.executable, "-m", "gate_sdk")


def provision(url: str, claim_code: str, *, data_dir: Path) -> None:
    """Make a device of a folder, as a vendor's installer would.

    Raises:
        GateFailed: the claim was refused; the message is the command's.
    """
    done = subprocess.run(  # noqa: S603 - our own command, no shell
        [*_COMMAND, "provision", url, claim_code, "--data", str(data_dir)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode:
        raise GateFailed(done.stderr.strip() or done.stdout.strip())


class GateProcess:
    """A running gate; a context manager."""

    def __init__(self, data_dir: Path, *, log: Path) -> None:
        """Nothing starts yet."""
        self._data_dir = data_dir
        self._log = log
        self._process: subprocess.Popen[str] | None = None
        self._log_file: IO[bytes] | None = None
        self.entries = 0

    def __enter__(self) -> Self:
        """Start, and wait for the first roster.

        Raises:
            GateFailed: it ended instead.
        """
        self._log_file = self._log.open("ab")
        self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            [*_COMMAND, "run", "--data", str(self._data_dir), "--frames", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log_file,
            text=True,
            bufsize=1,
            env={**os.environ, "DOORWARD_PARENT_PID": str(os.getpid())},
        )
        ready = self._read()
        if ready.get("event") != "ready":
            raise GateFailed(f"the gate said {ready} instead of being ready")
        self.entries = int(ready.get("count", 0))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if self._log_file is not None:
            self._log_file.close()

    def show(self, photo: Path) -> GateVerdict:
        """Hold a photograph before the camera; answers what the gate decided.

        Raises:
            GateFailed: the process ended.
        """
        if self._process is None or self._process.stdin is None:
            raise GateFailed("the gate does not run")
        try:
            self._process.stdin.write(f"{photo}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise GateFailed(f"the gate ended; its output is in {self._log}") from None
        return msgspec.convert(self._read(), GateVerdict)

    def show_until_refused(self, photo: Path, *, patience_s: float) -> tuple[GateVerdict, float]:
        """Show the same person again and again; answers the first refusal, and when it came (``time.monotonic``).

        Raises:
            GateFailed: he was still let in after ``patience_s`` seconds.
        """
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            verdict = self.show(photo)
            if not verdict.allowed:
                return verdict, time.monotonic()
        raise GateFailed(f"still let in after {patience_s:.0f} seconds")

    def _read(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise GateFailed(f"the gate ended; its output is in {self._log}")
        answer: dict[str, Any] = json.loads(line)
        return answer

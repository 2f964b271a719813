"""Gates as processes of their own, for tests that kill them."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gate_sdk

_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(gate_sdk.__file__).resolve().parents[1])}


def command(*arguments: str, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """Run `doorward-gate` to its end; `stdout` is a descriptor, where its output is not to be kept."""
    return subprocess.run(
        [sys.executable, "-m", "gate_sdk", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=600,
        env=_ENVIRONMENT,
    )


@contextlib.contextmanager
def running(*arguments: str, models: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run `doorward-gate` with pipes; it is killed at the end if it still runs.

    ``models`` is the folder that holds the model packs.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "gate_sdk", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=_ENVIRONMENT if models is None else {**_ENVIRONMENT, "DOORWARD_MODELS": str(models)},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def script(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run Python code with pipes; it is killed at the end if it still runs."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True, env=_ENVIRONMENT
    ) as process:
        try:
            yield process
        finally:
            process.kill()

"""The API and the worker as processes of their own, on a test's databases: for what only real ones can do or suffer."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import httpx
import pytest

from backend.settings import Settings
from tests.ports import free_port

__all__ = ["PATIENCE_S", "Api", "Workers", "until"]

PATIENCE_S = 180.0


def _surroundings() -> Mapping[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")},
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }


class Api:
    """Real API processes, one after the other, at one address and on the test's databases."""

    def __init__(self, settings: Settings, log: Path, *, command: str = "backend.cli", **more: str) -> None:
        """``more`` are further settings, by their names in the environment; ``command`` is the module to run."""
        port = free_port()
        self._command = command
        self.url = f"http://127.0.0.1:{port}"
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self.environment = {
            **_surroundings(),
            "DOORWARD_API_DATABASE_URL": str(settings.api_database_url),
            "DOORWARD_KEYS_DATABASE_URL": str(settings.keys_database_url),
            "DOORWARD_DATA_DIR": str(settings.data_dir),
            "DOORWARD_PORT": str(port),
            "DOORWARD_PUBLIC_URL": self.url,
            **more,
        }

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", self._command, "api",
                env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        async with httpx.AsyncClient() as client:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    while True:
                        with contextlib.suppress(httpx.TransportError):
                            if (await client.get(f"{self.url}/health/ready")).is_success:
                                return
                        await asyncio.sleep(0.05)
            except TimeoutError:
                pytest.fail(f"it did not start; it said:\n{self._log.read_text('utf-8')}")

    async def end(self) -> None:
        """As a service manager asks."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    async def ended(self, *, within_s: float) -> int:
        """Its exit code."""
        assert self._process is not None
        return await asyncio.wait_for(self._process.wait(), within_s)

    async def kill(self) -> None:
        """Without a word to anybody, its workers too."""
        if self._process is not None and self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()


class Workers:
    """Real worker processes on the test's databases."""

    def __init__(self, settings: Settings, log: Path, **more: str) -> None:
        """``more`` are further settings, by their names in the environment."""
        self._log = log
        self._environment = {
            **_surroundings(),
            "DOORWARD_WORKER_DATABASE_URL": str(settings.worker_database_url),
            "DOORWARD_KEYS_DATABASE_URL": str(settings.keys_database_url),
            "DOORWARD_DATA_DIR": str(settings.data_dir),
            **more,
        }
        self._running: list[asyncio.subprocess.Process] = []

    async def start(self) -> asyncio.subprocess.Process:
        number = len(self._running)
        with self._log.with_suffix(f".{number}").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "backend.cli", "worker", env=self._environment, stdout=log, stderr=log
            )
        self._running.append(process)
        return process

    def log(self, number: int | None = None) -> str:
        """What the worker started as the n-th said; all of them where none is named."""
        numbers = range(len(self._running)) if number is None else (number,)
        return "".join(self._log.with_suffix(f".{n}").read_text("utf-8") for n in numbers)

    async def stop(self, *, gently: bool = False) -> None:
        """End them all; gently, as a service manager asks."""
        for process in self._running:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM if gently else signal.SIGKILL)
            await process.wait()


async def until(condition: Callable[[], Awaitable[bool]], workers: Workers) -> None:
    """Wait for it; what the worker said is the failure's text."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await condition():  # noqa: ASYNC110 - what is waited for happens in another process
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"it never came to that; the worker said:\n{workers.log()}")

"""The API is killed while a guest waits for an answer: the gate asks the next one, and the answer is there."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from backend.kit.clock import utc_now
from backend.settings import Settings
from gate_sdk import GateClient, Reason
from tests.backend.approvals.test_approvals import code_of, ring, rows, said, settling
from tests.backend.codes.test_codes import guest_of, has_all, shown
from tests.backend.gates.test_gate_client import until
from tests.backend.households.town import build_town
from tests.backend.world import World

PATIENCE_S = 60.0


class Api:
    """Real API processes, one after the other, at one address and on the test's databases."""

    def __init__(self, settings: Settings, log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")},
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "DOORWARD_API_DATABASE_URL": str(settings.api_database_url),
            "DOORWARD_KEYS_DATABASE_URL": str(settings.keys_database_url),
            "DOORWARD_DATA_DIR": str(settings.data_dir),
            "DOORWARD_PORT": str(port),
            "DOORWARD_PUBLIC_URL": self.url,
        }

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "backend.cli", "api",
                env=self._environment, stdout=log, stderr=log, start_new_session=True,
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

    async def kill(self) -> None:
        """Without a word to anybody, its workers too."""
        if self._process is not None and self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()


@asynccontextmanager
async def gate_at(url: str, claim_code: str, folder: Path) -> AsyncIterator[GateClient]:
    def open_one() -> GateClient:
        client = GateClient.provision(url, claim_code, data_dir=folder)
        assert client.start(30)
        return client

    client = await asyncio.to_thread(open_one)
    try:
        yield client
    finally:
        await asyncio.to_thread(client.close)


@pytest.mark.parametrize("while_it_is_dead", [True, False])
async def test_an_api_killed_in_mid_wait_costs_a_moment_and_not_the_answer(
    world: World, settings: Settings, tmp_path: Path, *, while_it_is_dead: bool
) -> None:
    # The process's own clock is the machine's.
    world.clock.now = utc_now()
    town = await build_town(world)
    host = await town.tenant()
    _, guest = await guest_of(town, host, ask_first=True, uses=1)
    text = await code_of(guest)
    made = await town.office.post(f"{town.staff_path}/gates", json={"name": "North"})
    api = Api(settings, tmp_path / "api.log")
    try:
        await api.start()
        async with gate_at(api.url, made.json()["claim_code"], tmp_path / "gate") as gate:
            await has_all(gate, town)
            waiting = settling(gate, await shown(gate, text), timeout=PATIENCE_S)
            question = await ring(town, host)
            await api.kill()
            if while_it_is_dead:
                assert (await said(town, host, question, "approve")).status_code == 200
                await api.start()
            else:
                await api.start()
                assert (await said(town, host, question, "approve")).status_code == 200
            settled = await waiting
            assert settled.reason is Reason.APPROVED
            await until(lambda: gate.status().pending == 0)
    finally:
        await api.kill()
    # One question, told once, one use.
    assert len(await rows(town, "SELECT 1 FROM approval")) == 1
    told = (await host.actor.get("/resident/v1/notifications")).json()["notifications"]
    assert [one["kind"] for one in told].count("approval_asked") == 1
    assert len(await rows(town, "SELECT 1 FROM visitor_token_use")) == 1

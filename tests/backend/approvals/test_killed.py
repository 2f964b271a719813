"""The API is killed, or ends, while a guest waits for an answer: the gate asks the next one, which has the answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backend.kit.clock import utc_now
from backend.settings import Settings
from gate_sdk import GateClient, Reason
from tests.backend.approvals.test_approvals import code_of, ring, rows, said, settling
from tests.backend.codes.test_codes import guest_of, has_all, shown
from tests.backend.gates.test_gate_client import until
from tests.backend.households.town import build_town
from tests.backend.processes import PATIENCE_S, Api
from tests.backend.world import World


@asynccontextmanager
async def gate_at(url: str, claim_code: str, folder: Path) -> AsyncIterator[GateClient]:
    def open_one() -> GateClient:
        client = GateClient.provision(url, claim_code, data_dir=folder)
        assert client.start(PATIENCE_S)
        return client

    client = await asyncio.to_thread(open_one)
    try:
        yield client
    finally:
        await asyncio.to_thread(client.close)


@pytest.mark.parametrize("while_it_is_dead", [True, False])
@pytest.mark.parametrize("gently", [True, False])
async def test_an_api_killed_in_mid_wait_costs_a_moment_and_not_the_answer(
    world: World, settings: Settings, tmp_path: Path, *, while_it_is_dead: bool, gently: bool
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
            if gently:
                await api.end()
                await api.ended(within_s=PATIENCE_S)
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

"""The SDK's gates at this server, through a network that loses, doubles, delays and cuts, and with kills in between."""

import asyncio
import random
import shutil
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from backend.gates import pages as paging
from backend.kit.db import Scope
from gate_sdk import GateClient, GateError
from gate_sdk._sync.engine import Round
from tests.backend.gates.devices import PUBLIC_URL, Rosters
from tests.backend.gates.test_gate_client import Bridge, ServerClock
from tests.backend.gates.test_sync import _new_epoch
from tests.backend.world import Actor, World

# An assertion that arrives twice is refused as a replay; the next time the gate makes another.
PASSING = {None, "unreachable", "unreadable-answer", "request-refused", "not-authorized"}
FAULTS = ("ok", "ok", "lost", "unanswered", "doubled", "late", "cut")


class Faulty(Bridge):
    """The next requests meet with ``faults``; afterwards all is well."""

    faults: list[str]
    late: list[httpx.Request]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        fault = self.faults.pop(0) if self.faults else "ok"
        if fault == "lost":
            raise httpx.ConnectError("lost")
        if fault == "late":
            self.late.append(request)
            raise httpx.ReadTimeout("late")
        answer = super().handle_request(request)
        if fault == "doubled":
            answer = super().handle_request(request)
        if fault == "unanswered":
            raise httpx.ReadError("lost on the way back")
        if fault == "cut":
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content[:-9])
        while self.late:
            super().handle_request(self.late.pop())
        return answer


class Follower:
    """A gate that is driven by hand."""

    def __init__(self, api: httpx.AsyncClient, folder: Path, world: World) -> None:
        self.api = api
        self.folder = folder
        self.clock = ServerClock(world.clock)
        self.lives = 0
        self.client: GateClient

    async def provision(self, manager: Actor, community_id: UUID) -> None:
        made = await manager.post(f"/staff/v1/communities/{community_id}/gates", json={"name": "North"})
        once = Bridge(self.api)

        def provision() -> None:
            code = made.json()["claim_code"]
            GateClient.provision(PUBLIC_URL, code, data_dir=self.folder / "0", transport=once).close()

        await asyncio.to_thread(provision)
        await self.open()

    async def open(self) -> None:
        self.network = network = Faulty(self.api)
        network.faults, network.late = [], []

        def opened() -> GateClient:
            return GateClient(self.folder / str(self.lives), transport=network, clock=self.clock, codes=False)

        self.client = await asyncio.to_thread(opened)
        assert not self.client._device.replaced

    async def killed(self) -> None:
        before, self.lives = self.folder / str(self.lives), self.lives + 1
        shutil.copytree(before, self.folder / str(self.lives))
        self.client._device.close()
        await self.open()

    async def contact(self, faults: list[str]) -> str | None:
        self.network.faults = faults

        def speak() -> str | None:
            self.client._engine.tick()
            try:
                while self.client._engine.round(0) is not Round.SAME:
                    pass
                while self.client._delivery.deliver_once():
                    pass
            except GateError as error:
                return error.code
            return None

        return await asyncio.to_thread(speak)


@pytest.mark.parametrize("seed", [11, *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(10))])
async def test_through_faults_kills_and_restores_each_gate_comes_to_have_the_server_s_roster(
    api: httpx.AsyncClient, manager: Actor, community_id: UUID, rosters: Rosters, world: World, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, seed: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(paging, "MAX_ITEMS", 4)
    chance = random.Random(seed)
    gates = [Follower(api, tmp_path / str(number), world) for number in range(2)]
    for gate in gates:
        await gate.provision(manager, community_id)
    present = list(await rosters.people(9))
    told = 0
    for step in range(48):
        world.clock.advance(seconds=2)
        action, gate = chance.random(), chance.choice(gates)
        if action < 0.45:
            await change(action, chance, present, rosters, world)
        elif action < 0.55:
            await gate.killed()
        elif action < 0.65:
            told += 1
            await asyncio.to_thread(gate.client._journal.alarm, f"test:{told}")
        else:
            said = await gate.contact(chance.choices(FAULTS, k=5))
            assert said in PASSING
        if step % 12 == 11:
            await equal(gates, rosters, world)
    for gate in gates:
        await asyncio.to_thread(gate.client.close)
    async with rosters.db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        counted = await conn.fetch("SELECT detail FROM entry WHERE detail LIKE 'test:%'")
    assert sorted(row["detail"] for row in counted) == sorted(f"test:{number + 1}" for number in range(told))


async def change(action: float, chance: random.Random, present: list[UUID], rosters: Rosters, world: World) -> None:
    if action < 0.2 or not present:
        present += await rosters.people(chance.randint(1, 3))
    elif action < 0.4:
        await rosters.remove(present.pop(chance.randrange(len(present))))
    else:
        await _new_epoch(world, rosters.community_id)


async def equal(gates: list[Follower], rosters: Rosters, world: World) -> None:
    """After a quiet moment every gate has, and has acknowledged, what the server has."""
    community_id = rosters.community_id
    for gate in gates:
        world.clock.advance(seconds=2)
        assert [await gate.contact([]) for _ in range(3)][-1] is None
    async with rosters.db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        rows = await conn.fetch("SELECT subject_id, entry_hash FROM roster WHERE body IS NOT NULL")
        acknowledged = await conn.fetch("SELECT acked_epoch, acked_version FROM gate")
    wanted = {row["subject_id"].bytes: bytes(row["entry_hash"]) for row in rows}
    version = await rosters.version()
    for gate in gates:
        roster = gate.client._engine.roster
        assert roster.hashes == wanted
        assert roster.head is not None
        assert (roster.head.epoch, roster.head.version) == (version.epoch, version.version)
    assert {(row["acked_epoch"], row["acked_version"]) for row in acknowledged} == {(version.epoch, version.version)}

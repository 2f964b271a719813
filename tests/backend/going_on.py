"""What goes on while something is done beneath it: requests, and what a worker does, begun over and over."""

import asyncio
import copy
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Self

import httpx
import msgspec

from backend.kit.clock import utc_now
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.processes import PATIENCE_S
from tests.backend.world import Actor, World

__all__ = ["Rounds", "Work"]


class Rounds:
    """Rounds of several kinds at the same time; how often each was gone, and what failed."""

    #: Seconds between two of a kind.
    pause = 0.2

    def __init__(self) -> None:
        self.gone: Counter[str] = Counter()
        self.failed: list[str] = []

    def kinds(self) -> tuple[Callable[[], Awaitable[None]], ...]:
        """What is done over and over."""
        raise NotImplementedError

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Within the block each is begun anew when it is done; at its end those under way are waited for."""
        over = asyncio.Event()

        async def again(kind: Callable[[], Awaitable[None]]) -> None:
            while not over.is_set():
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        await kind()
                except (AssertionError, TimeoutError, httpx.HTTPError) as error:
                    self.failed.append(f"{kind.__name__}: {error!r}"[:500])
                self.gone[kind.__name__] += 1
                await asyncio.sleep(self.pause)

        tasks = [asyncio.create_task(again(kind)) for kind in self.kinds()]
        self.gone.update({kind.__name__: 0 for kind in self.kinds()})
        try:
            yield
        finally:
            over.set()
            await asyncio.gather(*tasks)

    async def each(self, times: int) -> None:
        """Wait until each was gone so often from now on."""
        before = self.gone.copy()
        async with asyncio.timeout(PATIENCE_S):
            while any(self.gone[kind] - before[kind] < times for kind in before):  # noqa: ASYNC110 - others' requests
                await asyncio.sleep(0.05)


class Work(Rounds):
    """What people ask one API process for, and a worker does: each round waits until it is done.

    A round whose job fails or is lost never ends, and that is its failure.
    """

    pause = 0.5

    def __init__(self, town: Town) -> None:
        """In a town without a gate, for whose word an erasure would wait."""
        super().__init__()
        self.town = town

    @classmethod
    async def of(cls, client: httpx.AsyncClient, world: World, office: Actor) -> Self:
        """Asked for through the process that this client speaks to."""
        world = copy.copy(world)
        world.api = client
        return cls(await build_town(world, office=msgspec.structs.replace(office, api=client)))

    def kinds(self) -> tuple[Callable[[], Awaitable[None]], ...]:
        """A job, a duty that ends in one, and a message."""
        return self.is_erased, self.ends_as_planned, self.is_told

    async def is_erased(self) -> None:
        """A tenancy ends at once: the erasure is a job, and its last step the certificate."""
        tenant = await self._moves_in()
        await self._ends(tenant)
        await self._erased(tenant)

    async def ends_as_planned(self) -> None:
        """A tenancy ends by the clock: nobody asks for it."""
        tenant = await self._moves_in()
        await self._ends(tenant, at=(utc_now() + timedelta(seconds=1)).isoformat())
        await self._erased(tenant)

    async def is_told(self) -> None:
        """Somebody logs in with the number of one who is logged in, who is sent a message."""
        world = self.town.world
        phone = (await self._moves_in()).actor.phone
        await world.login(phone, surface="resident")
        while "new_device" not in {message["template"] for message in world.messages(phone)}:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.1)

    async def _moves_in(self) -> Resident:
        return await self.town.tenant(f"H-{self.town.world.new_phone()[1:]}")

    async def _ends(self, tenant: Resident, **when: str) -> None:
        answer = await self.town.office.post(f"{self.town.staff_path}/tenancies/{tenant.tenancy_id}/end", json=when)
        assert answer.is_success, answer.text

    async def _erased(self, tenant: Resident) -> None:
        while True:
            answer = await tenant.actor.get("/resident/v1/erasures")
            assert answer.status_code == 200, answer.text
            if [erasure["state"] for erasure in answer.json()["erasures"]] == ["completed"]:
                break
            await asyncio.sleep(0.1)
        (erasure,) = answer.json()["erasures"]
        paper = await tenant.actor.get(f"/resident/v1/erasures/{erasure['erasure_id']}/certificate")
        assert paper.status_code == 200, paper.text

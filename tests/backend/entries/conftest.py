"""A provisioned gate that reports."""

from uuid import UUID

import httpx
import pytest

from tests.backend.gates.devices import Device
from tests.backend.world import Actor, World


@pytest.fixture
async def manager(world: World) -> Actor:
    return await world.administrator()


@pytest.fixture
async def community_id(world: World, manager: Actor) -> UUID:
    return await world.community(manager)


@pytest.fixture
async def device(api: httpx.AsyncClient, manager: Actor, community_id: UUID, world: World) -> Device:
    return await Device.provisioned(api, manager, community_id, world)

"""Devices that speak the gate protocol by hand."""

from uuid import UUID

import httpx
import pytest

from backend.resources import Resources
from tests.backend.gates.devices import Device, Rosters
from tests.backend.world import Actor, World


@pytest.fixture
async def rosters(resources: Resources, community_id: UUID, world: World) -> Rosters:
    return Rosters(resources.db, community_id, world.clock)


@pytest.fixture
async def device(api: httpx.AsyncClient, manager: Actor, community_id: UUID, world: World) -> Device:
    """A provisioned gate of the community."""
    return await Device.provisioned(api, manager, community_id, world)

"""An office that imports registers."""

import pytest

from backend.kit.db import Database
from tests.backend.households.sheets import Office
from tests.backend.households.town import build_town
from tests.backend.world import World


@pytest.fixture
async def office(world: World, worker_db: Database) -> Office:
    return Office(await build_town(world), worker_db)

"""A worker that erases, for the tests of privacy."""

import pytest

from backend.kit.db import Database
from backend.privacy.saga import Saga
from tests.backend.world import World


@pytest.fixture
def saga(world: World, worker_db: Database) -> Saga:
    return Saga(worker_db, world.resources.keys, world.resources.objects, world.clock)

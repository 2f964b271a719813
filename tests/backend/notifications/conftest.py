"""Sending to telephones: the worker's part, over a push service of the test's own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from backend.kit.db import Database
from backend.notifications.push import PushService
from backend.notifications.sending.service import Sending
from tests.backend.notifications.pushing import TestPushService, push_service
from tests.backend.world import World


@pytest.fixture
def service(tmp_path: Path) -> Iterator[TestPushService]:
    with push_service(tmp_path) as running:
        yield running


@pytest.fixture
async def sending(world: World, worker_db: Database, service: TestPushService) -> AsyncIterator[Sending]:
    outgoing = service.outgoing()
    push = PushService(outgoing, pepper=world.resources.pepper, contact="office@doorward.test", clock=world.clock)
    try:
        yield Sending(worker_db, world.resources.sender, push, world.clock)
    finally:
        await outgoing.aclose()

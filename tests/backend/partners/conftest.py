"""Companies' webhooks: the worker's part, over a receiver of the test's own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from backend.kit.clock import utc_now
from backend.kit.db import Database
from backend.partners.webhooks.sending.service import Webhooks
from tests.backend.notifications.pushing import TestPushService, push_service
from tests.backend.partners.receiving import Receiver, receiver
from tests.backend.world import World


@pytest.fixture
def service(tmp_path: Path) -> Iterator[TestPushService]:
    with push_service(tmp_path) as running:
        yield running


@pytest.fixture
async def hooks(world: World, worker_db: Database, service: TestPushService) -> AsyncIterator[Receiver]:
    """A company with a webhook, and the worker that sends to it. By the machine's clock, as the library checks it."""
    world.clock.now = utc_now()
    outgoing = service.outgoing()
    webhooks = Webhooks(worker_db, outgoing, pepper=world.resources.pepper, clock=world.clock)
    try:
        yield await receiver(world, worker_db, service, webhooks)
    finally:
        await outgoing.aclose()

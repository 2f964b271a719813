"""Communities straight in the database, under the API's own role."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from backend.kit.db import Database
from tests.backend.access.town import Town
from tests.databases import DatabaseUrls


@pytest.fixture
async def db(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    database = Database(database_urls.api, max_size=8)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
async def town(db: Database) -> Town:
    return Town(db)


@pytest.fixture
async def community_id(town: Town) -> UUID:
    return await town.community()

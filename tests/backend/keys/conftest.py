"""A key store with a master key in a file, and a key service that answers as AWS does."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from backend.keys.service import Keys
from backend.keys.wrapping import FileKeyWrapper
from backend.kit.db import Database
from tests.backend.keys.kms_server import KeyService, serving
from tests.databases import DatabaseUrls


@pytest.fixture
async def key_db(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    database = Database(database_urls.keys)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def keys(key_db: Database, tmp_path: Path) -> Keys:
    return Keys(key_db, FileKeyWrapper(tmp_path / "master.key"))


@pytest.fixture
def service() -> Iterator[KeyService]:
    with serving() as running:
        yield running

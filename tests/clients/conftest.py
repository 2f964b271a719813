"""A live API for the clients of these tests."""

from collections.abc import Iterator

import pytest

from tests.clients.live import Live, serving
from tests.databases import DatabaseUrls


@pytest.fixture(scope="module")
def live(module_database_urls: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One server process for all tests of a module."""
    with serving(module_database_urls, tmp_path_factory.mktemp("live")) as running:
        yield running

"""The application on databases of its own, spoken to over HTTP, with a clock that the test moves."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import asyncpg
import httpx
import pytest
from litestar import Litestar

from backend.app import create_app
from backend.embedded.postgres import EmbeddedPostgres
from backend.kit.db import Database
from backend.resources import Resources
from backend.settings import Settings
from tests import watching
from tests.backend.lending import DatabaseLender
from tests.backend.processes import Workers
from tests.backend.running import running
from tests.backend.world import Actor, MovableClock, World
from tests.databases import DatabaseUrls


@pytest.fixture(scope="session")
def database_lender(pg: EmbeddedPostgres) -> Iterator[DatabaseLender]:
    """Databases for one test after the other."""
    lender = DatabaseLender(pg)
    yield lender
    lender.close()


@pytest.fixture
def database_urls(database_lender: DatabaseLender) -> Iterator[DatabaseUrls]:
    """A data and a key database of this test alone, empty."""
    with database_lender.lend() as urls:
        yield urls


@pytest.fixture
def settings(database_urls: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A deployment of this test alone; codes go to `data_dir / "messages.jsonl"`."""
    # Named by the database, so that a borrowed one comes with the settings, and the application, of its last user.
    data_dir = tmp_path_factory.getbasetemp() / database_urls.api.rsplit("/", 1)[1]
    shutil.rmtree(data_dir, ignore_errors=True)
    data_dir.mkdir(mode=0o700)
    return Settings(
        data_dir=data_dir,
        api_database_url=database_urls.api,
        worker_database_url=database_urls.worker,
        migration_database_url=database_urls.owner,
        keys_database_url=database_urls.keys,
        log_level="WARNING",
    )


@pytest.fixture
def clock() -> MovableClock:
    """The application's clock: stands at 10:00 on a Monday in Shanghai until the test moves it."""
    return MovableClock()


@pytest.fixture(scope="session")
def applications() -> dict[Settings, tuple[Litestar, list[MovableClock]]]:
    """Applications by their settings, each with the clock of the test that uses it now."""
    return {}


@pytest.fixture
def app(
    settings: Settings, clock: MovableClock, applications: dict[Settings, tuple[Litestar, list[MovableClock]]]
) -> Litestar:
    """The application, not started; `api` starts it."""
    if settings not in applications:
        clocks = [clock]
        # Wiring it takes longer than most tests do, so it is done once for the same settings.
        applications[settings] = create_app(settings, clock=lambda: clocks[-1].now), clocks
    application, clocks = applications[settings]
    clocks[:] = [clock]
    return application


@pytest.fixture
async def api(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the running application, logged in as nobody."""
    async with (
        running(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=cast("Any", app)),
            base_url="http://doorward.test",
            event_hooks={"request": [watching.sent], "response": [watching.answered]},
        ) as client,
    ):
        yield client


@pytest.fixture
def resources(app: Litestar, api: httpx.AsyncClient) -> Resources:
    """What the running application has open: `db` under the API's role, `keys`, `objects`, `tokens`, `pepper`."""
    opened: Resources = app.state.resources
    return opened


@pytest.fixture
async def worker_db(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    """The data under the worker's role, for jobs."""
    database = Database(database_urls.worker)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
async def owner(database_urls: DatabaseUrls) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """The data past every policy, as the server's superuser."""
    conn = await asyncpg.connect(database_urls.superuser)
    try:
        yield conn
    finally:
        await conn.close()


@pytest.fixture
async def workers(settings: Settings, tmp_path: Path) -> AsyncIterator[Workers]:
    """Worker processes of this deployment, started by the test."""
    made = Workers(settings, tmp_path / "worker.log")
    try:
        yield made
    finally:
        await made.stop()


@pytest.fixture
def world(
    api: httpx.AsyncClient, resources: Resources, settings: Settings, clock: MovableClock, database_urls: DatabaseUrls
) -> World:
    """People, staff and communities, made and logged in over HTTP as in life."""
    return World(api=api, resources=resources, settings=settings, clock=clock, urls=database_urls)


@pytest.fixture
async def manager(world: World) -> Actor:
    """An administrator of an authority."""
    return await world.administrator()


@pytest.fixture
async def community_id(world: World, manager: Actor) -> UUID:
    """A community of the manager's."""
    return await world.community(manager)

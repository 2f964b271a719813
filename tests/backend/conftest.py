"""The application on databases of its own, spoken to over HTTP, with a clock that the test moves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from litestar import Litestar

from backend.app import create_app
from backend.kit.db import Database
from backend.resources import Resources
from backend.settings import Settings
from tests.backend.world import MovableClock, World
from tests.databases import DatabaseUrls


@asynccontextmanager
async def running(app: Litestar) -> AsyncIterator[None]:
    """Start the application, and stop it in the task that started it: a fixture's two halves are two tasks."""
    started, stop = asyncio.Event(), asyncio.Event()

    async def life() -> None:
        async with app.lifespan():
            started.set()
            await stop.wait()

    task = asyncio.create_task(life())
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        await task
    try:
        yield
    finally:
        stop.set()
        await task


@pytest.fixture
def settings(database_urls: DatabaseUrls, tmp_path: Path) -> Settings:
    """A deployment of this test alone; codes go to `data_dir / "messages.jsonl"`."""
    return Settings(
        data_dir=tmp_path,
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


@pytest.fixture
def app(settings: Settings, clock: MovableClock) -> Litestar:
    """The application, not yet started; `api` starts it."""
    return create_app(settings, clock=clock)


@pytest.fixture
async def api(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the running application, logged in as nobody."""
    async with (
        running(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=cast("Any", app)), base_url="http://doorward.test"
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
def world(
    api: httpx.AsyncClient, resources: Resources, settings: Settings, clock: MovableClock, database_urls: DatabaseUrls
) -> World:
    """People, staff and communities, made and logged in over HTTP as in life."""
    return World(api=api, resources=resources, settings=settings, clock=clock, urls=database_urls)

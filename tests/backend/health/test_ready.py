"""Readiness, as a load balancer asks for it: every part that can be missing, one by one."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest
from litestar import Litestar

from backend.embedded.objects import DirectoryObjectStore
from backend.health.errors import NotReady
from backend.health.service import HELD_S, Readiness, checks
from backend.migrate import migrations_needed
from backend.resources import Resources
from tests.databases import DatabaseUrls


@asynccontextmanager
async def superuser(url: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    conn = await asyncpg.connect(url)
    try:
        yield conn
    finally:
        await conn.close()


async def test_it_is_ready_where_everything_is_there(api: httpx.AsyncClient) -> None:
    assert (await api.get("/health/ready")).json() == {"status": "ok", "migrations_outstanding": 0}
    assert (await api.get("/health/live")).json() == {"status": "ok"}


async def test_without_a_migration_it_is_not_ready_and_says_no_more_than_that(
    app: Litestar, api: httpx.AsyncClient, resources: Resources, database_urls: DatabaseUrls,
) -> None:  # fmt: skip
    version = migrations_needed()["data"][-1]
    async with superuser(database_urls.superuser) as conn:
        await conn.execute("DELETE FROM schema_migrations WHERE version = $1", version)
        try:
            app.state.readiness = Readiness(checks(resources.schema, resources.objects))
            answer = await api.get("/health/ready")
            assert answer.status_code == 503
            assert answer.json()["code"] == "not-ready"
            assert not [word for word in ("migration", "schema", "database", "postgres") if word in answer.text.lower()]
            # Restarting it would apply no migration.
            assert (await api.get("/health/live")).status_code == 200
        finally:
            await conn.execute("INSERT INTO schema_migrations (version) VALUES ($1)", version)
        await asyncio.sleep(HELD_S * 1.1)
        assert (await api.get("/health/ready")).status_code == 200


async def test_post_migrations_run_while_it_serves() -> None:
    needed = migrations_needed()
    assert "20261101000100" in needed["data"]
    assert "20261101000100" in needed["keys"]
    assert "20261101004701" not in needed["data"]


async def test_a_lost_directory_of_objects_is_seen(
    resources: Resources, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("objects") / "store"
    store = DirectoryObjectStore(root)
    readiness = Readiness(checks(resources.schema, store))
    await readiness.require()
    shutil.rmtree(root)
    await asyncio.sleep(HELD_S * 1.1)
    with pytest.raises(NotReady):
        await readiness.require()


async def test_a_database_that_hangs_is_not_waited_for(resources: Resources, database_urls: DatabaseUrls) -> None:
    readiness = Readiness(checks(resources.schema, resources.objects), timeout_s=0.5)
    async with superuser(database_urls.superuser) as conn, conn.transaction(), asyncio.timeout(60):
        await conn.execute("LOCK TABLE schema_migrations IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(NotReady):
            await readiness.require()
    await asyncio.sleep(HELD_S * 1.1)
    await readiness.require()


async def test_many_who_ask_at_once_cost_one_look() -> None:
    looked = []

    async def look() -> int:
        looked.append(time.monotonic())
        await asyncio.sleep(0.05)
        return 0

    readiness = Readiness({"one": look})
    await asyncio.gather(*(readiness.require() for _ in range(50)))
    assert len(looked) == 1

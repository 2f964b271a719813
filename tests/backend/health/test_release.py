"""A release is rolled out in three steps: what whoever forgets the first or the last is told, and by whom."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest
from litestar import Litestar

from backend.health.errors import SchemaBehind
from backend.health.service import Readiness, checks, require_schema
from backend.kit.db import Database
from backend.measures.service import Gauges
from backend.migrate import migrations_afterwards, migrations_needed
from backend.resources import Resources
from backend.settings import Settings
from tests.backend.processes import Workers, until
from tests.backend.test_cli import addresses, run
from tests.backend.world import World
from tests.databases import DatabaseUrls
from tests.ports import free_port

NEEDED = {name: versions[-1] for name, versions in migrations_needed().items()}
# The newest of those that wait for the end of the release before.
LAST = migrations_afterwards()["data"][-1]


@asynccontextmanager
async def unapplied(url: str, version: str) -> AsyncIterator[None]:
    """Within the block the database stands as if this migration had not been applied."""
    conn = await asyncpg.connect(url)
    try:
        assert await conn.execute("DELETE FROM schema_migrations WHERE version = $1", version) == "DELETE 1"
        try:
            yield
        finally:
            await conn.execute("INSERT INTO schema_migrations (version) VALUES ($1)", version)
    finally:
        await conn.close()


@pytest.mark.parametrize("database", ["data", "keys"])
@pytest.mark.parametrize("command", ["api", "worker"])
async def test_without_its_first_migrations_no_process_starts_and_the_reason_is_one_line(
    command: str, database: str, settings: Settings, database_urls: DatabaseUrls
) -> None:
    url = {"data": database_urls.owner, "keys": database_urls.keys}[database]
    assert settings.data_dir is not None
    environment = {
        **addresses(database_urls, settings.data_dir),
        "DOORWARD_WORKER_DATABASE_URL": database_urls.worker,
        "DOORWARD_PORT": str(free_port()),
    }
    async with unapplied(url, NEEDED[database]):
        refused = run([command], settings.data_dir, **environment)
    assert refused.returncode != 0
    said = refused.stdout + refused.stderr
    assert "Traceback" not in said
    # The server tries again before it gives up.
    (line,) = {one for one in said.splitlines() if "schema-behind" in one}
    assert NEEDED[database] in line
    assert "`doorward migrate --pre`" in line


@pytest.mark.parametrize(
    "before,after",
    [
        ("ALTER TABLE schema_migrations RENAME TO elsewhere", "ALTER TABLE elsewhere RENAME TO schema_migrations"),
        (
            "REVOKE SELECT ON schema_migrations FROM doorward_worker",
            "GRANT SELECT ON schema_migrations TO doorward_worker",
        ),
    ],
    ids=["never-migrated", "older-than-what-lets-us-look"],
)
async def test_a_database_that_does_not_even_say_what_was_applied_is_behind(
    before: str, after: str, worker_db: Database, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await owner.execute(before)
    try:
        with pytest.raises(SchemaBehind, match=migrations_needed()["data"][0]):
            await require_schema(worker_db, migrations_needed()["data"])
    finally:
        await owner.execute(after)
    await require_schema(worker_db, migrations_needed()["data"])


async def test_with_the_last_step_left_it_serves_and_says_so_to_whoever_asks_whether_it_is_ready(
    app: Litestar, api: httpx.AsyncClient, resources: Resources, database_urls: DatabaseUrls
) -> None:
    async with unapplied(database_urls.owner, LAST):
        app.state.readiness = Readiness(checks(resources.schema, resources.objects))
        answer = await api.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "migrations_outstanding": 1})


async def test_migrations_that_are_not_applied_are_counted_for_the_alarm(
    world: World, worker_db: Database, database_urls: DatabaseUrls
) -> None:
    async def outstanding() -> float:
        gauges = Gauges()
        await gauges.measure(worker_db, world.resources.schema, now=world.clock())
        (found,) = [one for one in gauges.collect() if one.name == "doorward_migrations_outstanding"]
        return float(found.samples[0].value)

    assert await outstanding() == 0
    async with unapplied(database_urls.owner, LAST):
        assert await outstanding() == 1
        # As of a restored backup: that nobody can start any more is no reason not to count.
        async with unapplied(database_urls.keys, NEEDED["keys"]):
            assert await outstanding() == 2


async def test_a_worker_says_at_its_start_that_the_last_step_is_left_and_works(
    workers: Workers, database_urls: DatabaseUrls
) -> None:
    async def leads() -> bool:
        return "worker-leads" in workers.log()

    async with unapplied(database_urls.owner, LAST):
        await workers.start()
        await until(leads, workers)
    (line,) = [one for one in workers.log().splitlines() if "migrations-outstanding" in one]
    assert "doorward migrate" in line


async def test_the_first_step_says_that_a_last_one_is_left(settings: Settings, database_urls: DatabaseUrls) -> None:
    assert settings.data_dir is not None
    environment = addresses(database_urls, settings.data_dir)
    async with unapplied(database_urls.owner, LAST):
        first = run(["migrate", "--pre"], settings.data_dir, **environment)
    assert first.returncode == 0, first.stderr
    assert "left      1 migrations: run `doorward migrate`" in first.stdout
    whole = run(["migrate", "--pre"], settings.data_dir, **environment)
    assert whole.stdout == "both databases are at this release's schema\n"

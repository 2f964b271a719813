"""Databases of one's own, one of them set back by its own means: nothing serves before `doorward after-restore`."""

import secrets
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import msgspec
import pytest

from backend.embedded.passwords import KEYS, OWNER
from backend.embedded.provision import on_database
from backend.health.watermark import raise_marks, require_level
from backend.kit.clock import utc_now
from backend.kit.db import Database
from backend.privacy.saga import Saga
from backend.settings import Settings
from backend.upkeep import pgtools
from tests.backend.households.town import Town, build_town
from tests.backend.privacy.ending import end_tenancy
from tests.backend.privacy.faces import give_face, install_gate
from tests.backend.test_cli import addresses, run
from tests.backend.world import World
from tests.databases import DatabaseUrls
from tests.ports import free_port

_READERS = "doorward_api, doorward_worker, doorward_audit"


class Lived(msgspec.Struct, frozen=True):
    """A town whose databases were dumped; then a tenant moved out and was erased, and a gate was revoked."""

    town: Town
    dumps: dict[str, Path]
    left: UUID
    stayed: UUID
    gate_id: UUID
    epoch: int


@pytest.fixture
async def lived(world: World, worker_db: Database, database_urls: DatabaseUrls, tmp_path: Path) -> Lived:
    town = await build_town(world)
    leaving, staying = await town.tenant("1-101"), await town.tenant("1-102")
    for one in (leaving, staying):
        await give_face(town, one)
    await install_gate(town)
    revoked = await install_gate(town, "South gate")
    keys = world.resources.keys.db
    await raise_marks(worker_db, keys)
    dumps = {"data": tmp_path / "data.dump", "keys": tmp_path / "keys.dump"}
    pgtools.dump(database_urls.superuser, dumps["data"])
    pgtools.dump(on_database(database_urls.superuser, name_of(database_urls.keys)), dumps["keys"])

    ended = await end_tenancy(town, leaving.tenancy_id)
    # By the real clock, as the key store notes when a key was made.
    saga = Saga(worker_db, world.resources.keys, world.resources.objects, utc_now)
    await saga.resume(UUID(ended["erasures"][0]["erasure_id"]))
    answer = await town.office.post(f"{town.staff_path}/gates/{revoked}/revoke", json={"reason": "stolen"})
    assert answer.status_code == 200, answer.text
    for _ in range(2):
        await raise_marks(worker_db, keys)
    (head,) = await rows(database_urls.superuser, "SELECT epoch FROM roster_head")
    return Lived(town, dumps, leaving.person_id, staying.person_id, revoked, head["epoch"])


def name_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


async def rows(url: str, sql: str, *values: object) -> list[dict[str, Any]]:
    conn = await asyncpg.connect(url)
    try:
        return [dict(row) for row in await conn.fetch(sql, *values)]
    finally:
        await conn.close()


@asynccontextmanager
async def set_back(kind: str, dump: Path, urls: DatabaseUrls) -> AsyncIterator[DatabaseUrls]:
    """The dump in a database of its own, as a provider's restore makes one; the other store stays as it is."""
    name = f"back_{secrets.token_hex(4)}"
    server = await asyncpg.connect(on_database(urls.superuser, "postgres"))
    try:
        await server.execute(f"CREATE DATABASE {name} OWNER {OWNER if kind == 'data' else KEYS} TEMPLATE template0")
        await server.execute(f"GRANT CONNECT ON DATABASE {name} TO {_READERS}")
        pgtools.load(on_database(urls.superuser, name), dump)
        if kind == "keys":
            yield msgspec.structs.replace(urls, keys=on_database(urls.keys, name))
        else:
            fields = ("owner", "api", "worker", "audit", "superuser")
            yield msgspec.structs.replace(urls, **{field: on_database(getattr(urls, field), name) for field in fields})
    finally:
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await server.close()


def command(
    arguments: list[str], urls: DatabaseUrls, settings: Settings, tmp_path: Path
) -> subprocess.CompletedProcess[str]:
    assert settings.data_dir is not None
    environment = {**addresses(urls, settings.data_dir), "DOORWARD_WORKER_DATABASE_URL": urls.worker}
    return run(arguments, tmp_path, DOORWARD_PORT=str(free_port()), **environment)


def assert_nothing_starts(code: str, urls: DatabaseUrls, settings: Settings, tmp_path: Path) -> None:
    for process in ("worker", "api"):
        refused = command([process], urls, settings, tmp_path)
        said = refused.stdout + refused.stderr
        assert refused.returncode != 0
        assert code in said
        assert "after-restore" in said
        assert "Traceback" not in said


async def assert_level(urls: DatabaseUrls) -> None:
    worker, keys = Database(urls.worker), Database(urls.keys)
    try:
        await worker.open()
        await keys.open()
        await require_level(worker, keys)
    finally:
        await worker.close()
        await keys.close()


async def faces(urls: DatabaseUrls) -> set[UUID]:
    found = await rows(urls.superuser, "SELECT person_id FROM template UNION SELECT person_id FROM enrolment_photo")
    return {UUID(int=row["person_id"].int) for row in found}


@pytest.mark.parametrize("readable", [True, False])
async def test_data_that_were_set_back_serve_only_with_what_was_done_since_done_again(
    lived: Lived, database_urls: DatabaseUrls, settings: Settings, tmp_path: Path, *, readable: bool
) -> None:
    async with set_back("data", lived.dumps["data"], database_urls) as urls:
        assert await faces(urls) == {lived.left, lived.stayed}
        assert await rows(urls.superuser, "SELECT 1 FROM session")
        assert_nothing_starts("data-set-back", urls, settings, tmp_path)

        server = urlsplit(database_urls.worker)
        # Without a password: it would stand in the list of processes.
        address = f"postgresql://{server.hostname}:{server.port}{server.path}"
        before = ["--before", address] if readable else []
        done = command(["after-restore", *before], urls, settings, tmp_path)
        assert done.returncode == 0, done.stderr
        assert "1 people again" in done.stdout
        assert ("end again" in done.stdout) is not readable

        # Whose key is gone has no face here, whether the data before can be read or not.
        assert await faces(urls) == {lived.stayed}
        assert not await rows(urls.superuser, "SELECT 1 FROM session")
        (head,) = await rows(urls.superuser, "SELECT epoch FROM roster_head")
        assert head["epoch"] > lived.epoch
        standing = await rows(urls.superuser, "SELECT 1 FROM tenancy WHERE ended_at IS NULL")
        assert len(standing) == (1 if readable else 2)
        served = await rows(urls.superuser, "SELECT gate_id FROM gate WHERE revoked_at IS NULL")
        assert (lived.gate_id in {row["gate_id"] for row in served}) is not readable
        assert await rows(urls.superuser, "SELECT 1 FROM audit_entry WHERE action = 'backup.restore'")
        await assert_level(urls)

        again = command(["after-restore", *before], urls, settings, tmp_path)
        assert again.returncode == 0, again.stderr
        assert "0 people again" in again.stdout


async def test_a_key_store_that_was_set_back_loses_again_whose_keys_were_destroyed(
    lived: Lived, database_urls: DatabaseUrls, settings: Settings, tmp_path: Path
) -> None:
    held = "SELECT person_id FROM person_key"
    async with set_back("keys", lived.dumps["keys"], database_urls) as urls:
        assert len(await rows(urls.keys, held)) == 2
        assert_nothing_starts("keys-set-back", urls, settings, tmp_path)
        done = command(["after-restore"], urls, settings, tmp_path)
        assert done.returncode == 0, done.stderr
        assert "1 keys destroyed again" in done.stdout
        assert [row["person_id"] for row in await rows(urls.keys, held)] == [lived.stayed]
        await assert_level(urls)


async def test_killed_in_the_middle_it_leaves_nothing_that_starts_and_is_run_again(
    lived: Lived, database_urls: DatabaseUrls, settings: Settings, tmp_path: Path
) -> None:
    """The server ends its connections, as a fail-over does, while faces are looked through."""
    async with set_back("data", lived.dumps["data"], database_urls) as urls:
        server = await asyncpg.connect(urls.superuser)
        try:
            await server.execute(
                "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$"
                " BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$"
            )
            await server.execute("CREATE TRIGGER cut BEFORE INSERT ON erasure FOR EACH ROW EXECUTE FUNCTION cut()")
            cut = command(["after-restore"], urls, settings, tmp_path)
            assert cut.returncode != 0
            assert "Traceback" not in cut.stderr
            assert_nothing_starts("data-set-back", urls, settings, tmp_path)
            await server.execute("DROP FUNCTION cut CASCADE")
        finally:
            await server.close()
        done = command(["after-restore"], urls, settings, tmp_path)
        assert done.returncode == 0, done.stderr
        assert await faces(urls) == {lived.stayed}

"""The launcher: first start, second start, refusals, and every way of being cut off."""

import asyncio
import contextlib
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import asyncpg
import psutil
import pytest

from backend.embedded.datadir import DataDirectoryBusy
from backend.embedded.passwords import ROLES, SUPERUSER
from backend.embedded.postgres import EmbeddedPostgres, PostgresFailed
from backend.embedded.postmaster import read_postmaster
from backend.embedded.provision import KEY_DATABASE
from tests.backend.embedded.test_children import ENVIRONMENT, wait_gone
from tests.databases import TEST_SETTINGS

# Recovery can only be tested on a server that writes its log out.
DURABLE = {**TEST_SETTINGS, "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


def query(url: str, *statements: str) -> object:
    async def body() -> object:
        conn = await asyncpg.connect(url)
        try:
            for statement in statements[:-1]:
                await conn.execute(statement)
            return await conn.fetchval(statements[-1])
        finally:
            await conn.close()

    return asyncio.run(body())


def start_elsewhere(folder: Path) -> "tuple[subprocess.Popen[bytes], list[psutil.Process]]":
    """A server on `folder` owned by another process, with one row written; that process and what it started."""
    script = f"""
import time
from pathlib import Path
from backend.embedded.postgres import EmbeddedPostgres
from tests.backend.embedded.test_postgres import DURABLE, query
server = EmbeddedPostgres(Path({str(folder)!r}), settings=DURABLE)
server.start()
owner = server.url("doorward_owner")
query(owner, "CREATE TABLE IF NOT EXISTS kept (n int)", "INSERT INTO kept VALUES (1)", "SELECT 1")
print("ready", flush=True)
time.sleep(600)
"""
    owner = subprocess.Popen([sys.executable, "-c", script], env=ENVIRONMENT, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"ready\n"
    owner.stdout.close()
    return owner, psutil.Process(owner.pid).children(recursive=True)


def count_rows(folder: Path) -> object:
    with EmbeddedPostgres(folder, settings=DURABLE) as server:
        return query(server.url("doorward_owner"), "SELECT count(*) FROM kept")


def test_it_starts_twice_and_keeps_what_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "a folder with spaces, and ümlaut" / "data"
    for expected in (1, 2):
        with EmbeddedPostgres(folder, settings=TEST_SETTINGS) as server:
            owner = server.url("doorward_owner")
            query(owner, "CREATE TABLE IF NOT EXISTS kept (n int)", "INSERT INTO kept VALUES (1)", "SELECT 1")
            assert query(owner, "SELECT count(*) FROM kept") == expected
            assert query(owner, "SELECT '[1,2]'::halfvec <#> '[1,2]'") == -5
            assert query(server.url("doorward_keys", KEY_DATABASE), "SELECT current_user") == "doorward_keys"
        with pytest.raises(PostgresFailed):
            server.url("doorward_owner")


def test_only_the_owner_can_read_the_data_and_the_passwords(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    old = os.umask(0)
    try:
        with EmbeddedPostgres(folder, settings=TEST_SETTINGS):
            pass
    finally:
        os.umask(old)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        if path.name != "provisioned":
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path.name
    assert not (folder / "initdb.password").exists()


def test_no_role_of_ours_has_power_over_row_level_security(pg: EmbeddedPostgres) -> None:
    sql = "SELECT string_agg(rolname, ',') FROM pg_roles WHERE (rolsuper OR rolbypassrls) AND rolname LIKE 'doorward%'"
    assert query(pg.url(SUPERUSER, "postgres"), sql) is None
    for role in ROLES:
        assert pg.url(role).startswith(f"postgresql://{role}:")


async def test_a_wrong_password_is_refused_and_only_loopback_listens(pg: EmbeddedPostgres) -> None:
    url = pg.url("doorward_api")
    password = url.split(":")[2].split("@")[0]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url.replace(password, "guess"))
    conn = await asyncpg.connect(pg.url(SUPERUSER, "postgres"))
    try:
        assert await conn.fetchval("SHOW listen_addresses") == "127.0.0.1"
        methods = await conn.fetch("SELECT DISTINCT auth_method FROM pg_hba_file_rules")
        assert [row["auth_method"] for row in methods] == ["scram-sha-256"]
    finally:
        await conn.close()


async def test_the_log_holds_no_value_of_a_failed_statement(pg: EmbeddedPostgres) -> None:
    conn = await asyncpg.connect(pg.url("doorward_owner"))
    try:
        with pytest.raises(asyncpg.PostgresError):
            await conn.fetchval("SELECT 'secret-marker-1'::uuid")
        with pytest.raises(asyncpg.PostgresError):
            await conn.fetchval("SELECT $1::text::uuid", "secret-marker-2")
    finally:
        await conn.close()
    assert "secret-marker" not in pg.log_path.read_text("utf-8")


def test_a_second_start_on_one_directory_is_refused_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with EmbeddedPostgres(folder, settings=TEST_SETTINGS) as server:
        with pytest.raises(DataDirectoryBusy, match=f"{folder} is in use by process {os.getpid()}"):
            EmbeddedPostgres(folder, settings=TEST_SETTINGS).start()
        assert query(server.url("doorward_api"), "SELECT 1") == 1
        other = EmbeddedPostgres.running(folder)
        assert other is not None
        assert other.url("doorward_api") == server.url("doorward_api")
    assert EmbeddedPostgres.running(folder) is None
    assert EmbeddedPostgres.running(tmp_path / "nothing") is None


def test_a_killed_owner_loses_nothing_and_the_next_start_waits_for_the_shutdown(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    owner, tree = start_elsewhere(folder)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert count_rows(folder) == 1
    assert wait_gone(tree) == []


@pytest.mark.deep
def test_a_server_that_outlived_owner_and_guard_is_ended_first(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    owner, tree = start_elsewhere(folder)
    # Stopped, so that it cannot react to its guard's end: the worst case of a machine under load.
    postmaster = read_postmaster(folder / "cluster")
    assert postmaster is not None
    server = psutil.Process(postmaster.pid)
    guard = psutil.Process(server.ppid())
    server.suspend()
    guard.kill()
    owner.kill()
    owner.wait()
    server.resume()
    assert count_rows(folder) == 1
    assert wait_gone(tree) == []


@pytest.mark.deep
def test_a_database_cut_off_in_the_middle_recovers(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    owner, tree = start_elsewhere(folder)
    postmaster = read_postmaster(folder / "cluster")
    assert postmaster is not None
    # First the one that would end or replace the others, which end with it.
    for process in [psutil.Process(postmaster.pid), *tree]:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name() == "postgres":
                process.kill()
    owner.kill()
    owner.wait()
    assert wait_gone(tree) == []
    assert (folder / "cluster" / "postmaster.pid").exists()
    assert count_rows(folder) == 1
    assert "database system was not properly shut down" in (folder / "postgres.log").read_text("utf-8")


def test_a_stale_pid_file_naming_another_program_does_not_keep_it_from_starting(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with EmbeddedPostgres(folder, settings=TEST_SETTINGS):
        text = (folder / "cluster" / "postmaster.pid").read_text("ascii")
    lines = text.splitlines()
    (folder / "cluster" / "postmaster.pid").write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    with EmbeddedPostgres(folder, settings=TEST_SETTINGS) as server:
        assert query(server.url("doorward_api"), "SELECT 1") == 1


def test_a_first_start_cut_off_in_the_middle_is_begun_anew(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "cluster.new").mkdir(parents=True)
    (folder / "cluster.new" / "PG_VERSION").write_text("18\n")
    (folder / "passwords.json.new").write_text('{"postgres": "half')
    with EmbeddedPostgres(folder, settings=TEST_SETTINGS) as server:
        assert query(server.url("doorward_api"), "SELECT 1") == 1


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "data", settings={**TEST_SETTINGS, "shared_buffers": "plenty"})
    with pytest.raises(PostgresFailed, match='invalid value for parameter "shared_buffers"'):
        server.start()
    # The lock is free again.
    with EmbeddedPostgres(tmp_path / "data", settings=TEST_SETTINGS):
        pass

"""Provisioning and migrating, on our server and as on somebody else's."""

import asyncio
import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from backend.embedded.passwords import KEYS, OWNER, ROLES, SUPERUSER, load_or_create, scram_verifier
from backend.embedded.postgres import EmbeddedPostgres
from backend.embedded.provision import KEY_DATABASE, ProvisioningRefused, provision_cluster
from backend.migrate import MigrationFailed, migrate
from tests.databases import TEST_SETTINGS, DatabaseUrls


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A cluster of this test's own: roles and the databases by their real names are shared by the whole cluster."""
    with EmbeddedPostgres(tmp_path / "pg", settings=TEST_SETTINGS) as server:
        yield server


def execute(url: str, *statements: str) -> None:
    async def body() -> None:
        conn = await asyncpg.connect(url)
        try:
            for statement in statements:
                await conn.execute(statement)
        finally:
            await conn.close()

    asyncio.run(body())


def select(url: str, sql: str) -> list[object]:
    async def body() -> list[object]:
        conn = await asyncpg.connect(url)
        try:
            return [row[0] for row in await conn.fetch(sql)]
        finally:
            await conn.close()

    return asyncio.run(body())


def write(folder: Path, name: str, up: str, down: str = "SELECT 1;") -> None:
    for part in ("data", "keys"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "keys" / "20990101000000_pre_none.sql").write_text("-- migrate:up\n\n-- migrate:down\n", "utf-8")
    (folder / "data" / name).write_text(f"-- migrate:up\n{up}\n\n-- migrate:down\n{down}\n", "utf-8")


def test_a_verifier_proves_the_password_and_does_not_contain_it() -> None:
    verifier = scram_verifier("correct horse", b"\1" * 16)
    method, parameters, keys = verifier.split("$")
    iterations, salt = parameters.split(":")
    stored, _ = (base64.b64decode(part) for part in keys.split(":"))
    salted = hashlib.pbkdf2_hmac("sha256", b"correct horse", base64.b64decode(salt), int(iterations))
    assert method == "SCRAM-SHA-256"
    assert stored == hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    assert "horse" not in verifier
    assert scram_verifier("correct horse") != scram_verifier("correct horse")


def test_provisioning_again_changes_passwords_and_keeps_data(own_server: EmbeddedPostgres) -> None:
    superuser = own_server.url(SUPERUSER, "postgres")
    execute(own_server.url(OWNER), "CREATE TABLE kept (n int)")
    api = own_server.url("doorward_api")
    provision_cluster(superuser, dict.fromkeys(ROLES, "changed"))
    with pytest.raises(asyncpg.InvalidPasswordError):
        execute(api, "SELECT 1")
    owner = own_server.url(OWNER)
    password = owner.split(":")[2].split("@")[0]
    assert select(owner.replace(password, "changed"), "SELECT count(*) FROM kept") == [0]


def test_a_role_that_could_pass_row_level_security_is_refused(own_server: EmbeddedPostgres) -> None:
    superuser = own_server.url(SUPERUSER, "postgres")
    execute(superuser, "ALTER ROLE doorward_api BYPASSRLS")
    with pytest.raises(ProvisioningRefused, match="doorward_api"):
        provision_cluster(superuser, dict.fromkeys(ROLES, "x"))


def test_a_managed_server_is_provisioned_without_a_superuser(own_server: EmbeddedPostgres) -> None:
    superuser = own_server.url(SUPERUSER, "postgres")
    execute(
        superuser,
        "DROP DATABASE doorward",
        "DROP DATABASE doorward_keys",
        f"DROP ROLE {', '.join(ROLES)}",
        "CREATE ROLE admin LOGIN CREATEDB CREATEROLE PASSWORD 'admin'",
    )
    password = superuser.split(":")[2].split("@")[0]
    admin = superuser.replace(f"{SUPERUSER}:{password}", "admin:admin")
    with pytest.raises(ProvisioningRefused, match="CREATE EXTENSION vector"):
        provision_cluster(admin, dict.fromkeys(ROLES, "x"))
    execute(own_server.url(SUPERUSER), "CREATE EXTENSION vector")
    for _ in range(2):
        provision_cluster(admin, dict.fromkeys(ROLES, "x"))
    owner = own_server.url(SUPERUSER).replace(f"{SUPERUSER}:{password}", f"{OWNER}:x")
    execute(owner, "CREATE TABLE t (v halfvec(2))")


def test_two_that_provision_at_once_both_succeed(own_server: EmbeddedPostgres) -> None:
    failed: list[BaseException] = []

    def work() -> None:
        try:
            provision_cluster(own_server.url(SUPERUSER, "postgres"), dict.fromkeys(ROLES, "same"))
        except BaseException as error:  # noqa: BLE001 - whatever a thread raises has to reach the test
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_passwords_are_made_once_and_are_private(tmp_path: Path) -> None:
    first = load_or_create(tmp_path / "passwords.json")
    assert load_or_create(tmp_path / "passwords.json") == first
    assert set(first) == {SUPERUSER, *ROLES}
    assert len(set(first.values())) == len(first)
    assert (tmp_path / "passwords.json").stat().st_mode & 0o777 == 0o600


def test_migrating_twice_changes_nothing(database_urls: DatabaseUrls) -> None:
    sql = "SELECT version FROM schema_migrations ORDER BY 1"
    before = select(database_urls.owner, sql), select(database_urls.keys, sql)
    assert all(before)
    migrate(database_urls.owner, database_urls.keys)
    assert (select(database_urls.owner, sql), select(database_urls.keys, sql)) == before


def test_migrating_at_once_with_an_index_built_concurrently_does_not_deadlock(
    database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    write(tmp_path, "20990101000000_post_table.sql", "CREATE TABLE big (n int);")
    (tmp_path / "data" / "20990101000001_post_index.sql").write_text(
        "-- migrate:up transaction:false\nCREATE INDEX CONCURRENTLY big_n ON big (n);\n\n-- migrate:down\nSELECT 1;\n"
    )
    failed: list[BaseException] = []

    def work() -> None:
        try:
            migrate(database_urls.owner, database_urls.keys, directory=tmp_path)
        except BaseException as error:  # noqa: BLE001 - whatever a thread raises has to reach the test
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert select(database_urls.owner, "SELECT indexname::text FROM pg_indexes WHERE tablename = 'big'") == ["big_n"]


def test_a_failing_migration_is_named_with_its_reason_and_leaves_no_half(
    database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    write(tmp_path, "20990101000000_pre_broken.sql", "CREATE TABLE half (n int); SELECT no_such_function();")
    with pytest.raises(MigrationFailed, match=r"(?s)20990101000000_pre_broken.*no_such_function"):
        migrate(database_urls.owner, database_urls.keys, directory=tmp_path)
    assert select(database_urls.owner, "SELECT to_regclass('half')::text") == [None]


def test_what_goes_after_the_release_waits_until_it_is_asked_for(database_urls: DatabaseUrls, tmp_path: Path) -> None:
    write(tmp_path, "20990101000000_post_first.sql", "CREATE TABLE first (n int);")
    write(tmp_path, "20990101000001_pre_second.sql", "CREATE TABLE second (n int);")
    there = "SELECT concat(to_regclass('first'), ' ', to_regclass('second'))"
    for _ in range(2):
        migrate(database_urls.owner, database_urls.keys, directory=tmp_path, pre=True)
        assert select(database_urls.owner, there) == [" second"]
    # Out of the order of their numbers: the next release's come before this one's only where somebody skipped one.
    migrate(database_urls.owner, database_urls.keys, directory=tmp_path)
    assert select(database_urls.owner, there) == ["first second"]


def test_a_failure_does_not_show_the_password(pg: EmbeddedPostgres, tmp_path: Path) -> None:
    write(tmp_path, "20990101000000_pre_empty.sql", "SELECT 1;")
    url = pg.url(OWNER, "no_such_database")
    with pytest.raises(MigrationFailed) as caught:
        migrate(url, pg.url(KEYS, KEY_DATABASE), directory=tmp_path)
    assert url.split(":")[2].split("@")[0] not in str(caught.value)
    assert "no_such_database" in str(caught.value)


def test_no_schema_file_is_left_behind(database_urls: DatabaseUrls, tmp_path: Path) -> None:
    write(tmp_path, "20990101000000_pre_empty.sql", "SELECT 1;")
    migrate(database_urls.owner, database_urls.keys, directory=tmp_path)
    names = sorted(path.name for path in tmp_path.rglob("*"))
    assert names == ["20990101000000_pre_empty.sql", "20990101000000_pre_none.sql", "data", "keys"]

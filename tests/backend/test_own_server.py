"""A PostgreSQL server of one's own: provisioned, migrated and used by the addresses that the command prints."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from backend.embedded.passwords import SUPERUSER
from backend.embedded.postgres import EmbeddedPostgres
from backend.embedded.provision import address_of
from tests.databases import TEST_SETTINGS


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("server") / "pg", settings=TEST_SETTINGS) as running:
        yield running


def doorward(
    *arguments: str, folder: Path, settings: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")}
    environment = {**kept, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **(settings or {})}
    return subprocess.run(
        [sys.executable, "-m", "backend.cli", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_what_provision_prints_is_all_that_the_other_commands_need(server: EmbeddedPostgres, tmp_path: Path) -> None:
    provisioned = doorward("provision", server.url(SUPERUSER, "postgres"), folder=tmp_path)
    assert provisioned.returncode == 0, provisioned.stderr
    (tmp_path / ".env").write_text(provisioned.stdout)
    settings = {"DOORWARD_DATA_DIR": str(tmp_path / "data")}
    migrated = doorward("migrate", folder=tmp_path, settings=settings)
    assert migrated.returncode == 0, migrated.stderr
    made = doorward(
        "staff", "create", "--phone", "+12025550101", "--name", "A", "--authority", "B",
        folder=tmp_path, settings=settings,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    # No database of the box's own was made.
    assert not (tmp_path / "data" / "postgres").exists()


def test_a_server_that_cannot_be_reached_is_one_line_without_the_password(tmp_path: Path) -> None:
    refused = doorward("provision", "postgresql://postgres:hunter2@127.0.0.1:1/postgres", folder=tmp_path)
    assert refused.returncode == 2
    assert "not provisioned" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "hunter2" not in refused.stderr


def test_addresses_keep_the_servers_options_and_quote_passwords() -> None:
    url = "postgresql://root:x%40y@db.example:6432/postgres?sslmode=verify-full"
    assert address_of(url, "doorward_api", "a/b@c", "doorward") == (
        "postgresql://doorward_api:a%2Fb%40c@db.example:6432/doorward?sslmode=verify-full"
    )

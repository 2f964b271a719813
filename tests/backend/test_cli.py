"""The command line, as programs of their own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tests.databases import DatabaseUrls
from tests.ports import free_port

ROOT = Path(__file__).parents[2]


def run(arguments: Sequence[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")}
    path = os.pathsep.join((str(ROOT), str(ROOT / "gate_sdk" / "src")))
    return subprocess.run(
        [sys.executable, "-m", "backend.cli", *arguments],
        cwd=folder, env={**inherited, "PYTHONPATH": path, **environment}, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip


def addresses(urls: DatabaseUrls, folder: Path) -> dict[str, str]:
    return {
        "DOORWARD_API_DATABASE_URL": urls.api,
        "DOORWARD_MIGRATION_DATABASE_URL": urls.owner,
        "DOORWARD_KEYS_DATABASE_URL": urls.keys,
        "DOORWARD_DATA_DIR": str(folder),
    }


def create(phone: str) -> list[str]:
    return ["staff", "create", "--phone", phone, "--name", "Administrator", "--authority", "Housing Authority"]


async def test_the_first_administrator_comes_with_the_authority(database_urls: DatabaseUrls, tmp_path: Path) -> None:
    environment = addresses(database_urls, tmp_path)
    for phone in ("+12025550100", "+12025550101"):
        done = run(create(phone), tmp_path, **environment)
        assert done.returncode == 0, done.stderr
        assert phone not in done.stdout + done.stderr
    conn = await asyncpg.connect(database_urls.superuser)
    try:
        assert await conn.fetchval("SELECT count(*) FROM authority") == 1
        roles = await conn.fetch("SELECT role FROM staff_role")
        actions = await conn.fetch("SELECT actor, action FROM audit_entry")
    finally:
        await conn.close()
    assert [row["role"] for row in roles] == ["authority_administrator"] * 2
    assert [tuple(row) for row in actions] == [("system", "staff.add")] * 2


async def test_a_number_that_is_staff_already_is_refused(database_urls: DatabaseUrls, tmp_path: Path) -> None:
    environment = addresses(database_urls, tmp_path)
    assert run(create("+12025550100"), tmp_path, **environment).returncode == 0
    again = run(create("+12025550100"), tmp_path, **environment)
    assert again.returncode == 1
    assert "belongs to a member of staff already" in again.stderr
    assert "Traceback" not in again.stderr


@pytest.mark.parametrize("phone", ["", "12", "door"])
def test_a_bad_number_is_refused_in_one_line(database_urls: DatabaseUrls, tmp_path: Path, phone: str) -> None:
    refused = run(create(phone), tmp_path, **addresses(database_urls, tmp_path))
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1


def test_migrating_twice_changes_nothing(database_urls: DatabaseUrls, tmp_path: Path) -> None:
    done = run(["migrate"], tmp_path, **addresses(database_urls, tmp_path))
    assert done.returncode == 0, done.stderr


def test_a_bad_setting_is_refused_by_name(tmp_path: Path) -> None:
    for command in (["api"], ["migrate"], ["worker"], ["up"]):
        refused = run(command, tmp_path, DOORWARD_PORT="door")
        assert refused.returncode == 2, refused.stderr
        assert "DOORWARD_PORT" in refused.stderr
        assert "Traceback" not in refused.stderr


def test_a_missing_database_of_ones_own_is_named(tmp_path: Path) -> None:
    refused = run(["migrate"], tmp_path, DOORWARD_DATABASE_URL="postgresql://nobody@127.0.0.1:1/x")
    assert refused.returncode == 2
    assert "DOORWARD_KEYS_DATABASE_URL" in refused.stderr


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the five documents, written once: a process and all routes of five surfaces take seconds."""
    folder = tmp_path_factory.mktemp("written") / "openapi"
    written = run(["openapi", "--directory", str(folder)], folder.parent, PYTHONHASHSEED="1")
    assert written.returncode == 0, written.stderr
    return folder


def test_the_openapi_documents_depend_on_the_interface_alone(documents: Path, tmp_path: Path) -> None:
    assert {path.stem for path in documents.iterdir()} == {"resident", "visitor", "partner", "gate", "staff"}
    same = run(["openapi", "--check", "--directory", str(documents)], tmp_path, PYTHONHASHSEED="2")
    assert same.returncode == 0, same.stderr
    document = json.loads((documents / "resident.json").read_text("utf-8"))
    assert document["openapi"].startswith("3.1")
    assert "/resident/v1/login" in document["paths"]


def test_an_outdated_openapi_document_is_named_and_left_alone(documents: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(documents, tmp_path / "openapi"))
    (folder / "gate.json").write_text("{}")
    outdated = run(["openapi", "--check", "--directory", str(folder)], tmp_path)
    assert outdated.returncode == 1
    assert "gate.json" in outdated.stderr
    assert "staff.json" not in outdated.stderr
    assert (folder / "gate.json").read_text() == "{}"


@pytest.mark.parametrize(
    "command",
    [
        ["audit", "verify"],
        ["audit", "export", "--to", "kept"],
        ["keys", "rotate", "--all"],
        ["keys", "rewrap"],
        ["staff", "reset-second-factor", "--phone", "+12025550100", "--reason", "lost"],
        ["backup", "kept"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_a_directory_that_was_mistyped_does_not_become_a_box(tmp_path: Path, command: list[str]) -> None:
    """An empty box, made on the spot, would be found in the best of order."""
    refused = run([*command, "--data-dir", "dorward-data"], tmp_path)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    (line,) = refused.stderr.splitlines()
    assert "dorward-data" in line
    assert "--data-dir" in line
    assert list(tmp_path.iterdir()) == []


def test_an_empty_directory_does_not_become_a_box_by_being_checked(tmp_path: Path) -> None:
    refused = run(["audit", "verify"], tmp_path, DOORWARD_DATA_DIR=str(tmp_path))
    assert refused.returncode == 2
    assert "there is no box" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_command(tmp_path: Path) -> None:
    shown = run(["--help"], tmp_path).stdout
    for command in ("up", "demo", "api", "worker", "migrate", "openapi", "staff"):
        assert command in shown


@pytest.mark.parametrize("fault", ["nobody listens", "another password", "another database"])
@pytest.mark.parametrize("process, variable", [("api", "API"), ("worker", "WORKER"), ("worker", "KEYS")])
async def test_a_database_that_cannot_be_had_is_named_by_its_setting_in_one_line(
    fault: str, process: str, variable: str, database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    urls = {
        **addresses(database_urls, tmp_path),
        "DOORWARD_WORKER_DATABASE_URL": database_urls.worker,
        "DOORWARD_PORT": str(free_port()),
    }
    name = f"DOORWARD_{variable}_DATABASE_URL"
    parts = urlsplit(urls[name])
    wrong = {
        "nobody listens": parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{free_port()}")),
        "another password": parts._replace(netloc=parts.netloc.replace(str(parts.password), "unguessed-secret")),
        "another database": parts._replace(path="/nowhere"),
    }[fault]
    refused = run([process], tmp_path, **{**urls, name: urlunsplit(wrong)})
    said = [line for line in (refused.stdout + refused.stderr).splitlines() if not line.startswith("{")]
    assert refused.returncode != 0
    # The server of the API tries again before it gives up.
    assert len(set(said)) == 1
    assert name in said[0]
    assert str(wrong.password) not in said[0]

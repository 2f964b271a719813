"""What keeps a box or an API from starting, and what its operator reads."""

import socket
from pathlib import Path

import pytest

from tests.backend.test_cli import addresses, create, run
from tests.databases import DatabaseUrls
from tests.ports import free_port


async def test_a_lost_master_key_is_named_and_no_other_is_made_in_its_place(
    database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    environment = {**addresses(database_urls, tmp_path), "DOORWARD_WORKER_DATABASE_URL": database_urls.worker}
    assert run(create("+12025550100"), tmp_path, **environment).returncode == 0
    key = tmp_path / "master.key"
    kept = key.rename(tmp_path / "kept.key")
    refused = run(["worker"], tmp_path, **environment)
    assert refused.returncode == 2, refused.stderr
    assert str(key) in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not key.exists()
    again = run(create("+12025550101"), tmp_path, **environment, DOORWARD_KEY_FILE=str(kept))
    assert again.returncode == 0, again.stderr


async def test_an_api_without_its_models_says_so_in_one_line(database_urls: DatabaseUrls, tmp_path: Path) -> None:
    nowhere = {"DOORWARD_MODELS_DIR": str(tmp_path / "none"), "DOORWARD_PORT": str(free_port())}
    refused = run(["api"], tmp_path, **addresses(database_urls, tmp_path), **nowhere)
    assert refused.returncode != 0
    assert "doorward-gate models" in refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr


def test_a_port_where_another_box_listens_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        refused = run(["up"], tmp_path, DOORWARD_PORT=str(other.getsockname()[1]))
    assert refused.returncode == 2, refused.stderr
    assert "DOORWARD_PORT" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_a_host_that_is_not_this_machine_is_refused_by_name(host: str, tmp_path: Path) -> None:
    refused = run(["up"], tmp_path, DOORWARD_HOST=host)
    assert refused.returncode == 2, refused.stderr
    assert host in refused.stderr
    assert "DOORWARD_HOST" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_data_directory_that_is_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    refused = run(["up", "--data-dir", "data"], tmp_path, DOORWARD_PORT="0")
    assert refused.returncode == 2, refused.stderr
    assert str(tmp_path / "data") in refused.stderr
    assert "Traceback" not in refused.stderr

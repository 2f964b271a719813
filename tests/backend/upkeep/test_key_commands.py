"""`doorward keys`, as programs of their own on real databases and a key service."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from backend.keys.service import Keys
from backend.keys.wrapping import FileKeyWrapper
from backend.kit.db import Database, Scope
from tests.backend.keys.kms_server import serving
from tests.databases import DatabaseUrls


@pytest.fixture
async def keys(database_urls: DatabaseUrls, tmp_path: Path) -> AsyncIterator[Keys]:
    database = Database(database_urls.keys)
    await database.open()
    made = Keys(database, FileKeyWrapper(tmp_path / "master.key"))
    await made.pepper()
    yield made
    await made.close()
    await database.close()


def run(arguments: list[str], urls: DatabaseUrls, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DOORWARD_", "AWS_"))}
    environment = {
        **inherited,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "DOORWARD_API_DATABASE_URL": urls.api,
        "DOORWARD_KEYS_DATABASE_URL": urls.keys,
        "DOORWARD_DATA_DIR": str(folder),
        **more,
    }
    return subprocess.run(
        [sys.executable, "-m", "backend.cli", "keys", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


async def versions(keys: Keys) -> dict[UUID, list[int]]:
    found: dict[UUID, list[int]] = {}
    async with keys.db.transaction(Scope(), read_only=True) as conn:
        for row in await conn.fetch("SELECT owner_id, version FROM wrapping_key ORDER BY version"):
            found.setdefault(row["owner_id"], []).append(row["version"])
    return found


async def test_one_community_or_all_are_rotated(keys: Keys, database_urls: DatabaseUrls, tmp_path: Path) -> None:
    here, there, person = uuid4(), uuid4(), uuid4()
    key = await keys.ensure_person_key(person, owner_id=here)
    await keys.ensure_person_key(uuid4(), owner_id=there)
    done = run(["rotate", "--community", str(here)], database_urls, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 people's keys" in done.stdout
    assert await versions(keys) == {here: [2], there: [1]}
    done = run(["rotate", "--all"], database_urls, tmp_path)
    assert done.returncode == 0, done.stderr
    assert await versions(keys) == {here: [3], there: [2]}
    assert await keys.person_key(person) == key
    assert key.hex() not in done.stdout + done.stderr


async def test_a_community_without_keys_is_refused_in_one_line(
    keys: Keys, database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    for arguments in (["rotate", "--community", str(uuid4())], ["rewrap"]):
        refused = run(arguments, database_urls, tmp_path)
        assert refused.returncode == 2
        assert len(refused.stderr.splitlines()) == 1


async def test_the_master_key_moves_from_the_file_to_the_key_service(
    keys: Keys, database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    person = uuid4()
    await keys.ensure_person_key(person, owner_id=uuid4())
    with serving() as service:
        kms = {
            "DOORWARD_KMS_KEY_ID": service.new_key(),
            "DOORWARD_KMS_ENDPOINT_URL": service.url,
            "DOORWARD_KMS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        both = {**kms, "DOORWARD_PREVIOUS_KEY_FILE": str(tmp_path / "master.key")}
        # Without the previous one, the new master key opens nothing, and says so.
        refused = run(["rotate", "--all"], database_urls, tmp_path, **kms)
        assert refused.returncode == 2
        assert "the master key does not open this key store" in refused.stderr
        done = run(["rewrap"], database_urls, tmp_path, **both)
        assert done.returncode == 0, done.stderr
        assert "2 keys wrapped by the present master key, 0 were already" in done.stdout
        done = run(["rewrap"], database_urls, tmp_path, **both)
        assert "0 keys wrapped by the present master key, 2 were already" in done.stdout
        done = run(["rotate", "--all"], database_urls, tmp_path, **kms)
        assert done.returncode == 0, done.stderr
        # The file opens nothing any more.
        refused = run(["rotate", "--all"], database_urls, tmp_path)
        assert refused.returncode == 2
        assert "the master key does not open this key store" in refused.stderr
        service.broken = (500, "KMSInternalException")
        away = run(["rotate", "--all"], database_urls, tmp_path, **kms)
        assert away.returncode == 1
        assert len(away.stderr.splitlines()) == 1

"""What is no whole backup, and what has expired, is not restored; backups of keys end by themselves."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backend.upkeep import manifest
from backend.upkeep.backup import forget_expired
from backend.upkeep.errors import BackupRefused

NOW = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A backup of keys, with an end in a week."""
    made = tmp_path / "keys" / "20261102T020000Z"
    (made / "deep").mkdir(parents=True)
    (made / "doorward-keys.dump").write_bytes(b"dump")
    (made / "deep" / "object").write_bytes(b"ciphertext")
    manifest.describe(made, kind="keys", made_at=NOW, expires_at=NOW + WEEK)
    return made


def test_a_whole_backup_says_what_it_is(folder: Path) -> None:
    read = manifest.read(folder, kind="keys", now=NOW)
    assert (read.made_at, read.expires_at) == (NOW, NOW + WEEK)
    assert set(read.files) == {"doorward-keys.dump", "deep/object"}
    assert (folder / manifest.NAME).stat().st_mode & 0o777 == 0o600


def test_backups_of_keys_and_of_data_are_not_taken_for_each_other(folder: Path) -> None:
    with pytest.raises(BackupRefused, match="a backup of keys, where one of data is needed"):
        manifest.read(folder, kind="data", now=NOW)


def test_an_expired_backup_of_keys_is_refused(folder: Path) -> None:
    manifest.read(folder, kind="keys", now=NOW + WEEK - timedelta(seconds=1))
    with pytest.raises(BackupRefused, match=r"expired.*certificates of erasure promise"):
        manifest.read(folder, kind="keys", now=NOW + WEEK)


@pytest.mark.parametrize("name", ["doorward-keys.dump", "deep/object"])
def test_a_changed_or_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"other")
    with pytest.raises(BackupRefused, match=f"{name} is missing or was changed"):
        manifest.read(folder, kind="keys", now=NOW)
    (folder / name).unlink()
    with pytest.raises(BackupRefused, match=f"{name} is missing or was changed"):
        manifest.read(folder, kind="keys", now=NOW)


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"kind": "all"}'])
def test_a_cut_off_backup_is_none(folder: Path, content: bytes | None) -> None:
    (folder / manifest.NAME).unlink()
    if content is not None:
        (folder / manifest.NAME).write_bytes(content)
    with pytest.raises(BackupRefused):
        manifest.read(folder, kind="keys", now=NOW)


def test_expired_backups_of_keys_are_deleted_and_nothing_else(folder: Path) -> None:
    parent = folder.parent
    later = parent / "20261103T020000Z"
    later.mkdir()
    manifest.describe(later, kind="keys", made_at=NOW + timedelta(days=1), expires_at=NOW + timedelta(days=8))
    data = parent / "data"
    data.mkdir()
    manifest.describe(data, kind="data", made_at=NOW, expires_at=None)
    (parent / "notes").mkdir()
    assert forget_expired(parent, now=NOW + WEEK - timedelta(seconds=1)) == 0
    assert forget_expired(parent, now=NOW + WEEK) == 1
    assert {path.name for path in parent.iterdir()} == {"20261103T020000Z", "data", "notes"}
    assert forget_expired(parent / "nowhere", now=NOW) == 0

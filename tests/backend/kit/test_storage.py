"""The directory store: the contract, and what a crash, a full disk or a prying neighbour may do."""

import asyncio
import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from backend.embedded.objects import DirectoryObjectStore
from backend.kit.storage import StorageFull, StorageUnavailable
from tests.backend.kit.storage_contract import ObjectStoreContract, keys_of


class TestDirectoryObjectStore(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> DirectoryObjectStore:
        return DirectoryObjectStore(tmp_path / "objects")


def modes(root: Path) -> set[tuple[bool, int]]:
    return {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in [root, *root.rglob("*")]}


async def test_only_the_owner_can_read(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store = DirectoryObjectStore(tmp_path / "objects")
        await store.put("a/b/c", b"x")
    finally:
        os.umask(old)
    assert modes(tmp_path / "objects") == {(True, 0o700), (False, 0o600)}


async def test_an_erased_person_leaves_no_folder_with_the_id(tmp_path: Path) -> None:
    store = DirectoryObjectStore(tmp_path)
    await store.put("people/0190/photos/1", b"x")
    await store.put("people/0191/photos/1", b"x")
    await store.delete("people/0190/photos/1")
    assert [path.name for path in (tmp_path / "people").iterdir()] == ["0191"]


async def test_a_killed_writer_leaves_nothing_visible_and_is_swept_at_start(tmp_path: Path) -> None:
    store = DirectoryObjectStore(tmp_path)
    await store.put("kept", b"x")
    script = f"""
import os, signal
from pathlib import Path
from backend.embedded import objects
objects._flush = lambda descriptor: os.kill(os.getpid(), {int(signal.SIGKILL)})
objects.DirectoryObjectStore(Path({str(tmp_path)!r}))._write(Path({str(tmp_path / "half@")!r}), b"half-written")
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len([*(tmp_path / ".incoming").iterdir()]) == 1
    assert await keys_of(store, "") == {"kept"}
    DirectoryObjectStore(tmp_path)
    assert not [*(tmp_path / ".incoming").iterdir()]
    assert await keys_of(store, "") == {"kept"}


async def test_a_start_elsewhere_does_not_disturb_writers_at_work(tmp_path: Path) -> None:
    store = DirectoryObjectStore(tmp_path)
    wanted = {f"at-work/{number}": os.urandom(50_000) for number in range(60)}

    async def restart() -> None:
        for _ in range(60):
            await asyncio.to_thread(DirectoryObjectStore, tmp_path)

    await asyncio.gather(restart(), *(store.put(key, data) for key, data in wanted.items()))
    assert {key: await store.get(key) for key in wanted} == wanted


async def test_a_full_disk_is_named_and_the_old_object_stays_whole(tmp_path: Path) -> None:
    store = DirectoryObjectStore(tmp_path)
    await store.put("a", b"old")
    # The kernel's own refusal to let a file grow (EFBIG) stands for ENOSPC, which would need a file system of its own.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(StorageFull):
            await store.put("a", b"n" * 50_000)
        with pytest.raises(StorageFull):
            await store.put("b", b"n" * 50_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert await store.get("a") == b"old"
    assert await keys_of(store, "") == {"a"}
    assert not [*(tmp_path / ".incoming").iterdir()]


async def test_a_link_in_the_place_of_an_object_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    store = DirectoryObjectStore(tmp_path / "objects")
    (tmp_path / "objects" / "a@").symlink_to(secret)
    with pytest.raises(StorageUnavailable):
        await store.get("a")
    await store.put("a", b"x")
    assert secret.read_bytes() == b"secret"

"""The data directory's lock and file modes."""

import fcntl
import os
import time
from pathlib import Path

_GUARD_ENDS_SECONDS = 45.0


class DataDirectoryBusy(Exception):
    """Another process runs on this data directory: stop it, or name another directory."""


def make_private(path: Path) -> None:
    """Create a directory with mode 0700, or take others' rights from one that exists; parents as usual."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)


class RestoreUnfinished(DataDirectoryBusy):
    """A restore of this data directory was cut off while databases changed places: run it again."""


def restore_mark(data_dir: Path) -> Path:
    """Is there while a restore puts databases in their places."""
    return data_dir / "restore-unfinished.json"


class DirectoryLock:
    """Exclusive use of a data directory.

    The lock is on an open file, so the kernel frees it when the last process that holds it is gone: nothing
    stale can remain. The database's guard holds it too, so after kill -9 of the owner it stays locked until
    the database has shut down.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "lock"
        self._descriptor = -1

    @property
    def descriptor(self) -> int:
        """To be passed on to the guard; -1 when not held."""
        return self._descriptor

    def acquire(self) -> None:
        """Take the lock, waiting only for the remains of an owner that is dead.

        Raises:
            DataDirectoryBusy: the owner lives, or its database did not end in 45 seconds.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline = time.monotonic() + _GUARD_ENDS_SECONDS
            while not _try_lock(descriptor):
                self._refuse_living_owner(descriptor, deadline)
                time.sleep(0.05)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode("ascii"), 0)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def _refuse_living_owner(self, descriptor: int, deadline: float) -> None:
        owner = _read_pid(descriptor)
        if time.monotonic() > deadline or (owner and is_alive(owner)):
            raise DataDirectoryBusy(
                f"{self._path.parent} is in use by process {owner}; stop it, or choose another directory"
            )

    def release(self) -> None:
        """Let others in; safe to repeat."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def is_held_by_anyone(self) -> bool:
        """Whether some process, perhaps this one, holds the lock."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not _try_lock(descriptor)
        finally:
            os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_pid(descriptor: int) -> int:
    text = os.pread(descriptor, 32, 0)
    return int(text) if text.isdigit() else 0


def is_alive(pid: int) -> bool:
    """Whether a process has this number. Zombies count: they are gone only when their parent has read their end."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

"""Files that survive a power cut: written whole or not at all, readable by the owner only."""

import contextlib
import errno
import fcntl
import os
import weakref
from pathlib import Path

from gate_sdk.errors import DataDirBusyError, StorageError

__all__ = ["DirectoryLock", "make_private", "remove", "write_atomic"]


def make_private(directory: Path) -> None:
    """Create ``directory`` and its parents; the last one only its owner may enter (0700).

    Raises:
        StorageError: the path is a file, or may not be created.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make {directory}: {error.strerror}") from error


def _sync_directory(directory: Path) -> None:
    # A rename is durable only once the directory that names the file is on the disk too.
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path``, mode 0600: after a power cut the file has the old content or the new, never a part.

    Raises:
        StorageError: the disk is full, read-only or gone.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # Created 0600 rather than changed to it: there is no moment at which others can read the key.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise StorageError(f"cannot write {path}: {error.strerror}") from error


def remove(path: Path) -> None:
    """Unlink ``path`` durably; a file that is gone already is fine."""
    try:
        path.unlink(missing_ok=True)
        _sync_directory(path.parent)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"cannot remove {path}: {error.strerror}") from error


class DirectoryLock:
    """One process per data directory. The kernel drops the lock with the process, so a kill leaves nothing stale."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "lock"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock without waiting.

        Raises:
            DataDirBusyError: somebody else holds it.
            StorageError: the directory cannot be written.
        """
        try:
            descriptor = _opened(self._path)
        except OSError as error:
            raise StorageError(f"cannot open {self._path}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise DataDirBusyError(f"{self._path.parent} is used by another process") from None
        self._descriptor = descriptor
        _HELD.add(self)

    @property
    def held(self) -> bool:
        """Whether this process holds it; one forked from the one that took it does not."""
        return self._descriptor is not None

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


# A forked process inherits the descriptor, and with it the lock: a worker that outlives its gate, such as a decoder of
# frames, would keep the directory busy for the gate that is started anew.
_HELD: weakref.WeakSet[DirectoryLock] = weakref.WeakSet()


def _leave_to_parent() -> None:
    for lock in list(_HELD):
        lock.release()


os.register_at_fork(after_in_child=_leave_to_parent)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
    # An SD card that wears out turns read-only: what is on it still opens the gate, to one process.
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

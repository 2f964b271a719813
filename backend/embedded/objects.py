"""Objects as files below one directory (ADR 0008)."""

import asyncio
import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from pathlib import Path

from backend.embedded.datadir import make_private
from backend.kit.storage import ObjectMissing, StorageFull, StorageUnavailable, check_folder, check_key, check_prefix

_INCOMING = ".incoming"
# Not a character of any key: so `a` may be an object and `a/b` another, as on S3.
_OBJECT = "@"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_PAGE = 1000
_TRIES = 100


class DirectoryObjectStore:
    """An ``ObjectStore`` for one machine; several processes may share the directory.

    A file gets its name only when its bytes are on disk, and an answer is given only when the name is too. Files are
    0600 in directories of 0700.
    """

    def __init__(self, root: Path) -> None:
        """Make the directory, and remove what interrupted writers left; writers at work are left alone.

        Args:
            root: the directory; must be one file system.
        """
        self._root = root.absolute()
        self._incoming = self._root / _INCOMING
        make_private(self._root)
        make_private(self._incoming)
        _sweep(self._incoming)

    async def put(self, key: str, data: bytes) -> None:
        """See ``ObjectStore.put``."""
        path = self._path(key)
        with _failures():
            await asyncio.to_thread(self._write, path, data)

    async def get(self, key: str) -> bytes:
        """See ``ObjectStore.get``."""
        path = self._path(key)
        try:
            with _failures():
                return await asyncio.to_thread(_read, path)
        except (FileNotFoundError, NotADirectoryError):
            raise ObjectMissing from None

    async def delete(self, key: str) -> None:
        """See ``ObjectStore.delete``."""
        path = self._path(key)
        with _failures():
            await asyncio.to_thread(self._remove, path)

    async def delete_under(self, prefixes: Sequence[str]) -> dict[str, int]:
        """See ``ObjectStore.delete_under``."""
        folders = [check_folder(prefix) for prefix in prefixes]
        return await asyncio.to_thread(lambda: dict(self._remove_under(folders)))

    async def exists(self, key: str) -> bool:
        """See ``ObjectStore.exists``."""
        path = self._path(key)
        with _failures():
            return await asyncio.to_thread(self._is_there, path)

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """See ``ObjectStore.list``."""
        keys = self._walk(check_prefix(prefix))
        while page := await asyncio.to_thread(lambda: [*islice(keys, _PAGE)]):
            for key in page:
                yield key

    async def close(self) -> None:
        """Nothing is held open."""

    def _path(self, key: str) -> Path:
        return self._root.joinpath(*check_key(key)).with_name(key.rsplit("/", 1)[-1] + _OBJECT)

    def _is_there(self, path: Path) -> bool:
        if path.is_file():
            return True
        # Where the whole directory is gone, its objects would pass for erased ones.
        if not self._root.is_dir():
            raise StorageUnavailable
        return False

    def _write(self, path: Path, data: bytes) -> None:
        for _ in range(_TRIES):
            # Lost races, each begun anew: a start elsewhere swept our file before we had locked it, or a
            # delete removed the folder that had just become empty.
            with contextlib.suppress(FileNotFoundError):
                self._write_once(path, data)
                return
        raise StorageUnavailable

    def _write_once(self, path: Path, data: bytes) -> None:
        fresh = self._incoming / secrets.token_hex(16)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                view = memoryview(data)
                while view:
                    view = view[file.write(view) :]
                _flush(file.fileno())
                self._make_folders(path.parent)
                fresh.rename(path)
            _flush_folder(path.parent)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise

    def _make_folders(self, folder: Path) -> None:
        if folder == self._root or folder.is_dir():
            return
        self._make_folders(folder.parent)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        _flush_folder(folder.parent)

    def _remove(self, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
        self._settle(path.parent)

    def _remove_under(self, prefixes: Sequence[str]) -> Iterator[tuple[str, int]]:
        """Each prefix with how many objects were below it; one below which the disk refuses is left out."""
        for prefix in prefixes:
            top = self._root / prefix
            try:
                files = [(Path(folder), name) for folder, _, names in os.walk(top) for name in names]
                for folder, name in files:
                    (folder / name).unlink(missing_ok=True)
                for folder in {top, *(folder for folder, _ in files)}:
                    self._settle(folder)
            except OSError:
                continue
            yield prefix, len(files)

    def _settle(self, folder: Path) -> None:
        """Make a removal from the folder last, and take away the folders that are empty now."""
        # Even where the file is gone already: an earlier delete may have been cut off before this. Where its folder
        # is gone too, that removal is what has to last.
        while not _flushed(folder):
            folder = folder.parent
        # A folder's name is part of a key, such as a person's id: it does not stay behind.
        with contextlib.suppress(OSError):
            while folder != self._root:
                folder.rmdir()
                folder = folder.parent
                _flush_folder(folder)

    def _walk(self, prefix: str) -> Iterator[str]:
        start = self._root / prefix.rpartition("/")[0]
        for folder, folders, files in os.walk(start):
            folders[:] = [name for name in folders if not name.startswith(".")]
            parent = "" if Path(folder) == self._root else Path(folder).relative_to(self._root).as_posix() + "/"
            for name in files:
                key = parent + name.removesuffix(_OBJECT)
                if name.endswith(_OBJECT) and key.startswith(prefix):
                    yield key


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    """A disk's failures as the store's; the messages name no path, for a path is a key."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StorageFull from error
        raise StorageUnavailable(f"the object store's disk fails ({errno.errorcode.get(error.errno or 0)})") from error


def _read(path: Path) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), "rb") as file:
        return file.read()


def _sweep(incoming: Path) -> None:
    """Remove half-written files. A living writer holds his file's lock; the dead hold none."""
    for path in incoming.iterdir():
        with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _flush(descriptor: int) -> None:
    """Onto the disk itself: macOS' fsync stops at the drive's cache, which loses power with the drive."""
    full: int | None = getattr(fcntl, "F_FULLFSYNC", None)
    if full is None:
        os.fsync(descriptor)
    else:
        fcntl.fcntl(descriptor, full)


def _flushed(folder: Path) -> bool:
    try:
        _flush_folder(folder)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

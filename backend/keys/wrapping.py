"""The outermost key: what wraps the wrapping keys. A file for the single box; a key service in the cloud."""

import os
from pathlib import Path
from typing import Protocol

from backend.keys.errors import WrappingRefused
from backend.kit.crypto import KEY_BYTES, SealBroken, new_key, open_sealed, seal

__all__ = ["FileKeyWrapper", "KeyWrapper", "MovingKeyWrapper"]


class KeyWrapper(Protocol):
    """Wraps a 32-byte key under a master key that never leaves it. ``context`` must be the same for unwrapping."""

    async def wrap(self, key: bytes, *, context: str) -> bytes:
        """The wrapped key."""
        ...

    async def unwrap(self, wrapped: bytes, *, context: str) -> bytes:
        """The key.

        Raises:
            WrappingRefused: another master key, another context, or changed bytes.
        """
        ...

    async def close(self) -> None:
        """Give back connections and threads."""
        ...


class MovingKeyWrapper:
    """Wraps under a new master key, and unwraps what the previous one wrapped, until all is wrapped anew."""

    def __init__(self, new: KeyWrapper, *, previous: KeyWrapper) -> None:
        """Nothing is asked of either yet."""
        self.new = new
        self.previous = previous

    async def wrap(self, key: bytes, *, context: str) -> bytes:
        """See :class:`KeyWrapper`."""
        return await self.new.wrap(key, context=context)

    async def unwrap(self, wrapped: bytes, *, context: str) -> bytes:
        """See :class:`KeyWrapper`."""
        try:
            return await self.new.unwrap(wrapped, context=context)
        except WrappingRefused:
            return await self.previous.unwrap(wrapped, context=context)

    async def close(self) -> None:
        """See :class:`KeyWrapper`."""
        await self.new.close()
        await self.previous.close()


class FileKeyWrapper:
    """A master key in a file that only its owner may read."""

    def __init__(self, path: Path, *, make: bool = True) -> None:
        """Read the key, or make it where there is none yet and ``make`` allows it.

        Raises:
            WrappingRefused: the file has another length, or others may read it.
            FileNotFoundError: there is none, and none is to be made.
        """
        self._key = _read_or_make(path, make=make)

    async def wrap(self, key: bytes, *, context: str) -> bytes:
        """See :class:`KeyWrapper`."""
        return seal(self._key, key, bound_to=context)

    async def unwrap(self, wrapped: bytes, *, context: str) -> bytes:
        """See :class:`KeyWrapper`."""
        try:
            return open_sealed(self._key, wrapped, bound_to=context)
        except SealBroken:
            raise WrappingRefused(context) from None

    async def close(self) -> None:
        """Nothing is held open."""


def _read_or_make(path: Path, *, make: bool) -> bytes:
    if make and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(new_key())
            file.flush()
            os.fsync(file.fileno())
        try:
            # link() fails where another process was first, and never shows a half-written key.
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
        _sync_directory(path.parent)
    if path.stat().st_mode & 0o077:
        raise WrappingRefused(f"{path} can be read by others; set its mode to 0600")
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise WrappingRefused(f"{path} holds {len(key)} bytes where a key has {KEY_BYTES}")
    return key


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

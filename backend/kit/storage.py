"""Objects: ciphertext of photographs and templates, by key. S3 in production, a directory on the single box.

Both implementations pass the same tests (tests/backend/kit/storage_contract.py).
"""

import re
from collections.abc import AsyncIterator, Sequence
from typing import Protocol, runtime_checkable

from backend.kit.problems import Unavailable

__all__ = ["MAX_KEY_LENGTH", "ObjectMissing", "ObjectStore", "StorageFull", "StorageUnavailable", "check_key"]

# S3 allows 1,024 bytes; a path on macOS may have 1,023 with the root directory in it.
MAX_KEY_LENGTH = 512
_MAX_SEGMENT_LENGTH = 200
# Lower case only: on macOS two keys that differ in case alone would be one file.
_SEGMENT = re.compile(r"[a-z0-9=_-][a-z0-9=_.-]*")
_PREFIX = re.compile(r"[a-z0-9=_./-]*")


class ObjectMissing(LookupError):
    """There is no object under this key."""


class StorageUnavailable(Unavailable):
    """The object store cannot be reached, or refuses, at the moment."""

    code = "storage-unavailable"
    remedy = "Try again in a few seconds; nothing of this request was kept."


class StorageFull(Unavailable):
    """The object store has no room left."""

    code = "storage-full"
    remedy = "Nothing of this request was kept. The operator has to make room, then try again."


# Litestar checks what it injects against the parameter's type.
@runtime_checkable
class ObjectStore(Protocol):
    """Whole objects of at most some megabytes, in memory.

    Keys are segments of ``a-z 0-9 = _ - .`` joined by ``/``, 512 characters at most; a segment does not begin with a
    dot. Every method raises ``ValueError`` for another key, and ``StorageUnavailable`` where the store fails.
    """

    async def put(self, key: str, data: bytes) -> None:
        """Keep an object, durably, in place of one that was there; readers see the old one or the new one, whole.

        Raises:
            StorageFull: there is no room; what was there before is still there.
        """

    async def get(self, key: str) -> bytes:
        """The object's bytes.

        Raises:
            ObjectMissing: there is none.
        """

    async def delete(self, key: str) -> None:
        """Remove an object with all its versions and delete markers, durably; no error where there is none."""

    async def delete_under(self, prefixes: Sequence[str]) -> dict[str, int]:
        """Remove every object below these prefixes with all versions and delete markers, durably.

        Answers how many keys there were below each. A prefix is missing from the answer where the store refused to
        remove something below it; the others' objects are gone all the same.

        Args:
            prefixes: each ends with ``/``; any number.
        """

    async def exists(self, key: str) -> bool:
        """Whether ``get`` would find it."""

    def list(self, prefix: str) -> AsyncIterator[str]:
        """Every key that begins with ``prefix`` ("" for all), in no particular order."""


def check_key(key: str) -> list[str]:
    """The segments of a valid key.

    Raises:
        ValueError: it is not valid. The message does not repeat the key.
    """
    segments = key.split("/")
    if len(key) > MAX_KEY_LENGTH or not all(
        len(segment) <= _MAX_SEGMENT_LENGTH and _SEGMENT.fullmatch(segment) for segment in segments
    ):
        raise ValueError("an object's key has the form segment/segment of a-z 0-9 = _ - .")
    return segments


def check_prefix(prefix: str) -> str:
    """A prefix that some valid key could have, unchanged.

    Raises:
        ValueError: no key can begin so.
    """
    if (
        len(prefix) > MAX_KEY_LENGTH
        or not _PREFIX.fullmatch(prefix)
        or any(segment.startswith(".") for segment in prefix.split("/"))
        or "//" in prefix
        or prefix.startswith("/")
    ):
        raise ValueError("no object's key begins so")
    return prefix


def check_folder(prefix: str) -> str:
    """A prefix of whole segments, unchanged.

    Raises:
        ValueError: no key can begin so, or it may end within a segment.
    """
    if not prefix.endswith("/"):
        raise ValueError("a prefix under which all is removed ends with a slash")
    return check_prefix(prefix)

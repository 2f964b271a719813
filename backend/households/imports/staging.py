"""A file on its way: sealed blocks in the object store, under a key that is this import's alone.

The key lies in the key store, as a person's does; destroying it makes every copy of the blocks and of the lines noise.
"""

from collections.abc import AsyncIterator
from uuid import UUID

from backend.households.imports.errors import FileEmpty, FileNotText, FileTooLarge
from backend.households.imports.lines import not_text
from backend.keys.service import Keys
from backend.kit.crypto import open_sealed, seal
from backend.kit.storage import ObjectStore

__all__ = ["BLOCK", "MAX_BYTES", "batch_context", "blocks", "discard", "receive"]

BLOCK = 1 << 20
#: A line of 200 bytes for each of a million people.
MAX_BYTES = 256 << 20


async def receive(
    keys: Keys, objects: ObjectStore, stream: AsyncIterator[bytes], *, import_id: UUID, authority_id: UUID
) -> tuple[int, int]:
    """Seal and keep a file while it arrives; its bytes and its blocks. Memory for one block, however long it is.

    Raises:
        FileNotText: it is an archive, a workbook or the like.
        FileTooLarge: it is longer than :data:`MAX_BYTES`.
        FileEmpty: it has no bytes.
        StorageUnavailable: the object store does not take it.
    """
    key = await keys.ensure_person_key(import_id, owner_id=authority_id)
    buffer, size, count = bytearray(), 0, 0
    async for part in stream:
        if (
            size == 0
            and len(buffer) < len(b"PK\x03\x04") <= len(buffer) + len(part)
            and not_text(bytes(buffer + part[:8]))
        ):
            raise FileNotText
        buffer += part
        if size + len(buffer) > MAX_BYTES:
            raise FileTooLarge
        while len(buffer) >= BLOCK:
            await _put(objects, key, bytes(buffer[:BLOCK]), import_id, count)
            del buffer[:BLOCK]
            size, count = size + BLOCK, count + 1
    if buffer:
        await _put(objects, key, bytes(buffer), import_id, count)
        size, count = size + len(buffer), count + 1
    if not size:
        raise FileEmpty
    return size, count


async def blocks(keys: Keys, objects: ObjectStore, *, import_id: UUID, count: int) -> AsyncIterator[bytes]:
    """The file's blocks in their order, opened.

    Raises:
        KeyDestroyed: the import is over.
        ObjectMissing: likewise.
    """
    key = await keys.person_key(import_id)
    for number in range(count):
        sealed = await objects.get(_name(import_id, number))
        yield open_sealed(key, sealed, bound_to=_name(import_id, number))


async def discard(objects: ObjectStore, *, import_id: UUID) -> None:
    """Delete the file's blocks, also those that a broken upload left. Repeating is harmless."""
    async for name in objects.list(f"register-imports/{import_id}/"):
        await objects.delete(name)


def batch_context(import_id: UUID, position: int) -> str:
    """What a batch of lines is sealed for."""
    return f"import-batch/{import_id}/{position}"


async def _put(objects: ObjectStore, key: bytes, block: bytes, import_id: UUID, number: int) -> None:
    name = _name(import_id, number)
    await objects.put(name, seal(key, block, bound_to=name))


def _name(import_id: UUID, number: int) -> str:
    return f"register-imports/{import_id}/{number}"

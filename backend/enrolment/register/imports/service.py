"""Receiving an archive of register photographs: in sealed pieces, never on a disk in the clear."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from backend.audit import service as audit
from backend.enrolment.errors import UploadInterrupted
from backend.enrolment.register.errors import (
    ArchiveTooLarge,
    ArchiveTypeUnsupported,
    PhotoImportNotFound,
    TooManyImports,
)
from backend.enrolment.register.imports import repository
from backend.enrolment.register.imports.archive import MAX_ARCHIVE_BYTES, is_zip
from backend.enrolment.register.imports.repository import ImportRow
from backend.keys.service import Keys
from backend.kit.crypto import open_sealed, seal
from backend.kit.db import Connection, Database, Scope
from backend.kit.storage import ObjectStore

__all__ = ["JOB", "PIECE_BYTES", "begin", "close", "piece_key", "receive", "require", "unsealed_piece"]

#: The background job that reads an archive; its payload is "community/import".
JOB = "read_register_photos"
PIECE_BYTES = 4 * 1024**2
#: Unfinished at once: each may hold 1 GB of the object store.
_MAX_OPEN = 4
_ENOUGH_TO_TELL = 4
#: An upload that takes longer was left behind by a crash.
ABANDONED = timedelta(hours=2)


async def begin(db: Database, *, community_id: UUID, staff_id: UUID, announced: int | None, now: datetime) -> UUID:
    """Write down that an archive is coming.

    Raises:
        ArchiveTooLarge: it says that it is.
        TooManyImports: others wait.
    """
    if announced is not None and announced > MAX_ARCHIVE_BYTES:
        raise ArchiveTooLarge
    import_id = uuid4()
    async with db.transaction(Scope(community_id=community_id)) as conn:
        if await repository.count_open(conn, community_id=community_id) >= _MAX_OPEN:
            raise TooManyImports
        await repository.insert_import(
            conn, community_id=community_id, import_id=import_id, created_by=staff_id, now=now
        )
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff_id}",
            action="register_photos.import",
            target=f"import:{import_id}",
        )
    return import_id


async def receive(
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    *,
    community_id: UUID,
    import_id: UUID,
    chunks: AsyncIterator[bytes],
    now: datetime,
) -> ImportRow:
    """Take the archive in, piece by piece: some 4 MB in memory, whatever its size. Then the worker reads it.

    Raises:
        ArchiveTooLarge, ArchiveTypeUnsupported: as the names say.
        UploadInterrupted: it did not arrive whole.
        StorageUnavailable, StorageFull: the pieces could not be kept.
    """
    try:
        key = await keys.ensure_person_key(import_id, owner_id=community_id)
        pieces, size = await _store(objects, key, community_id, import_id, chunks)
    except BaseException as error:
        failure = "interrupted"
        if isinstance(error, ArchiveTooLarge):
            failure = "archive_too_large"
        elif isinstance(error, ArchiveTypeUnsupported):
            failure = "not_a_zip"
        await close(db, keys, objects, community_id=community_id, import_id=import_id, failure=failure, now=now)
        raise
    async with db.transaction(Scope(community_id=community_id)) as conn:
        if not await repository.set_received(
            conn, community_id=community_id, import_id=import_id, pieces=pieces, size=size
        ):
            raise UploadInterrupted
        await repository.enqueue(conn, entrypoint=JOB, community_id=community_id, import_id=import_id)
        return await require(conn, community_id=community_id, import_id=import_id)


async def _store(
    objects: ObjectStore, key: bytes, community_id: UUID, import_id: UUID, chunks: AsyncIterator[bytes]
) -> tuple[int, int]:
    """Seal and store; how many pieces, and how many bytes in all."""
    held = bytearray()
    pieces = size = 0
    told = False

    async def put(piece: bytes) -> None:
        nonlocal pieces
        sealed = seal(key, piece, bound_to=_bound_to(import_id, pieces))
        await objects.put(piece_key(community_id, import_id, pieces), sealed)
        pieces += 1

    async for chunk in chunks:
        size += len(chunk)
        if size > MAX_ARCHIVE_BYTES:
            raise ArchiveTooLarge
        held += chunk
        if not told and len(held) >= _ENOUGH_TO_TELL:
            if not is_zip(bytes(held[:_ENOUGH_TO_TELL])):
                raise ArchiveTypeUnsupported
            told = True
        while len(held) >= PIECE_BYTES:
            await put(bytes(held[:PIECE_BYTES]))
            del held[:PIECE_BYTES]
    if not told:
        raise ArchiveTypeUnsupported
    if held:
        await put(bytes(held))
    return pieces, size


async def close(
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    *,
    community_id: UUID,
    import_id: UUID,
    failure: str | None,
    now: datetime,
) -> None:
    """End an import and destroy its archive. Repeating is harmless."""
    await keys.destroy_person_key(import_id)
    async for name in objects.list(f"imports/{community_id}/{import_id}/"):
        await objects.delete(name)
    # Last: what is not finished is looked at again.
    async with db.transaction(Scope(community_id=community_id)) as conn:
        await repository.finish(conn, community_id=community_id, import_id=import_id, failure=failure, now=now)


async def require(conn: Connection, *, community_id: UUID, import_id: UUID) -> ImportRow:
    """One import of the community.

    Raises:
        PhotoImportNotFound: there is none.
    """
    row = await repository.get_import(conn, community_id=community_id, import_id=import_id)
    if row is None:
        raise PhotoImportNotFound
    return row


def piece_key(community_id: UUID, import_id: UUID, number: int) -> str:
    """Where a piece of an archive lies."""
    return f"imports/{community_id}/{import_id}/{number}"


async def unsealed_piece(
    objects: ObjectStore, key: bytes, *, community_id: UUID, import_id: UUID, number: int
) -> bytes:
    """A piece of an archive in the clear.

    Raises:
        ObjectMissing: it is not there.
        SealBroken: it is not what was received.
    """
    sealed = await objects.get(piece_key(community_id, import_id, number))
    return open_sealed(key, sealed, bound_to=_bound_to(import_id, number))


def _bound_to(import_id: UUID, number: int) -> str:
    return f"register-archive/{import_id}/{number}/1"

"""Reading an archive of register photographs: the worker's. One bad picture loses none of the others.

Each file is decided on in a transaction of its own, together with its line of the report: whoever takes over from a
worker that was killed goes on behind the last line that stands.
"""

import asyncio
import zipfile
from collections.abc import Callable, Coroutine, Iterable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import structlog

from backend.enrolment.errors import PhotoRefused, PhotoTooLarge, PhotoTypeUnsupported
from backend.enrolment.faces import Checked, check_photo
from backend.enrolment.findings import register_threshold
from backend.enrolment.register import repository as photos
from backend.enrolment.register import service as register
from backend.enrolment.register.errors import FaceActive
from backend.enrolment.register.imports import repository, service
from backend.enrolment.register.imports.archive import (
    MAX_UNPACKED_BYTES,
    ArchiveRefused,
    Entry,
    Pieces,
    entries,
    open_archive,
    unpack,
)
from backend.enrolment.register.imports.repository import ImportRow, LineRow
from backend.enrolment.register.limits import REGISTER
from backend.enrolment.register.repository import NumberedRow
from backend.households.errors import MemberNotFound
from backend.keys.errors import KeyStoreError
from backend.keys.service import Keys
from backend.kit.clock import Clock
from backend.kit.crypto import SealBroken
from backend.kit.db import Connection, Database, Scope
from backend.kit.problems import Conflict
from backend.kit.storage import ObjectMissing, ObjectStore
from gate_sdk.face import FaceEngine

__all__ = ["TAKEN", "read_archive", "tend_imports"]

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")
TAKEN = "taken"
_CHUNK = 500
_PAGE = 500


class _AlreadyRead(Conflict):
    """Another worker has written this line meanwhile."""


async def read_archive(
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    engine: Callable[[], FaceEngine],
    *,
    community_id: UUID,
    import_id: UUID,
    clock: Clock,
) -> None:
    """Read an archive that was received, and keep the photographs of the members whom it names. Repeatable.

    Args:
        db: data, under the worker's role.
        keys: the key store.
        objects: where the archive lies and photographs go.
        engine: the models; loaded when the first photograph is looked at.
        community_id: the community.
        import_id: the import.
        clock: the time.
    """
    scope = Scope(community_id=community_id)
    async with db.transaction(scope, read_only=True) as conn:
        row = await repository.get_import(conn, community_id=community_id, import_id=import_id)
        read = await repository.list_read(conn, community_id=community_id, import_id=import_id)
    if row is None or row.state not in ("waiting", "working"):
        return
    failure = None
    try:
        reader = _Reader(db, keys, objects, engine, row, clock)
        await reader.read(read)
    except ArchiveRefused as refused:
        failure = refused.code
    except (ObjectMissing, SealBroken, KeyStoreError):
        failure = "archive_damaged"
    await service.close(db, keys, objects, community_id=community_id, import_id=import_id, failure=failure, now=clock())
    _log.info("register-photos-read", import_id=str(import_id), failure=failure)


async def tend_imports(db: Database, keys: Keys, objects: ObjectStore, *, now: datetime) -> int:
    """Ask again for archives whose job was lost, and give up those that never arrived; how many. Platform scope."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        rows = await repository.list_open(conn, limit=_PAGE)
    for row in rows:
        if row.state == "receiving":
            if now - row.created_at > service.ABANDONED:
                await service.close(
                    db, keys, objects,
                    community_id=row.community_id, import_id=row.import_id, failure="interrupted", now=now,
                )  # fmt: skip
            continue
        async with db.transaction(Scope(community_id=row.community_id)) as conn:
            await repository.enqueue(
                conn, entrypoint=service.JOB, community_id=row.community_id, import_id=row.import_id
            )
    return len(rows)


class _Reader:
    """Reads one archive."""

    def __init__(
        self,
        db: Database,
        keys: Keys,
        objects: ObjectStore,
        engine: Callable[[], FaceEngine],
        row: ImportRow,
        clock: Clock,
    ) -> None:
        self._db = db
        self._keys = keys
        self._objects = objects
        self._engine = engine
        self._row = row
        self._clock = clock
        self._scope = Scope(community_id=row.community_id)
        self._unpacked = 0

    async def read(self, done: set[int]) -> None:
        key = await self._keys.person_key(self._row.import_id)
        pieces = Pieces(
            _in_loop(lambda number: self._piece(key, number)), size=self._row.size, piece=service.PIECE_BYTES
        )
        archive = await asyncio.to_thread(open_archive, pieces)
        found = entries(archive)
        async with self._db.transaction(self._scope) as conn:
            await repository.begin_reading(
                conn, community_id=self._row.community_id, import_id=self._row.import_id, files=len(found)
            )
        for chunk in _chunks([entry for entry in found if entry.line not in done], _CHUNK):
            numbers = [entry.number for entry in chunk if entry.problem is None]
            async with self._db.transaction(self._scope, read_only=True) as conn:
                rows = await photos.list_whose(conn, community_id=self._row.community_id, numbers=numbers)
            members = {row.register_number: row for row in rows}
            for entry in chunk:
                await self._take(archive, entry, members.get(entry.number))

    async def _piece(self, key: bytes, number: int) -> bytes:
        return await service.unsealed_piece(
            self._objects, key, community_id=self._row.community_id, import_id=self._row.import_id, number=number
        )

    async def _take(self, archive: zipfile.ZipFile, entry: Entry, member: NumberedRow | None) -> None:
        problem = entry.problem
        if problem is None and member is None:
            problem = "number_unknown"
        if problem is None and member is not None and member.known:
            problem = FaceActive.code.replace("-", "_")
        if problem is not None or member is None:
            await self._note(entry, problem or "number_unknown", None if member is None else member.member_id)
            return
        try:
            checked, pack, match_from = await asyncio.to_thread(self._look, archive, entry)
        except ArchiveRefused as refused:
            await self._note(entry, refused.code, member.member_id)
            return
        except PhotoRefused as refused:
            await self._note(entry, refused.refusal.code, member.member_id)
            return
        except (PhotoTooLarge, PhotoTypeUnsupported) as refused:
            await self._note(entry, refused.code.replace("-", "_"), member.member_id)
            return
        try:
            await register.keep(
                self._db,
                self._keys,
                self._objects,
                community_id=self._row.community_id,
                member_id=member.member_id,
                checked=checked,
                pack=pack,
                match_from=match_from,
                kept_by=self._row.created_by,
                also=lambda conn: self._line(conn, entry, TAKEN, member.member_id),
                now=self._clock(),
            )
        except MemberNotFound:
            await self._note(entry, "number_unknown", None)
        except FaceActive:
            await self._note(entry, "face_active", member.member_id)
        except _AlreadyRead:
            return

    def _look(self, archive: zipfile.ZipFile, entry: Entry) -> tuple[Checked, str, float]:
        # By what the directory says, of which no file unpacks to more: so what is too much is not unpacked at all.
        self._unpacked += entry.info.file_size
        if self._unpacked > MAX_UNPACKED_BYTES:
            raise ArchiveRefused("archive_too_large_unpacked")
        data = unpack(archive, entry)
        engine = self._engine()
        return check_photo(engine, data, None, limits=REGISTER), engine.pack.id, register_threshold(engine.pack)

    async def _note(self, entry: Entry, outcome: str, member_id: UUID | None) -> None:
        async with self._db.transaction(self._scope) as conn:
            await repository.insert_line(
                conn,
                community_id=self._row.community_id,
                import_id=self._row.import_id,
                row=LineRow(line=entry.line, file_name=entry.name, outcome=outcome, member_id=member_id),
            )

    async def _line(self, conn: Connection, entry: Entry, outcome: str, member_id: UUID) -> None:
        row = LineRow(line=entry.line, file_name=entry.name, outcome=outcome, member_id=member_id)
        if not await repository.insert_line(
            conn, community_id=self._row.community_id, import_id=self._row.import_id, row=row
        ):
            raise _AlreadyRead


def _in_loop(work: Callable[[int], Coroutine[Any, Any, _T]]) -> Callable[[int], _T]:
    """The same for a thread: done in the loop that runs now, while the thread waits."""
    loop = asyncio.get_running_loop()
    return lambda number: asyncio.run_coroutine_threadsafe(work(number), loop).result()


def _chunks(found: list[Entry], size: int) -> Iterable[list[Entry]]:
    return (found[at : at + size] for at in range(0, len(found), size))

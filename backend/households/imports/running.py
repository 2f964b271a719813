"""The worker's part of an import: read the file, then change the register batch by batch, and end who is missing.

Nothing is remembered in the process. A run that is killed while it reads begins to read anew; one that is killed later
goes on with the first batch that is not done. A batch is one transaction of one community, with its report in it.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec
import structlog

from backend.audit import service as audit
from backend.communities import repository as communities
from backend.households.imports import batches as kept
from backend.households.imports import ends, laying, reports, repository, staging
from backend.households.imports.batches import BatchRow, NewBatch
from backend.households.imports.errors import HeaderRefused
from backend.households.imports.laying import Following
from backend.households.imports.plan import Outcome
from backend.households.imports.reader import Batch, Reader
from backend.households.imports.repository import ImportRow, ImportState
from backend.households.imports.schemas import ImportOptions, parse_options
from backend.households.imports.values import Line, Place
from backend.keys.errors import KeyDestroyed, KeyMissing
from backend.keys.service import Keys
from backend.kit.clock import Clock
from backend.kit.crypto import open_sealed, seal
from backend.kit.db import Connection, Database, Scope
from backend.kit.storage import ObjectMissing, ObjectStore

__all__ = ["Ending", "Runner"]

_log = structlog.get_logger(__name__)
# Lines whose community is not known stand here.
_NOWHERE = UUID(int=0)
# A run that was begun so often is ended by its own file.
_MOST_RUNS = 20


class Ending(Protocol):
    """Ends a member, or a tenancy with all its members, with all that follows; in a transaction of its own."""

    def __call__(self, db: Database, *, community_id: UUID, target_id: UUID, now: datetime) -> Awaitable[None]:
        """End it; no error where it has ended already."""


class _Lost(Exception):
    """The import was cancelled, or another run has it."""


class Runner:
    """Runs imports by their ids."""

    def __init__(
        self,
        db: Database,
        keys: Keys,
        objects: ObjectStore,
        clock: Clock,
        *,
        end_member: Ending,
        end_tenancy: Ending,
        follow: Following,
    ) -> None:
        """Work over the worker's database, the keys and the objects.

        Args:
            db: the worker's.
            keys: seal the file's lines.
            objects: keep the file.
            clock: the time.
            end_member: with all that follows, as privacy does it.
            end_tenancy: the same.
            follow: what guests do where their hosts' household stays for another time.
        """
        self._db = db
        self._keys = keys
        self._objects = objects
        self._clock = clock
        self._end_member = end_member
        self._end_tenancy = end_tenancy
        self._follow = follow

    async def run(self, import_id: UUID) -> None:
        """Run an import as far as it goes; nothing where there is nothing to do."""
        row = await self._begin(import_id)
        if row is None:
            return
        options = parse_options(row)
        try:
            _require_patience(row)
            key = await self._keys.person_key(import_id)
            if row.read_at is None:
                await self._read(row, options, key)
            await self._apply(row, options, key)
            await self._ends(row, options, key)
            await self._finish(row, "checked" if options.check else "done", None)
        except HeaderRefused as refused:
            await self._finish(row, "failed", str(refused)[:100])
        except _Lost:
            _log.info("import-left", import_id=str(import_id))
        except (KeyDestroyed, KeyMissing, ObjectMissing):
            await self._finish(row, "failed", "file-gone")

    async def _begin(self, import_id: UUID) -> ImportRow | None:
        async with self._db.transaction(Scope(platform=True)) as conn:
            found = await repository.peek(conn, import_id=import_id)
            if found is None:
                return None
            state: ImportState = "checking" if parse_options(found).check else "applying"
            return await repository.begin_run(conn, import_id=import_id, state=state, now=self._clock())

    async def _finish(self, row: ImportRow, state: ImportState, failure: str | None) -> None:
        async with self._db.transaction(Scope(platform=True)) as conn:
            done = await repository.finish(
                conn, import_id=row.import_id, run=row.run, state=state, failure=failure, now=self._clock()
            )
            if done:
                await audit.record(
                    conn, community_id=None, actor="system", action=f"import.{state}", target=f"import:{row.import_id}"
                )

    async def _read(self, row: ImportRow, options: ImportOptions, key: bytes) -> None:
        reader = await self._reader(row, options)
        async with self._db.transaction(Scope(platform=True)) as conn:
            await self._hold(conn, row)
            await kept.delete_batches(conn, import_id=row.import_id)
        position, read = 0, 0
        async for block in staging.blocks(self._keys, self._objects, import_id=row.import_id, count=row.blocks):
            # In a thread: the worker's other duties, revocations among them, have to go on meanwhile.
            batches = await asyncio.to_thread(reader.feed, block)
            read += len(block)
            position = await self._keep(row, key, batches, position, read, reader, ended=False)
        await self._keep(row, key, await asyncio.to_thread(reader.end), position, read, reader, ended=True)
        said = options.new.lines
        if said is not None and said != reader.lines:
            raise HeaderRefused("line-count-differs")

    async def _reader(self, row: ImportRow, options: ImportOptions) -> Reader:
        reach = None if row.reach is None else tuple(row.reach)
        async with self._db.transaction(Scope(platform=True), read_only=True) as conn:
            rows = await communities.list_communities(conn, authority_id=row.authority_id, ids=reach)
        places: dict[str, Place | None] = {}
        by_id = {one.community_id: Place(one.community_id, one.time_zone) for one in rows}
        for one in rows:
            name = " ".join(one.name.split())
            places[name] = None if name in places else by_id[one.community_id]
        given = options.new.community_id
        if given is not None and given not in by_id:
            raise HeaderRefused("community-unknown")
        return Reader(
            places=places,
            default=None if given is None else by_id[given],
            mapping=options.new.mapping,
            encoding=options.new.encoding,
            delimiter=options.new.delimiter,
        )

    async def _keep(
        self, row: ImportRow, key: bytes, batches: Sequence[Batch], position: int, read: int, reader: Reader, *,
        ended: bool,
    ) -> int:  # fmt: skip
        now = self._clock()
        rows = await asyncio.to_thread(_sealed, row.import_id, key, batches, position, now)
        async with self._db.transaction(Scope(platform=True)) as conn:
            await self._hold(conn, row)
            await kept.insert_batches(conn, import_id=row.import_id, batches=rows)
            await repository.note_progress(
                conn,
                import_id=row.import_id,
                read_bytes=read,
                read_at=now if ended else None,
                encoding=reader.encoding or "utf-8",
            )
        return position + len(rows)

    async def _apply(self, row: ImportRow, options: ImportOptions, key: bytes) -> None:
        async with self._db.transaction(Scope(platform=True), read_only=True) as conn:
            waiting = await kept.list_batches(conn, import_id=row.import_id)
        for batch in waiting:
            if batch.kind == "lines" and batch.done_at is None:
                await self._batch(row, options, key, batch)

    async def _batch(self, row: ImportRow, options: ImportOptions, key: bytes, batch: BatchRow) -> None:
        now = self._clock()
        async with self._db.transaction(Scope(community_id=batch.community_id, platform=True)) as conn:
            await self._hold(conn, row)
            held = await kept.hold_batch(
                conn, community_id=batch.community_id, import_id=row.import_id, position=batch.position
            )
            if held is None:
                return
            lines = _opened(row.import_id, key, held)
            if options.check:
                outcomes = await laying.try_out(conn, batch.community_id, lines, now, self._follow)
            else:
                outcomes = await laying.lay(conn, batch.community_id, lines, now, self._follow)
                await audit.record(
                    conn,
                    community_id=batch.community_id,
                    actor="system",
                    action="register.import",
                    target=f"import:{row.import_id}/{batch.position}",
                )
            await kept.settle_batch(
                conn,
                community_id=batch.community_id,
                import_id=row.import_id,
                position=batch.position,
                outcome=reports.encode(outcomes),
                now=now,
                **reports.count(outcomes),
            )

    async def _ends(self, row: ImportRow, options: ImportOptions, key: bytes) -> None:
        if not options.new.ends_missing:
            return
        async with self._db.transaction(Scope(platform=True), read_only=True) as conn:
            batches = await kept.list_batches(conn, import_id=row.import_id)
        if options.check:
            await self._find_missing(row, key, batches)
            return
        for batch in batches:
            if batch.kind == "ends" and batch.done_at is None:
                await self._end(row, options, batch)

    async def _find_missing(self, row: ImportRow, key: bytes, batches: Sequence[BatchRow]) -> None:
        # A line that could not be read may be about anybody: nobody is ended on the word of such a file.
        if any(batch.kind == "unread" for batch in batches):
            return
        done = {batch.community_id for batch in batches if batch.kind == "ends"}
        named = dict.fromkeys(batch.community_id for batch in batches if batch.kind == "lines")
        position = max((batch.position for batch in batches), default=0)
        for community_id in named:
            position += 1
            if community_id in done:
                continue
            async with self._db.transaction(Scope(community_id=community_id, platform=True)) as conn:
                await self._hold(conn, row)
                sealed = await kept.list_sealed(conn, community_id=community_id, import_id=row.import_id)
                there = {line.number for one in sealed for line in _opened(row.import_id, key, one)}
                missing = await ends.missing(conn, community_id=community_id, there=there)
                await kept.insert_batches(
                    conn, import_id=row.import_id, batches=[ends.batch(community_id, position, missing, self._clock())]
                )

    async def _end(self, row: ImportRow, options: ImportOptions, batch: BatchRow) -> None:
        async with self._db.transaction(Scope(community_id=batch.community_id, platform=True), read_only=True) as conn:
            held = await kept.get_outcome(
                conn, community_id=batch.community_id, import_id=row.import_id, position=batch.position
            )
        outcomes = ends.allowed(reports.decode(held or reports.encode([])), large=options.large_ends)
        for outcome in outcomes:
            if outcome.verdict != "ended":
                continue
            async with self._db.transaction(Scope(platform=True)) as conn:
                await self._hold(conn, row)
            await self._end_one(batch.community_id, outcome)
        async with self._db.transaction(Scope(community_id=batch.community_id, platform=True)) as conn:
            await self._hold(conn, row)
            await kept.settle_batch(
                conn,
                community_id=batch.community_id,
                import_id=row.import_id,
                position=batch.position,
                outcome=reports.encode(outcomes),
                now=self._clock(),
                **reports.count(outcomes),
            )

    async def _end_one(self, community_id: UUID, outcome: Outcome) -> None:
        now = self._clock()
        if outcome.tenancy_id is not None:
            await self._end_tenancy(self._db, community_id=community_id, target_id=outcome.tenancy_id, now=now)
        elif outcome.member_id is not None:
            await self._end_member(self._db, community_id=community_id, target_id=outcome.member_id, now=now)

    async def _hold(self, conn: Connection, row: ImportRow) -> None:
        if not await repository.hold_run(conn, import_id=row.import_id, run=row.run):
            raise _Lost


def _require_patience(row: ImportRow) -> None:
    if row.run > _MOST_RUNS:
        raise HeaderRefused("gave-up")


def _sealed(import_id: UUID, key: bytes, batches: Sequence[Batch], position: int, now: datetime) -> list[NewBatch]:
    rows = []
    for number, batch in enumerate(batches, position):
        if batch.community_id is None:
            rows.append(
                NewBatch(
                    community_id=_NOWHERE, position=number, kind="unread", first_line=batch.first_line,
                    lines=len(batch.unread), outcome=reports.encode(batch.unread), refused=len(batch.unread),
                    done_at=now,
                )
            )  # fmt: skip
            continue
        said = msgspec.msgpack.encode(batch.lines)
        rows.append(
            NewBatch(
                community_id=batch.community_id, position=number, kind="lines", first_line=batch.first_line,
                lines=len(batch.lines), sealed=seal(key, said, bound_to=staging.batch_context(import_id, number)),
            )
        )  # fmt: skip
    return rows


def _opened(import_id: UUID, key: bytes, row: kept.SealedRow) -> list[Line]:
    said = open_sealed(key, row.sealed, bound_to=staging.batch_context(import_id, row.position))
    return msgspec.msgpack.decode(said, type=list[Line])

"""What the worker does for privacy without being asked: ended tenancies, unused faces, erasures that wait."""

from collections.abc import Awaitable, Iterator, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog

from backend.households import repository as households
from backend.households.errors import TenancyEnded
from backend.households.repository import TenancyRow
from backend.kit.db import Connection, Database, Scope
from backend.privacy import repository, service
from backend.privacy.forgetting import repository as traces
from backend.privacy.repository import ErasureRow
from backend.privacy.rules import COURIER_GRACE, GRACE
from backend.privacy.trail import SYSTEM, record_act, record_begun

__all__ = ["begin_unused_erasures", "end_due_tenancies", "enqueue_due_erasures"]

_log = structlog.get_logger(__name__)
_BATCH = 200
# Few enough that whoever else waits for the community's roster does so for a fraction of a second.
_TOGETHER = 20
# Those that fail stay due and come again: without a bound they would for ever within one turn.
_MOST_BATCHES = 50


class _Begin(Protocol):
    """Begins one person's erasure where it still has to be."""

    def __call__(self, conn: Connection, *, person_id: UUID, now: datetime) -> Awaitable[ErasureRow | None]: ...


async def end_due_tenancies(db: Database, *, now: datetime) -> int:
    """End the tenancies whose time has come, with their erasures; how many.

    Twenty of a community in a transaction: at a month's end hundreds end in the same minute, and as many versions of
    the roster would have each gate come for each of them. What fails in company is tried alone.
    """
    ended, found = 0, _BATCH
    for _ in range(_MOST_BATCHES):
        if found < _BATCH:
            break
        async with db.transaction(Scope(platform=True), read_only=True) as conn:
            due = await households.list_due_tenancies(conn, at=now, limit=_BATCH)
        found = len(due)
        for together in _chunks(due):
            try:
                ended += await _end_tenancies(db, together, now=now)
            except Exception:  # noqa: BLE001 - one that fails must not keep the others from ending
                for tenancy in together:
                    ended += await _end_alone(db, tenancy, now=now)
    return ended


def _chunks(due: Sequence[TenancyRow]) -> Iterator[list[TenancyRow]]:
    by_community: dict[UUID, list[TenancyRow]] = {}
    for tenancy in due:
        by_community.setdefault(tenancy.community_id, []).append(tenancy)
    for rows in by_community.values():
        for first in range(0, len(rows), _TOGETHER):
            yield rows[first : first + _TOGETHER]


async def _end_tenancies(db: Database, tenancies: Sequence[TenancyRow], *, now: datetime) -> int:
    """End tenancies of one community in one transaction."""
    async with db.transaction(Scope(community_id=tenancies[0].community_id)) as conn:
        for tenancy in tenancies:
            begun = await service.end_tenancy(
                conn, community_id=tenancy.community_id, tenancy_id=tenancy.tenancy_id, now=now
            )
            await record_act(
                conn,
                community_id=tenancy.community_id,
                actor=SYSTEM,
                action="tenancy.end",
                target=f"tenancy:{tenancy.tenancy_id}",
                begun=begun,
            )
    return len(tenancies)


async def _end_alone(db: Database, tenancy: TenancyRow, *, now: datetime) -> int:
    try:
        return await _end_tenancies(db, [tenancy], now=now)
    except TenancyEnded:
        # The office ended it between the two transactions.
        return 0
    except Exception as error:  # noqa: BLE001 - one that fails must not keep the others from ending
        _log.error("tenancy-not-ended", tenancy=str(tenancy.tenancy_id), error=type(error).__name__)
        return 0


async def enqueue_due_erasures(db: Database, *, now: datetime) -> int:
    """Put erasures whose next attempt has come to the worker again; how many.

    A job that was lost, with the process that ran it or with a backup, costs a delay and no erasure.
    """
    async with db.transaction(Scope(platform=True)) as conn:
        due = await repository.list_due(conn, at=now, limit=_BATCH)
        for row in due:
            await repository.enqueue(conn, entrypoint=service.JOB, erasure_id=row.erasure_id)
    return len(due)


async def begin_unused_erasures(db: Database, *, now: datetime) -> int:
    """Begin to erase the faces that no right to enter has needed for the grace that people were told; how many.

    At most 200 at a time; those that are left are found at the next turn.
    """
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        unused = await repository.list_unused_faces(
            conn, at=now, grace=GRACE, courier_grace=COURIER_GRACE, limit=_BATCH
        )
    begun = await _begin_each(db, [row.person_id for row in unused], service.begin_unused, now=now)
    return begun + await _begin_forgotten(db, now=now)


async def _begin_forgotten(db: Database, *, now: datetime) -> int:
    """The same for people without a face: guests by QR code, and who never opened his invitation's second page."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        idle = await traces.list_unused_people(conn, at=now, grace=GRACE, courier_grace=COURIER_GRACE, limit=_BATCH)
    return await _begin_each(db, idle, service.begin_forgotten, now=now)


async def _begin_each(db: Database, person_ids: Sequence[UUID], begin: _Begin, *, now: datetime) -> int:
    begun = 0
    for person_id in person_ids:
        try:
            async with db.transaction(Scope(person_id=person_id, platform=True)) as conn:
                erasure = await begin(conn, person_id=person_id, now=now)
                if erasure is not None:
                    await record_begun(conn, community_id=None, actor=SYSTEM, begun=[erasure])
        except Exception as error:  # noqa: BLE001 - one that fails must not keep the others from being erased
            _log.error("erasure-not-begun", error=type(error).__name__)
            continue
        if erasure is not None:
            begun += 1
            _log.info("erasure-unused", erasure=str(erasure.erasure_id))
    return begun

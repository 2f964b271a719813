"""What the worker does for privacy without being asked: ended tenancies, unused faces, erasures that wait."""

from datetime import datetime

import structlog

from backend.audit import service as audit
from backend.households import repository as households
from backend.households.errors import TenancyEnded
from backend.kit.db import Connection, Database, Scope
from backend.privacy import repository, service
from backend.privacy.forgetting import repository as traces
from backend.privacy.repository import ErasureRow
from backend.privacy.rules import COURIER_GRACE, GRACE

__all__ = ["begin_unused_erasures", "end_due_tenancies", "enqueue_due_erasures"]

_log = structlog.get_logger(__name__)
_BATCH = 200


async def end_due_tenancies(db: Database, *, now: datetime) -> int:
    """End the tenancies whose time has come, each with its erasures in a transaction of its own; how many."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        due = await households.list_due_tenancies(conn, at=now, limit=_BATCH)
    ended = 0
    for tenancy in due:
        try:
            async with db.transaction(Scope(community_id=tenancy.community_id)) as conn:
                await service.end_tenancy(
                    conn, community_id=tenancy.community_id, tenancy_id=tenancy.tenancy_id, now=now
                )
                await audit.record(
                    conn,
                    community_id=tenancy.community_id,
                    actor="system",
                    action="tenancy.end",
                    target=f"tenancy:{tenancy.tenancy_id}",
                )
        except TenancyEnded:
            # The office ended it between the two transactions.
            continue
        except Exception as error:  # noqa: BLE001 - one that fails must not keep the others from ending
            _log.error("tenancy-not-ended", tenancy=str(tenancy.tenancy_id), error=type(error).__name__)
            continue
        ended += 1
    return ended


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
    begun = 0
    for row in unused:
        async with db.transaction(Scope(person_id=row.person_id, platform=True)) as conn:
            erasure = await service.begin_unused(conn, person_id=row.person_id, now=now)
            await _record(conn, erasure)
        if erasure is not None:
            begun += 1
            _log.info("erasure-unused", erasure=str(erasure.erasure_id))
    return begun + await _begin_forgotten(db, now=now)


async def _begin_forgotten(db: Database, *, now: datetime) -> int:
    """The same for people without a face: guests by QR code, and who never opened his invitation's second page."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        idle = await traces.list_unused_people(conn, at=now, grace=GRACE, courier_grace=COURIER_GRACE, limit=_BATCH)
    begun = 0
    for person_id in idle:
        async with db.transaction(Scope(person_id=person_id, platform=True)) as conn:
            erasure = await service.begin_forgotten(conn, person_id=person_id, now=now)
            await _record(conn, erasure)
        if erasure is not None:
            begun += 1
            _log.info("erasure-unused", erasure=str(erasure.erasure_id))
    return begun


async def _record(conn: Connection, erasure: ErasureRow | None) -> None:
    if erasure is not None:
        target = f"erasure:{erasure.erasure_id}"
        await audit.record(conn, community_id=None, actor="system", action="erasure.begin", target=target)

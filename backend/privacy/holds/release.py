"""The worker's part of legal holds: destroying what they kept when they end, and what setting one left half done."""

from collections import defaultdict
from datetime import datetime
from uuid import UUID

import structlog

from backend.audit import service as audit
from backend.enrolment.retention import ORPHANED
from backend.keys.service import Keys
from backend.kit.db import Database, Scope
from backend.kit.storage import ObjectStore, StorageUnavailable
from backend.privacy import repository as erasures
from backend.privacy.holds import meeting, repository
from backend.privacy.holds.repository import HoldRow
from backend.privacy.holds.rules import held_prefix, hold_of_key
from backend.privacy.service import JOB

__all__ = ["release_ended", "sweep"]

_log = structlog.get_logger(__name__)
_BATCH = 200


async def release_ended(db: Database, keys: Keys, objects: ObjectStore, *, now: datetime) -> int:
    """Destroy what the holds kept that were lifted or whose time is over, and have erasures go on; how many holds.

    Repeating is harmless: a hold is noted as released when its objects and its key are gone.
    """
    async with db.transaction(Scope(platform=True)) as conn:
        await repository.end_due(conn, at=now)
        ended = await repository.list_ended(conn, limit=_BATCH)
    released = 0
    for row in ended:
        try:
            released += await _release(db, keys, objects, row, now)
        except Exception as error:  # noqa: BLE001 - one whose store is away must not keep the others
            _log.error("hold-not-released", hold=str(row.hold_id), error=type(error).__name__)
    return released


async def sweep(db: Database, keys: Keys, objects: ObjectStore, *, now: datetime) -> int:
    """Destroy sealed copies, and their keys, of holds that a crash kept from being set; how many objects."""
    found: dict[UUID, list[str]] = defaultdict(list)
    async for key in objects.list("held/"):
        named = hold_of_key(key)
        # What is being set at this moment looks the same.
        if named is not None and now.timestamp() - named[1] > ORPHANED.total_seconds():
            found[named[0]].append(key)
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        known = await repository.known_holds(conn, holds=list(found))
    swept = 0
    for hold_id, orphans in found.items():
        if hold_id in known:
            continue
        for key in orphans:
            await objects.delete(key)
            swept += 1
        await keys.destroy_person_key(hold_id)
    return swept


async def _release(db: Database, keys: Keys, objects: ObjectStore, row: HoldRow, now: datetime) -> bool:
    prefix = held_prefix(row.hold_id)
    if prefix not in await objects.delete_under([prefix]):
        raise StorageUnavailable
    # The last step that makes copies in backups unreadable; a tombstone keeps a restored key store from undoing it.
    await keys.destroy_person_key(row.hold_id)
    async with db.transaction(Scope(community_id=row.community_id, platform=True)) as conn:
        done = await repository.release(conn, community_id=row.community_id, hold_id=row.hold_id, at=now)
        if done:
            await audit.record(
                conn,
                community_id=row.community_id,
                actor="system",
                action="hold.release",
                target=f"hold:{row.hold_id}",
                reason=row.basis,
            )
        if row.person_id is not None:
            for erasure_id in await meeting.list_unfinished_erasures(conn, person_id=row.person_id):
                await erasures.enqueue(conn, entrypoint=JOB, erasure_id=erasure_id)
    return done

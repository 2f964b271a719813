"""Keeping, showing and removing pictures of denied approaches.

Nothing here opens a picture to look for anybody in it: it is sealed as it came, shown to staff as it came, and removed.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from backend.audit import service as audit
from backend.communities.frames import repository as policies
from backend.gates.frames import repository
from backend.gates.frames.errors import FrameNotFound
from backend.gates.frames.rules import FRAMES_PREFIX, check, expiry, frame_object, key_of
from backend.gates.service import require_in_service
from backend.keys.errors import KeyDestroyed, KeyMissing
from backend.keys.service import Keys
from backend.kit.crypto import open_sealed, seal
from backend.kit.db import Database, Scope
from backend.kit.storage import ObjectMissing, ObjectStore
from gate_sdk.wire import DeniedFrame

__all__ = ["keep", "remove_due", "show", "sweep"]

_BATCH = 200
_VERSION = 1


async def keep(
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    *,
    community_id: UUID,
    gate_id: UUID,
    frame: DeniedFrame,
    now: datetime,
) -> bool:
    """Keep a gate's picture of a denied approach, once, if the community has that turned on; whether it is kept.

    Raises:
        FrameInvalid: it is no small JPEG of a denial.
        GateRevoked: the gate is out of service.
        KeyServiceUnavailable, StorageUnavailable: not kept, for now.
    """
    scope = Scope(community_id=community_id)
    async with db.transaction(scope, read_only=True) as conn:
        await require_in_service(conn, community_id=community_id, gate_id=gate_id)
        policy = await policies.get_policy(conn, community_id=community_id, at=now)
    times = None
    if policy is not None:
        check(frame)
        times = expiry(frame, policy, now=now)
    if policy is None or times is None:
        return False
    taken_at, expires_at = times
    key_id, until = key_of(policy, expires_at)
    try:
        key = await keys.ensure_person_key(key_id, owner_id=community_id)
    except KeyDestroyed:
        # It was turned off since the policy was read.
        return False
    async with db.transaction(scope) as conn:
        if await policies.hold_policy(conn, community_id=community_id, at=now) != policy:
            # Turned off or changed since: the gate hears of it, and asks no more.
            return False
        # Noted before anything rests under it, so that it is destroyed whatever happens here.
        await repository.insert_key(conn, community_id=community_id, key_id=key_id, until=until)
        await repository.insert_frame(
            conn,
            community_id=community_id,
            gate_id=gate_id,
            store_epoch=frame.store_epoch,
            seq=frame.seq,
            reason=frame.reason.value,
            key_id=key_id,
            taken_at=taken_at,
            expires_at=expires_at,
            now=now,
        )
        row = await repository.find_frame(
            conn, community_id=community_id, gate_id=gate_id, store_epoch=frame.store_epoch, seq=frame.seq
        )
    if row is None or row.key_id != key_id:
        # It is kept already, from before the policy was renewed.
        return row is not None
    where = frame_object(community_id, row.frame_id)
    await objects.put(where, seal(key, frame.jpeg, bound_to=_bound(community_id, row.frame_id)))
    async with db.transaction(scope, read_only=True) as conn:
        still = await repository.get_frame(conn, community_id=community_id, frame_id=row.frame_id, at=now)
        standing = await policies.get_policy(conn, community_id=community_id, at=now)
    if still is None or standing is None:
        # Turned off meanwhile: who removed it may not have found it yet.
        await objects.delete(where)
        return False
    return True


async def show(
    db: Database,
    keys: Keys,
    objects: ObjectStore,
    *,
    community_id: UUID,
    frame_id: UUID,
    staff_id: UUID,
    now: datetime,
) -> bytes:
    """The picture as JPEG; the look is in the audit trail before it is given.

    Raises:
        FrameNotFound: there is none, or its time is over.
        KeyServiceUnavailable, StorageUnavailable: not at the moment.
    """
    async with db.transaction(Scope(community_id=community_id)) as conn:
        row = await repository.get_frame(conn, community_id=community_id, frame_id=frame_id, at=now)
        if row is None:
            raise FrameNotFound
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff_id}",
            action="denied_frame.read",
            target=f"denied_frame:{frame_id}",
        )
    try:
        key = await keys.person_key(row.key_id)
        sealed = await objects.get(frame_object(community_id, frame_id))
    except (KeyMissing, KeyDestroyed, ObjectMissing):
        raise FrameNotFound from None
    return open_sealed(key, sealed, bound_to=_bound(community_id, frame_id))


async def remove_due(db: Database, keys: Keys, objects: ObjectStore, *, now: datetime) -> int:
    """Remove the pictures whose time is over, and destroy the keys whose hour is; how many pictures. The worker's."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        due = await repository.list_due_communities(conn, at=now)
    removed = 0
    for community_id in due:
        scope = Scope(community_id=community_id)
        async with db.transaction(scope, read_only=True) as conn:
            ended = await repository.list_due_keys(conn, community_id=community_id, at=now)
        for key_id in ended:
            # The keys first: without them what is still there is noise.
            await keys.destroy_person_key(key_id)
        frames = [UUID(int=0)] * _BATCH
        while len(frames) == _BATCH:
            async with db.transaction(scope, read_only=True) as conn:
                frames = await repository.list_due_frames(conn, community_id=community_id, at=now, limit=_BATCH)
            for frame_id in frames:
                # The object before the row, which alone tells where it lies.
                await objects.delete(frame_object(community_id, frame_id))
                async with db.transaction(scope) as conn:
                    await repository.delete_frame(conn, community_id=community_id, frame_id=frame_id)
            removed += len(frames)
        for key_id in ended:
            async with db.transaction(scope) as conn:
                await repository.delete_key(conn, community_id=community_id, key_id=key_id)
    return removed


async def sweep(db: Database, objects: ObjectStore) -> int:
    """Remove objects of pictures that there are not; how many. The worker's.

    One is left by a crash between storing it and seeing that the community has turned pictures off meanwhile. However
    young: a picture is written down before its object is stored, so what is listed here was, and is no more.
    """
    removed = 0
    batch: dict[UUID, str] = {}
    async for key in objects.list(FRAMES_PREFIX):
        batch[UUID(key.rpartition("/")[2])] = key
        if len(batch) == _BATCH:
            removed += await _remove_unknown(db, objects, batch)
            batch = {}
    return removed + await _remove_unknown(db, objects, batch)


async def _remove_unknown(db: Database, objects: ObjectStore, batch: Mapping[UUID, str]) -> int:
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        unknown = batch.keys() - await repository.known_frames(conn, frame_ids=[*batch])
    for frame_id in unknown:
        await objects.delete(batch[frame_id])
    return len(unknown)


def _bound(community_id: UUID, frame_id: UUID) -> str:
    return f"denied/{community_id}/{frame_id}/{_VERSION}"

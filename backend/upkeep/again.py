"""Doing again, in a restored system, what was done after its backup was made: ends and erasures. Before it serves."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from backend.audit import service as audit
from backend.consent.service import Purpose
from backend.gates import service as gates
from backend.households.errors import TenancyEnded
from backend.keys.service import Keys
from backend.kit.db import Connection, Database, Scope
from backend.privacy import service as privacy
from backend.privacy.repository import ErasureRow
from backend.privacy.saga import Saga
from backend.upkeep import repository
from backend.upkeep.repository import EndRow, FaceRow

__all__ = ["carry_out", "end_again", "erase_again"]

_REVOKED = "revoked before a backup was restored"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_NOBODY = UUID(int=0)
_CHUNK = 5_000


async def end_again(api: Database, worker: Database, ends: Sequence[EndRow], *, now: datetime) -> list[UUID]:
    """End what stands again although it had ended; the erasures that begin with it.

    Args:
        api: the restored data under the API's role.
        worker: the same under the worker's.
        ends: what had ended in the system before, tenancies first.
        now: UTC.
    """
    begun: list[UUID] = []
    for first in range(0, len(ends), _CHUNK):
        async with worker.transaction(Scope(platform=True), read_only=True) as conn:
            back = await repository.list_standing(conn, things=ends[first : first + _CHUNK])
        for end in back:
            async with api.transaction(Scope(community_id=end.community_id)) as conn:
                begun += [erasure.erasure_id for erasure in await _end(conn, end, now)]
                await audit.record(
                    conn,
                    community_id=end.community_id,
                    actor="system",
                    action=f"{end.kind}.{'revoke' if end.kind == 'gate' else 'end'}",
                    target=f"{end.kind}:{end.thing_id}",
                    reason="restored backup",
                )
    return begun


async def _end(conn: Connection, end: EndRow, now: datetime) -> list[ErasureRow]:
    match end.kind:
        case "tenancy":
            try:
                return await privacy.end_tenancy(conn, community_id=end.community_id, tenancy_id=end.thing_id, now=now)
            except TenancyEnded:
                return []
        case "member":
            return await privacy.end_member(conn, community_id=end.community_id, member_id=end.thing_id, now=now)
        case "gate":
            await gates.revoke(conn, community_id=end.community_id, gate_id=end.thing_id, reason=_REVOKED, now=now)
            return []


async def erase_again(api: Database, worker: Database, keys: Keys, *, now: datetime) -> list[UUID]:
    """Begin to erase the faces that came back although their keys are gone; the erasures.

    A key that is younger than the face is another one: the person was erased and came back since.

    Args:
        api: the restored data under the API's role.
        worker: the same under the worker's.
        keys: the key store.
        now: UTC.
    """
    last: dict[UUID, datetime] = {}
    for tombstone in await keys.tombstones():
        last[tombstone.person_id] = max(tombstone.destroyed_at, last.get(tombstone.person_id, _BEGINNING))
    begun: list[UUID] = []
    beyond = _NOBODY
    while faces := await _faces(worker, beyond):
        beyond = faces[-1].person_id
        held = await keys.person_keys([face.person_id for face in faces])
        for face in faces:
            if face.person_id in held and last.get(face.person_id, _BEGINNING) < face.newest_at:
                continue
            async with api.transaction(Scope(person_id=face.person_id)) as conn:
                erasure = await privacy.withdraw_consent(
                    conn, person_id=face.person_id, purpose=Purpose.FACE_ACCESS, now=now
                )
            # None: it was being erased when the backup was made, and the worker goes on with that.
            if erasure is not None:
                begun.append(erasure.erasure_id)
    return begun


async def _faces(worker: Database, beyond: UUID) -> list[FaceRow]:
    async with worker.transaction(Scope(platform=True), read_only=True) as conn:
        return await repository.list_faces(conn, beyond=beyond, limit=_CHUNK)


async def carry_out(saga: Saga, erasures: Sequence[UUID]) -> None:
    """As far as no gate is needed; the worker waits for those."""
    for erasure_id in erasures:
        await saga.resume(erasure_id)

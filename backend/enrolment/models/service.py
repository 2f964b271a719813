"""Rules of changing models: begin, see how far it is, end it or call it off. What takes long is job.py's."""

from datetime import datetime, timedelta
from uuid import UUID

from backend.audit import service as audit
from backend.enrolment.models import repository
from backend.enrolment.models.errors import (
    ModelChangeNotFound,
    ModelChangeOver,
    ModelChangeRunning,
    PackInUse,
    PeopleWaitedFor,
)
from backend.enrolment.models.repository import ChangeRow, ProgressRow
from backend.kit.db import Connection

__all__ = ["begin", "call_off", "end", "read"]


async def begin(
    conn: Connection, *, community_id: UUID, to_pack: str, days: int, staff_id: UUID, now: datetime
) -> None:
    """Begin a change to a pack that this server has.

    Raises:
        ModelChangeRunning: one is under way.
        PackInUse: all faces are of that pack.
    """
    if await repository.is_in_use(conn, community_id=community_id, pack=to_pack):
        raise PackInUse
    if not await repository.insert_change(
        conn,
        community_id=community_id,
        to_pack=to_pack,
        begun_by=staff_id,
        begun_at=now,
        ends_at=now + timedelta(days=days),
    ):
        raise ModelChangeRunning
    await _record(conn, community_id, staff_id, "models.change", to_pack)


async def read(conn: Connection, *, community_id: UUID) -> tuple[ChangeRow, ProgressRow]:
    """The change under way, or the last one, and how far it has come.

    Raises:
        ModelChangeNotFound: there has been none.
    """
    row = await repository.get_newest(conn, community_id=community_id)
    if row is None:
        raise ModelChangeNotFound
    return row, await repository.progress(conn, community_id=community_id, to_pack=row.to_pack)


async def end(conn: Connection, *, community_id: UUID, staff_id: UUID, now: datetime) -> None:
    """End the change before its last day, once nobody is waited for.

    Raises:
        ModelChangeNotFound, ModelChangeOver, PeopleWaitedFor: as the names say.
    """
    row = await _running(conn, community_id)
    waited_for = await repository.list_waited_for(
        conn, community_id=community_id, to_pack=row.to_pack, after=UUID(int=0), limit=1
    )
    if waited_for:
        raise PeopleWaitedFor
    await repository.update_state(
        conn, community_id=community_id, change_id=row.change_id, state="finishing", cancelled=False, now=now
    )
    await _record(conn, community_id, staff_id, "models.end", row.to_pack)


async def call_off(conn: Connection, *, community_id: UUID, staff_id: UUID, now: datetime) -> None:
    """Go back to the templates of before; those of the new pack are erased.

    Raises:
        ModelChangeNotFound, ModelChangeOver: as the names say.
    """
    row = await _running(conn, community_id)
    await repository.update_state(
        conn, community_id=community_id, change_id=row.change_id, state="cancelling", cancelled=True, now=now
    )
    await _record(conn, community_id, staff_id, "models.call_off", row.to_pack)


async def _running(conn: Connection, community_id: UUID) -> ChangeRow:
    row = await repository.lock_open(conn, community_id=community_id)
    if row is None and await repository.get_newest(conn, community_id=community_id) is None:
        raise ModelChangeNotFound
    if row is None or row.state != "running":
        raise ModelChangeOver
    return row


async def _record(conn: Connection, community_id: UUID, staff_id: UUID, action: str, pack: str) -> None:
    await audit.record(
        conn,
        community_id=community_id,
        actor=f"staff:{staff_id}",
        action=action,
        target=f"community:{community_id}",
        reason=pack,
    )

"""Rules of emergencies. Whoever changes something here publishes the plan in the same transaction."""

from datetime import datetime, timedelta
from uuid import UUID

from backend.doors.emergencies import repository
from backend.doors.emergencies.repository import EmergencyRow
from backend.doors.emergencies.schemas import Declaration
from backend.doors.errors import EmergencyNotFound, EmergencyOver
from backend.doors.service import require_groups
from backend.kit.db import Connection
from backend.kit.windows import check_window
from gate_sdk.wire import EmergencyMode

__all__ = ["LONGEST", "declare", "end"]

# Somebody has to look again every day whether the order is still needed; the table holds it to the same.
LONGEST = timedelta(hours=24)


async def declare(
    conn: Connection, *, community_id: UUID, order: Declaration, staff_id: UUID, now: datetime
) -> EmergencyRow:
    """Put an order in force from now. Where several go for a door, the latest counts.

    Raises:
        DoorGroupUnknown: the group is not the community's.
        WindowEmpty: it would be over at once.
        WindowTooLong: it would last longer than :data:`LONGEST`.
    """
    _, until = check_window(now, order.until, now=now, longest=LONGEST, ahead=LONGEST)
    if order.group_id is not None:
        await require_groups(conn, community_id=community_id, limits=[(order.group_id,)])
    admits = sorted({kind.value for kind in order.admits}) if order.mode is EmergencyMode.LOCKDOWN else []
    return await repository.insert_emergency(
        conn,
        community_id=community_id,
        mode=order.mode.value,
        group_id=order.group_id,
        admits=admits,
        reason=order.reason,
        note=order.note,
        declared_by=staff_id,
        until=until,
        now=now,
    )


async def end(conn: Connection, *, community_id: UUID, emergency_id: UUID, staff_id: UUID, now: datetime) -> None:
    """End an order before its time.

    Raises:
        EmergencyNotFound: there is no such order.
        EmergencyOver: it has ended already.
    """
    row = await repository.get_emergency(conn, community_id=community_id, emergency_id=emergency_id)
    if row is None:
        raise EmergencyNotFound
    if row.ended_at is not None or row.until <= now:
        raise EmergencyOver
    await repository.update_ended(
        conn, community_id=community_id, emergency_id=emergency_id, ended_by=staff_id, now=now
    )

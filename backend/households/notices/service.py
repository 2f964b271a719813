"""Rules of what households are told."""

from datetime import datetime, timedelta
from uuid import UUID

import structlog

from backend.households.notices import repository
from backend.households.notices.repository import EndingRow
from backend.kit.db import Connection, Database, Scope
from backend.notifications import service as notifications
from backend.notifications.kinds import Kind
from backend.notifications.service import News

__all__ = ["ENDING_SOON", "tell_ending", "tell_household"]

_log = structlog.get_logger(__name__)
#: How long before its end a household is told: enough to talk to the office or to look for another home.
ENDING_SOON = timedelta(days=30)
_BATCH = 200
# Those that fail come again at the next turn.
_MOST_BATCHES = 50


async def tell_household(
    conn: Connection,
    *,
    community_id: UUID,
    tenancy_id: UUID,
    kind: Kind,
    member_id: UUID,
    besides: UUID | None,
    now: datetime,
) -> None:
    """Tell everybody who lives there something about one member, but for the one who did it. Community's scope."""
    people = await repository.list_people(conn, community_id=community_id, tenancy_id=tenancy_id)
    news = [
        News(person_id=person_id, kind=kind, occasion=str(member_id), community_id=community_id, about_id=member_id)
        for person_id in people
        if person_id != besides
    ]
    await notifications.tell_all(conn, news=news, now=now)


async def tell_ending(db: Database, *, now: datetime) -> int:
    """Tell the households whose tenancies end within thirty days, once for each end that was set; how many."""
    told = 0
    for _ in range(_MOST_BATCHES):
        async with db.transaction(Scope(platform=True), read_only=True) as conn:
            ending = await repository.list_ending(conn, at=now, until=now + ENDING_SOON, limit=_BATCH)
        for row in ending:
            try:
                told += await _tell_ending(db, row, now)
            except Exception as error:  # noqa: BLE001 - one that fails must not keep the others from being told
                _log.warning("tenancy-end-not-told", tenancy=str(row.tenancy_id), error=type(error).__name__)
        if len(ending) < _BATCH:
            break
    return told


async def _tell_ending(db: Database, row: EndingRow, now: datetime) -> bool:
    async with db.transaction(Scope(community_id=row.community_id)) as conn:
        if not await repository.set_end_told(
            conn, community_id=row.community_id, tenancy_id=row.tenancy_id, ends_at=row.ends_at
        ):
            return False
        people = await repository.list_people(conn, community_id=row.community_id, tenancy_id=row.tenancy_id)
        news = [
            News(
                person_id=person_id,
                kind=Kind.TENANCY_ENDING,
                occasion=f"{row.tenancy_id}/{row.day}",
                community_id=row.community_id,
                about_id=row.tenancy_id,
                detail=row.day,
            )
            for person_id in people
        ]
        await notifications.tell_all(conn, news=news, now=now)
    return True

"""Rules of arrivals."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from backend.gates.arrivals import repository
from backend.kit.db import Connection
from backend.notifications import service as notifications
from backend.notifications.kinds import Kind
from backend.notifications.service import News
from gate_sdk.wire import EventKind, GateEvent, Outcome

__all__ = ["tell_arrivals"]

# A gate that was without a network tells of what is long over; nobody is to run to the door for that.
_FRESH_US = int(timedelta(minutes=15).total_seconds() * 1_000_000)


async def tell_arrivals(conn: Connection, *, community_id: UUID, events: Sequence[GateEvent], now: datetime) -> None:
    """Tell hosts and those who expect a delivery that their guest or courier was just let in.

    Of a pass once a day, however often he comes and goes; of a delivery once. In the transaction that keeps the events,
    in the community's scope.
    """
    now_us = int(now.timestamp() * 1_000_000)
    came = [
        (event.subject, datetime.fromtimestamp(event.at_us / 1_000_000, UTC))
        for event in events
        if event.kind is EventKind.ENTRY
        and event.outcome is Outcome.ALLOW
        and event.subject is not None
        and abs(now_us - event.at_us) <= _FRESH_US
    ]
    if not came:
        return
    expected = await repository.list_expected(
        conn, community_id=community_id, subjects=[who for who, _ in came], at=[at for _, at in came]
    )
    news = [
        News(
            person_id=row.person_id,
            kind=Kind.GUEST_ARRIVED if row.source == "pass" else Kind.DELIVERY_ARRIVED,
            occasion=f"{row.source_id}/{row.at.date()}" if row.source == "pass" else str(row.source_id),
            community_id=community_id,
            about_id=row.source_id,
        )
        for row in expected
    ]
    await notifications.tell_all(conn, news=news, now=now)

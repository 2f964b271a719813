"""Rules of what companies are told of their couriers' comings."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from backend.couriers.comings import repository
from backend.kit.db import Connection
from gate_sdk.wire import EventKind, GateEvent

__all__ = ["tell_companies"]


async def tell_companies(
    conn: Connection, *, community_id: UUID, gate_id: UUID, events: Sequence[GateEvent], now: datetime
) -> None:
    """Tell companies of their own couriers' entries, within their own shifts and deliveries and nothing else.

    In the transaction that keeps the events, after it has kept them, in the community's scope.
    """
    named = [event.seq for event in events if event.kind is EventKind.ENTRY and event.subject is not None]
    if named:
        await repository.insert_comings(
            conn, community_id=community_id, gate_id=gate_id, store_epoch=events[0].store_epoch, seqs=named, now=now
        )

"""Rules of entries."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from backend.entries import repository
from backend.entries.intake import check_batch, intake
from backend.kit.db import Connection
from gate_sdk.wire import EventReceipt, GateEvent

__all__ = ["record"]


async def record(
    conn: Connection, *, community_id: UUID, gate_id: UUID, events: Sequence[GateEvent], now: datetime
) -> EventReceipt:
    """Keep a gate's events, each once however often it is delivered.

    The receipt is true once the transaction has committed, and may be sent only then.

    Raises:
        BatchInvalid: no receipt could be given for it.
    """
    check_batch(events)
    kept = [intake(event, now=now) for event in events]
    await repository.insert_entries(conn, community_id=community_id, gate_id=gate_id, events=kept, now=now)
    return EventReceipt(store_epoch=events[-1].store_epoch, seq=events[-1].seq)

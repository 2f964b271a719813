"""Rules of entries."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from prometheus_client import Counter

from backend.entries import repository
from backend.entries.intake import Intake, check_batch, intake
from backend.kit.db import Connection
from backend.kit.metrics import REGISTRY
from gate_sdk.wire import EventReceipt, GateEvent

__all__ = ["TWO_GATES_WITHIN", "record"]

# Nobody walks from one gate to another in so short a time, unless the two are one passage; a code that does was copied.
TWO_GATES_WITHIN = timedelta(seconds=15)
_decisions = Counter(
    "doorward_decisions", "Decisions that gates have reported, each once, by outcome.", ("outcome",), registry=REGISTRY
)


async def record(
    conn: Connection, *, community_id: UUID, gate_id: UUID, events: Sequence[GateEvent], now: datetime
) -> EventReceipt:
    """Keep a gate's events, each once however often it is delivered.

    The receipt is true once the transaction has committed, and may be sent only then.

    A code that has opened another gate within moments is an alarm of this one's, once.

    Raises:
        BatchInvalid: no receipt could be given for it.
    """
    check_batch(events)
    kept = [intake(event, now=now) for event in events]
    new = await repository.insert_entries(conn, community_id=community_id, gate_id=gate_id, events=kept, now=now)
    for event in kept:
        if event.seq in new and event.outcome is not None:
            # Should the transaction fail after this, it comes again and is counted again: rare.
            _decisions.labels(event.outcome).inc()
    shown = [e for e in kept if e.seq in new and e.credential is not None and not e.clock_wrong]
    if shown:
        await _note_doubles(conn, community_id=community_id, gate_id=gate_id, shown=shown, now=now)
    return EventReceipt(store_epoch=events[-1].store_epoch, seq=events[-1].seq)


async def _note_doubles(
    conn: Connection, *, community_id: UUID, gate_id: UUID, shown: Sequence[Intake], now: datetime
) -> None:
    # Two gates that tell at the same moment would each not see the other's event.
    await repository.hold_doubles(conn, community_id=community_id)
    await repository.insert_doubles(
        conn, community_id=community_id, gate_id=gate_id, events=shown, within=TWO_GATES_WITHIN, now=now
    )

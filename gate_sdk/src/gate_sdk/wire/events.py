"""What gates tell the server: entries and alarms, delivered at least once and counted once (MessagePack)."""

from enum import StrEnum
from uuid import UUID

import msgspec

from gate_sdk.wire.decision import Outcome, Reason, Via

__all__ = ["MAX_BATCH", "EventBatch", "EventKind", "EventReceipt", "GateEvent"]


# Batches stay small enough to be committed within one request on a slow database.
MAX_BATCH = 500


class EventKind(StrEnum):
    """``entry`` is a decision about an approach; ``alarm`` is something the community's staff should know."""

    ENTRY = "entry"
    ALARM = "alarm"


class GateEvent(msgspec.Struct, frozen=True):
    """One event. Its identity is (gate, ``store_epoch``, ``seq``).

    ``store_epoch`` is a random number made with the outbox's file, so that a replaced disk never reuses an identity;
    ``seq`` counts from 1 in it without gaps. ``at_us`` is microseconds since the Unix epoch by the gate's clock.
    ``subject`` is the roster's pseudonym of somebody let in or known and refused; of strangers nothing is kept, so
    theirs carry none. How near a face came to a template is told of nobody: it would be biometric data of him, and
    nothing needs it once the gate has decided.

    ``via`` is by what he wanted to pass. Of a code that let somebody in, ``credential`` names the key, token or card
    (``key:``, ``token:`` or ``card:`` and 16 hexadecimal digits), so that a code shown at two gates is seen, and
    ``use`` is the number under which a token's limited use is counted, once, however often it is told.
    """

    store_epoch: int
    seq: int
    kind: EventKind
    at_us: int
    outcome: Outcome | None = None
    reason: Reason | None = None
    subject: UUID | None = None
    stale_for_s: float | None = None
    detail: str | None = None
    via: Via | None = None
    credential: str | None = None
    use: UUID | None = None


class EventBatch(msgspec.Struct, frozen=True):
    """At most :data:`MAX_BATCH` events, in the order of their sequence numbers."""

    events: tuple[GateEvent, ...]


class EventReceipt(msgspec.Struct, frozen=True):
    """The server has committed every event of this store epoch up to ``seq``; the gate may forget them."""

    store_epoch: int
    seq: int

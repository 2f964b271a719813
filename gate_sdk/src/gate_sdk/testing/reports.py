"""What gates told the fake server: events, pictures of denied approaches, their health, uses of codes."""

from __future__ import annotations

from collections import Counter
from typing import TypeAlias
from uuid import UUID

import msgspec

from gate_sdk.testing.http import Refusal
from gate_sdk.wire import (
    MAX_BATCH,
    DeniedFrame,
    EventBatch,
    EventReceipt,
    FrameReceipt,
    GateEvent,
    GateHealth,
    UseAnswer,
    UseClaim,
)

__all__ = ["FakeReports", "Identity"]

#: Gate, store epoch, sequence: what makes an event the same when it comes again.
Identity: TypeAlias = tuple[UUID, int, int]


class FakeReports:
    """Counts each event once and each use of a code once, however often it comes. Bodies are msgpack."""

    def __init__(self) -> None:
        self.events: dict[Identity, GateEvent] = {}
        self.deliveries: Counter[Identity] = Counter()
        self.frames: dict[Identity, DeniedFrame] = {}
        self.health: dict[UUID, GateHealth] = {}
        self._uses: dict[bytes, tuple[int, set[UUID]]] = {}

    def limit(self, token_id: bytes, uses: int) -> None:
        """Let a visitor's code (8 bytes) be used so often."""
        self._uses[token_id] = (uses, set())

    def take_events(self, gate: UUID, body: bytes) -> EventReceipt:
        """Keep a batch of events.

        Raises:
            Refusal: it is empty or too large.
        """
        batch = msgspec.msgpack.decode(body, type=EventBatch)
        if not 0 < len(batch.events) <= MAX_BATCH:
            raise Refusal(422, "batch-size")
        for event in batch.events:
            identity = (gate, event.store_epoch, event.seq)
            self.deliveries[identity] += 1
            self.events.setdefault(identity, event)
            if event.use is not None and event.credential is not None:
                _, uses = self._uses.setdefault(bytes.fromhex(event.credential.partition(":")[2]), (0, set()))
                uses.add(event.use)
        last = batch.events[-1]
        return EventReceipt(store_epoch=last.store_epoch, seq=last.seq)

    def take_frame(self, gate: UUID, body: bytes, *, wanted: bool) -> FrameReceipt:
        """Keep a picture of a denied approach, where the community wants any."""
        frame = msgspec.msgpack.decode(body, type=DeniedFrame)
        if wanted:
            self.frames[gate, frame.store_epoch, frame.seq] = frame
        return FrameReceipt(kept=wanted)

    def take_health(self, gate: UUID, body: bytes) -> None:
        """Keep what a gate tells of how it is doing."""
        self.health[gate] = msgspec.msgpack.decode(body, type=GateHealth)

    def count_use(self, _: UUID, body: bytes) -> UseAnswer:
        """Count a use of a visitor's code across gates; whether there was one left."""
        claim = msgspec.msgpack.decode(body, type=UseClaim)
        most, uses = self._uses.get(claim.token_id, (0, set()))
        allowed = claim.use in uses or len(uses) < most
        if allowed:
            uses.add(claim.use)
        return UseAnswer(allowed=allowed, left=max(0, most - len(uses)))

"""Writes down what was decided: the event before the answer, and the picture of a denial where such are kept."""

from __future__ import annotations

import logging

import msgspec

from gate_sdk._camera import Camera
from gate_sdk._clock import TrustedTime
from gate_sdk._decision import Decision
from gate_sdk._frames.store import FrameStore
from gate_sdk._outbox.events import alarm, report
from gate_sdk._outbox.store import Outbox
from gate_sdk._sync.engine import SyncEngine
from gate_sdk._tracing import decided
from gate_sdk.errors import GateError
from gate_sdk.wire import FRAME_REASONS, DeniedFrame, Outcome, Via

__all__ = ["Journal"]

_log = logging.getLogger("gate_sdk")


class Journal:
    """Safe for several threads."""

    def __init__(
        self, outbox: Outbox, frames: FrameStore, engine: SyncEngine, camera: Camera, time: TrustedTime
    ) -> None:
        self._outbox = outbox
        self._frames = frames
        self._engine = engine
        self._camera = camera
        self._time = time

    def reported(self, decision: Decision) -> Decision:
        """The decision with the number of its event, which is on the disk; as it is where it is nobody's entry."""
        event = report(decision)
        if event is None:
            return decision
        decided(decision)
        seq = self._outbox.append(event)
        if seq is not None and decision.outcome is Outcome.DENY:
            self._keep_picture(decision, seq)
        return msgspec.structs.replace(decision, event=seq)

    def alarm(self, code: str) -> None:
        """Tell the community's staff something, by its code."""
        self._outbox.append(alarm(code, self._time.now_us()))

    def _keep_picture(self, decision: Decision, seq: int) -> None:
        """Keep the picture of a face that was refused, if the community has such pictures kept; once."""
        head = self._engine.roster.head
        if head is None or decision.via is not Via.FACE or decision.reason not in FRAME_REASONS:
            return
        jpeg = self._camera.crop(decision)
        if jpeg is None:
            return
        frame = DeniedFrame(
            store_epoch=self._outbox.store_epoch,
            seq=seq,
            at_us=decision.at_us,
            reason=decision.reason,
            jpeg=jpeg,
        )
        try:
            self._frames.add(frame, head, self._time.now_us())
        except GateError as error:
            # Nobody waits at the gate for a picture.
            _log.warning("a picture of a denied approach is not kept (%s)", error.code)
        self._outbox.wake.set()

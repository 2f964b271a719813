"""The fake server's homes: what gates ask them, and what they say."""

from __future__ import annotations

import time
from uuid import UUID

from gate_sdk.wire import AskRequest, AskState

__all__ = ["FakeHomes"]


class FakeHomes:
    """Not safe for several threads; the backend's lock guards it."""

    def __init__(self) -> None:
        #: By approach; each once, however often it was asked.
        self.asked: dict[UUID, AskRequest] = {}
        self._answers: dict[UUID, AskState] = {}
        self._until: dict[UUID, float] = {}

    def ask(self, request: AskRequest) -> float:
        """Take a question; for how many seconds it still stands."""
        if request.approach not in self.asked:
            self.asked[request.approach] = request
            self._until[request.approach] = time.monotonic() + request.for_s
        return max(0.0, self._until[request.approach] - time.monotonic())

    def answer(self, approach: UUID, *, approve: bool) -> bool:
        """Say yes or no; whether the question still stood."""
        if self.state(approach) is not AskState.WAITING:
            return False
        self._answers[approach] = AskState.APPROVED if approve else AskState.DENIED
        return True

    def state(self, approach: UUID) -> AskState:
        """Where the question stands."""
        if approach in self._answers:
            return self._answers[approach]
        return AskState.WAITING if time.monotonic() < self._until.get(approach, 0.0) else AskState.CLOSED

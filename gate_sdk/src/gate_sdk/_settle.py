"""What becomes of a decision that needs something more."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from gate_sdk._asking import Questions
from gate_sdk._camera import Camera
from gate_sdk._codes.desk import CodeDesk
from gate_sdk._decision import Decision
from gate_sdk._link import Link
from gate_sdk.wire import Outcome, Reason, Via

__all__ = ["settle"]

_FINAL = {Outcome.ALLOW, Outcome.DENY}
# What is left for the second question, however long the first one took: one round trip.
_LEAST_S = 1.0


def settle(
    decision: Decision,
    *,
    timeout: float,
    code: str | None,
    pin: str | None,
    desk: CodeDesk,
    questions: Questions,
    camera: Camera,
    link: Link,
    reported: Callable[[Decision], Decision],
) -> Decision:
    """Do what :meth:`gate_sdk.GateClient.resolve` says."""
    if decision.outcome in _FINAL:
        return decision
    began = time.monotonic()
    settled: Decision | None = None
    if decision.reason is Reason.USE_UNCOUNTED:
        settled = desk.count(decision, link, timeout)
    elif decision.reason is Reason.ASK_FIRST:
        settled = questions.settle(decision, link, timeout)
    elif decision.reason is Reason.PIN_NEEDED and pin is not None:
        settled = desk.with_pin(decision, pin)
    elif decision.reason is Reason.AMBIGUOUS and code is not None and decision.via is Via.FACE:
        candidates = camera.doubt(decision)
        if candidates is not None:
            settled = desk.second_factor(decision, candidates, code)
    if settled is None:
        settled = msgspec.structs.replace(decision, outcome=Outcome.DENY, event=None)
    settled = reported(settled)
    if settled.outcome in _FINAL:
        if settled.allowed:
            camera.let_in(settled)
        return settled
    # Whoever stands between look-alikes, or whose home has said yes, and has a token with counted uses: both are one.
    return settle(
        settled,
        timeout=max(_LEAST_S, timeout - (time.monotonic() - began)),
        code=None,
        pin=pin,
        desk=desk,
        questions=questions,
        camera=camera,
        link=link,
        reported=reported,
    )

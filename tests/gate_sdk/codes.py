"""What the tests of codes share: gates at a fake server whose clock is moved by hand."""

from gate_sdk import Decision, GateClient, Outcome, Reason
from gate_sdk.testing import FakeBackend
from tests.gate_sdk.conftest import HandClock, OpenGate

__all__ = ["ALLOWED", "HOUR", "MINUTE", "denied", "said", "started", "synced"]

MINUTE, HOUR = 60_000_000, 3_600_000_000
ALLOWED = (Outcome.ALLOW, Reason.MATCHED)


def started(open_gate: OpenGate, clock: HandClock) -> GateClient:
    gate = open_gate(clock=clock)
    assert gate.start(wait=60)
    return gate


def said(decision: Decision) -> tuple[Outcome, Reason]:
    return decision.outcome, decision.reason


def denied(decision: Decision) -> Reason:
    assert decision.outcome is Outcome.DENY
    return decision.reason


def synced(gate: GateClient, backend: FakeBackend) -> None:
    assert backend.wait_for(lambda: any(at.version == backend.roster.version for at in backend.acknowledged.values()))
    # Acknowledged with the next poll, so the gate has it.
    assert gate.status().version == backend.roster.version

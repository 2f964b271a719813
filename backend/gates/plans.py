"""Which plan of its community's doors a gate holds, beside the one that it should."""

from typing import TypeAlias

from backend.gates.rosters import HeadRow
from gate_sdk.wire import PlanRef

__all__ = ["Held", "is_news", "plan_of"]

#: The SHA-256 of the plan that a gate has, empty where it has none; ``None`` of a gate that knows no plans.
Held: TypeAlias = bytes | None


def plan_of(head: HeadRow) -> PlanRef | None:
    """How the head names the plan."""
    if head.plan_revision is None or head.plan_sha256 is None:
        return None
    return PlanRef(revision=head.plan_revision, sha256=head.plan_sha256)


def is_news(held: Held, plan: PlanRef | None) -> bool:
    """Whether the gate lacks the plan: it is sent along, and a poll is not kept waiting."""
    return held is not None and held != (b"" if plan is None else plan.sha256)

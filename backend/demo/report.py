"""What the demo saw, as data: for the table, the JSON file and the page."""

from pathlib import Path
from statistics import median
from typing import Literal

import msgspec

from backend.demo.certificate import CertificateSeen
from backend.demo.gate import GateVerdict

__all__ = ["STAGES", "Approach", "DemoReport", "Summary", "summarise", "what_failed"]

# In the order in which they happen.
STAGES = ("decode", "detect", "align", "embed", "match", "total")
Expected = Literal["allow", "deny"]
# A sanity bound on recognition, not its measurement (that is `doorward-gate evaluate`): beyond it something is broken.
MOST_REFUSED = 0.15
MOST_STRANGERS_ADMITTED = 0.02


class Approach(msgspec.Struct, frozen=True):
    """Somebody before the gate: who, in which role, what should happen, and what the gate decided."""

    who: str
    role: str
    expected: Expected
    photo: str
    verdict: GateVerdict

    @property
    def right(self) -> bool:
        """Whether the decision was the right one."""
        return self.verdict.allowed == (self.expected == "allow")


class Summary(msgspec.Struct, frozen=True):
    """Counts, and the times of the decisions in milliseconds."""

    shown: int
    wrong: int
    members_shown: int
    members_refused: int
    strangers_shown: int
    strangers_admitted: int
    ms_median: dict[str, float]


class DemoReport(msgspec.Struct, frozen=True):
    """The whole run. ``move_out_to_refusal_s`` is from the call that ended the tenancy to the gate's first refusal."""

    ok: bool
    failure: str | None
    note: str
    capture_policy: str
    enrolled: int
    failed_to_enrol: int
    approaches: tuple[Approach, ...]
    summary: Summary
    move_out_to_refusal_s: float | None
    erasure: dict[str, object] | None
    certificate: CertificateSeen | None
    seconds: dict[str, float]

    def write(self, path: Path) -> None:
        """As indented JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")


def summarise(approaches: tuple[Approach, ...]) -> Summary:
    """Count what happened. Strangers are those who never had a right to pass."""
    strangers = [a for a in approaches if a.role == "stranger"]
    members = [a for a in approaches if a.expected == "allow"]
    measured = {stage for a in approaches for stage in a.verdict.ms}
    stages = [stage for stage in STAGES if stage in measured]
    return Summary(
        shown=len(approaches),
        wrong=sum(not a.right for a in approaches),
        members_shown=len(members),
        members_refused=sum(not a.right for a in members),
        strangers_shown=len(strangers),
        strangers_admitted=sum(not a.right for a in strangers),
        ms_median={stage: median(a.verdict.ms.get(stage, 0.0) for a in approaches) for stage in stages},
    )


def what_failed(approaches: tuple[Approach, ...]) -> str | None:
    """Why the run does not count as good, or None.

    Whoever lost his right must be refused, every one. Recognition may err as recognition does, within a sanity bound.
    """
    for approach in approaches:
        if approach.role != "stranger" and approach.expected == "deny" and not approach.right:
            return f"{approach.role} was let in"
    summary = summarise(approaches)
    if summary.members_refused > MOST_REFUSED * summary.members_shown:
        return f"{summary.members_refused} of {summary.members_shown} approaches of people with a right were refused"
    if summary.strangers_admitted > max(1, MOST_STRANGERS_ADMITTED * summary.strangers_shown):
        return f"{summary.strangers_admitted} of {summary.strangers_shown} strangers were let in"
    return None

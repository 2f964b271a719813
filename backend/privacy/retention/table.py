"""The table: everything that is kept, how long, why, and by which law. No period stands anywhere else.

Where another part of the software needs the same time (a code's life, a limit's window, a grace that a consent text
promises), it stands there and is named here. The rules themselves stand in kept, by what they are about.
"""

from collections.abc import Mapping

from backend.privacy.retention.kept.faces import FACES
from backend.privacy.retention.kept.gates import GATES
from backend.privacy.retention.kept.proofs import PROOFS
from backend.privacy.retention.kept.register import REGISTER
from backend.privacy.retention.kept.running import RUNNING
from backend.privacy.retention.kept.visits import VISITS
from backend.privacy.retention.rules import Rule, in_words

__all__ = ["RULES", "markdown"]

RULES: Mapping[str, Rule] = {rule.key: rule for rule in (*FACES, *GATES, *VISITS, *REGISTER, *PROOFS, *RUNNING)}


def markdown() -> str:
    """The rules as a table, for docs/retention.md."""
    lines = [
        "| what | how long | since, or until | why | law | a community may set | rule |",
        "|---|---|---|---|---|---|---|",
    ]
    for rule in RULES.values():
        bounds = "" if rule.bounds is None else f"{rule.bounds.least} to {rule.bounds.most} days"
        cells = (rule.what, in_words(rule.period), rule.since, rule.why, ", ".join(rule.laws), bounds, f"`{rule.key}`")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"

"""What the runbook says to look for is there: its queries run, and the programs say the words that it names."""

import re
from pathlib import Path

import asyncpg
import pytest

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs/runbook.md").read_text("utf-8")
_SPANS = [
    " ".join(span.split())
    for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", re.sub(r"```.*?```", "", RUNBOOK, flags=re.DOTALL))
]
QUERIES = [span for span in _SPANS if span.startswith("SELECT ")]
# What stands in a log: words with hyphens between, and what is quoted from a line of it.
EVENTS = sorted({span for span in _SPANS if re.fullmatch(r"[a-z]+(?:-[a-z]+)+|roster diverged", span)})
# Problems' codes of the API, and programs, look the same.
_PROGRAMS = {"doorward-gate"}


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:40])
async def test_a_query_that_an_operator_is_given_runs(query: str, owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    await owner.fetch(query)


def test_the_runbook_has_queries_and_names_what_the_logs_say() -> None:
    assert len(QUERIES) >= 6
    assert {"worker-started", "worker-leads", "duty-failed", "schema-behind", "migrations-outstanding"} <= set(EVENTS)


@pytest.mark.parametrize("event", [event for event in EVENTS if event not in _PROGRAMS])
def test_what_an_operator_is_to_look_for_in_a_log_or_an_answer_is_said_somewhere(event: str) -> None:
    sources = [*(ROOT / "backend").rglob("*.py"), *(ROOT / "gate_sdk/src").rglob("*.py")]
    assert any(f'"{event}"' in source.read_text("utf-8") for source in sources)

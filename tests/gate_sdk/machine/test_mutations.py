"""Every fault of the written list is found: by the machine, or by the test that the list names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.gate_sdk.machine.mutations import MUTATIONS
from tests.gate_sdk.machine.planting import VARIABLE
from tests.gate_sdk.machine.test_machine import SHORT
from tests.gate_sdk.machine.world import Community

ROOT = Path(__file__).parents[3]
SEARCH = settings(SHORT, max_examples=120, stateful_step_count=25, report_multiple_bugs=False)
BY_MACHINE = [name for name, mutation in MUTATIONS.items() if mutation.found_by is None]
BY_NAME = [name for name, mutation in MUTATIONS.items() if mutation.found_by is not None]


def test_there_are_twenty_and_more() -> None:
    assert len(MUTATIONS) >= 20


@pytest.mark.deep
@pytest.mark.parametrize("description", BY_MACHINE)
def test_planted_fault_is_found_by_the_machine(description: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTATIONS[description].plant(monkeypatch)
    with pytest.raises(Exception) as found:
        run_state_machine_as_test(Community, settings=SEARCH)
    said = str(found.value).splitlines()[0] if str(found.value) else type(found.value).__name__
    print(f"{description}: {type(found.value).__name__}: {said}")


@pytest.mark.deep
@pytest.mark.parametrize("description", BY_NAME)
def test_planted_fault_is_found_by_the_test_that_is_named(description: str) -> None:
    # A run of its own: the plant must be in place before the test's fixtures make a gate.
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.gate_sdk.machine.planting", "-p", "no:cacheprovider",
         f"tests/gate_sdk/{MUTATIONS[description].found_by}"],
        cwd=ROOT, env={**os.environ, VARIABLE: description}, capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip
    # 1: tests ran and failed. Anything else is a test that does not exist, or a plant that does not take.
    assert run.returncode == 1, run.stdout
    assert " failed" in run.stdout
    assert " error" not in run.stdout

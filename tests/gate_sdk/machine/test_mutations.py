"""Every fault of the written list is found by the machine, by what must be true and not by a crash."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.gate_sdk.machine.mutations import MUTATIONS
from tests.gate_sdk.machine.test_machine import SHORT
from tests.gate_sdk.machine.world import Community

SEARCH = settings(SHORT, max_examples=100, stateful_step_count=25, report_multiple_bugs=False)


def test_there_are_twenty_and_more() -> None:
    assert len(MUTATIONS) >= 20


@pytest.mark.deep
@pytest.mark.parametrize("description", MUTATIONS)
def test_planted_fault_is_found(description: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation = MUTATIONS[description]
    mutation.plant(monkeypatch)
    with pytest.raises(AssertionError) as found:
        run_state_machine_as_test(Community, settings=SEARCH)
    said = str(found.value)
    print(f"{description}: {said}")
    assert said.startswith(mutation.seen)

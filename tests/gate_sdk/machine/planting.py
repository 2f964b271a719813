"""A pytest plugin (``-p tests.gate_sdk.machine.planting``): plants one fault for each test of a run of its own."""

import os

import pytest

from tests.gate_sdk.machine.mutations import MUTATIONS

# Not of DOORWARD_: settings refuse names of theirs that they do not know.
VARIABLE = "PLANTED_FAULT"


@pytest.fixture(autouse=True)
def planted_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    MUTATIONS[os.environ[VARIABLE]].plant(monkeypatch)

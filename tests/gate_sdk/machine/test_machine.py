"""Whatever the network, somebody on it, a power cut or a clock does: each gate's roster is the server's.

Two gates follow one server through a network that loses, doubles, delays, reorders and cuts, and on which somebody sits
who replays, withholds and forges; processes end within commits, disks fill, files break, clocks are set back, gates are
taken out of service. After every round each gate has a roster that the server had and signed, never an older one than
before, and nobody in it whose time has ended; it lets in by face and by code whom that roster lets in at that moment,
with or without a network. After every quiet moment it has the server's own, has acknowledged what its disk holds, and
has delivered every event once. What is true is known from the machine's own account (`model.py`, `server.py`), not
from the code that is looked at. `mutations.py` shows that it would notice if it were otherwise.
"""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.gate_sdk.machine.world import Community

SHORT = settings(
    max_examples=12,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),
)


def test_gates_follow_their_server_whatever_happens() -> None:
    run_state_machine_as_test(Community, settings=SHORT)


@pytest.mark.deep
def test_gates_follow_their_server_whatever_happens_for_long() -> None:
    run_state_machine_as_test(Community, settings=settings(SHORT, max_examples=100, stateful_step_count=30))

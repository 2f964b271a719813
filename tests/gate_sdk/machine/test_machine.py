"""Whatever the network, somebody on it, a power cut or a clock does: each gate's roster is the server's.

Two gates follow one server through a network that loses, doubles, delays, reorders and cuts, and on which somebody sits
who replays, withholds and forges; processes end within commits, disks fill, files break, clocks are set back. After
every step each gate has a roster that the server had, never an older one than before; after every quiet moment it has
the server's own, lets in exactly whom the server lets in, has acknowledged what its disk holds, and has delivered every
event once. `mutations.py` shows that it would notice if it were otherwise.
"""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.gate_sdk.machine.world import Community

SHORT = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),
)


def test_gates_follow_their_server_whatever_happens() -> None:
    run_state_machine_as_test(Community, settings=SHORT)


@pytest.mark.deep
def test_gates_follow_their_server_whatever_happens_for_long() -> None:
    run_state_machine_as_test(Community, settings=settings(SHORT, max_examples=150, stateful_step_count=50))


def test_refused_head_does_not_come_back_with_its_sequence() -> None:
    """Old pages played back leave a cursor of an older sequence; its head is refused once, and not for ever."""
    community = Community()
    community.build(people=6, peaceful=False)
    for number, which, faults in (
        (0, 205, "smuggled smuggled forged withheld"),
        (1, 552, "foreign stale"),
        (1, 44, "ok stale stolen stale stale"),
        (1, 482, "swapped forged smuggled stale stale"),
        (1, 553, "stale stale"),
        (0, 320, "foreign withheld swapped forged stale"),
        (1, 47, "stale withheld"),
        (0, 676, "forged stolen"),
        (0, 0, "forged withheld"),
        (0, 0, "stale withheld swapped withheld smuggled"),
        (0, 0, "stale swapped stolen stale smuggled"),
        (0, 1, "stale stale"),
        (0, 0, "stale stale"),
        (0, 1, "stale stale"),
        (0, 2, "stale withheld"),
    ):
        community.somebody_stands_between(number=number, faults=faults.split(), which=which)
    community.teardown()

"""The end of a client: who may ask for it, what is left of it, and what a forked process has of it."""

import math
import sys
import threading
from pathlib import Path

import pytest

from gate_sdk import GateClient, GateClosedError, GateState, GateStatus, Outcome, Reason
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import GrantKind, RosterGrant
from tests.gate_sdk.conftest import OpenGate
from tests.gate_sdk.gate_process import script

_FORKING = """
import os, sys, time
from gate_sdk import GateClient, GateClosedError
from gate_sdk.testing import FakeBackend, synthetic as syn
backend = FakeBackend()
who = backend.add_person(syn.template(1))
given = {"transport": backend.transport}
GateClient.provision("https://fake", backend.claim(), data_dir=sys.argv[1], **given).close()
gate = GateClient(sys.argv[1], **given, recognition=syn.SyntheticRecognition())
assert gate.start(wait=60)
assert gate.decide(syn.frame(1)).event == 1
"""

_USED_IN_A_CHILD = (
    _FORKING
    + """
if os.fork() == 0:
    try:
        gate.decide(syn.frame(1))
    except GateClosedError:
        with gate:
            os._exit(0 if gate.status().state == "closed" else 3)
    os._exit(2)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
assert [gate.decide(syn.frame(1)).event for _ in range(2)] == [2, 3]
assert backend.wait_for(lambda: sorted(seq for _, _, seq in backend.events) == [1, 2, 3], 60)
gate.close()
"""
)

_OUTLIVED_BY_A_CHILD = (
    _FORKING
    + """
reading, writing = os.pipe()
if os.fork() == 0:
    os.close(writing)
    os.read(reading, 1)
    os._exit(0)
gate.close()
GateClient(sys.argv[1], **given).close()
os.close(writing)
os.wait()
"""
)


@pytest.mark.parametrize("code", [_USED_IN_A_CHILD, _OUTLIVED_BY_A_CHILD], ids=["used", "outlived"])
def test_forked_process_neither_numbers_events_nor_keeps_the_directory(code: str, tmp_path: Path) -> None:
    with script(code, str(tmp_path / "gate")) as process:
        assert process.wait(300) == 0


def test_close_in_the_callback_gives_the_directory_back(open_gate: OpenGate, gate_dir: Path) -> None:
    closed = threading.Event()

    def over(status: GateStatus) -> None:
        if status.state is GateState.ONLINE:
            gate.close()
            closed.set()

    gate = open_gate(on_state=over)
    gate.start(wait=60)
    assert closed.wait(60)
    gate.close()
    GateClient(gate_dir).close()


def test_callback_that_exits_does_not_end_the_sync(backend: FakeBackend, open_gate: OpenGate) -> None:
    gate = open_gate(on_state=lambda _: sys.exit(1))
    gate.start(wait=60)
    backend.add_person(syn.template(1))
    assert backend.wait_for(lambda: any(one.version == 1 for one in backend.acknowledged.values()))


def test_closed_gate_says_so_whatever_is_asked_of_it(backend: FakeBackend, open_gate: OpenGate) -> None:
    backend.add_person(syn.template(1))
    gate = open_gate()
    gate.start(wait=60)
    decision = gate.decide(syn.frame(1))
    gate.close()
    for ask in (
        lambda: gate.start(wait=600),
        lambda: gate.decide(syn.frame(1)),
        lambda: gate.observe(syn.frame(1)),
        lambda: gate.decide_qr("DW1:"),
        lambda: gate.resolve(decision, 1),
    ):
        with pytest.raises(GateClosedError):
            ask()
    assert gate.status().state is GateState.CLOSED


def test_whoever_waits_for_the_first_roster_is_let_go_when_the_gate_is_closed(
    backend: FakeBackend, open_gate: OpenGate
) -> None:
    gate = open_gate()
    backend.partition()
    confirmed: list[bool] = []
    waiting = threading.Thread(target=lambda: confirmed.append(gate.start(wait=3600)))
    waiting.start()
    assert backend.wait_for(lambda: backend.requests["token"] > 0, 60)
    gate.close()
    waiting.join(60)
    assert confirmed == [False]


@pytest.mark.parametrize("wait", [math.inf, 1e12])
def test_whoever_waits_for_as_long_as_it_takes_is_told_when_it_has_come(wait: float, open_gate: OpenGate) -> None:
    assert open_gate().start(wait=wait)


@pytest.mark.parametrize("wait", [math.nan, -1.0])
def test_wait_that_is_no_time_is_none(wait: float, backend: FakeBackend, open_gate: OpenGate) -> None:
    gate = open_gate()
    backend.partition()
    assert not gate.start(wait=wait)


def test_question_to_a_home_ends_with_the_gate(backend: FakeBackend, open_gate: OpenGate) -> None:
    backend.add_person(syn.template(1), (RosterGrant(kind=GrantKind.GUEST, from_us=0, ask_first=True),))
    gate = open_gate()
    gate.start(wait=60)
    decision = gate.decide(syn.frame(1))
    assert (decision.outcome, decision.reason) == (Outcome.NEEDS_APPROVAL, Reason.ASK_FIRST)
    ended: list[type[BaseException]] = []

    def settle() -> None:
        try:
            gate.resolve(decision, 3600)
        except GateClosedError as error:
            ended.append(type(error))

    asking = threading.Thread(target=settle)
    asking.start()
    assert backend.wait_for(lambda: bool(backend.asked))
    gate.close()
    asking.join(60)
    assert ended == [GateClosedError]

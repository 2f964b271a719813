"""Long fuzzing of what a camera may show."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate_sdk import GateClient, Outcome
from gate_sdk.testing import FakeBackend, Phone
from gate_sdk.wire import base45, canonical_key
from tests.gate_sdk.conftest import OpenGate

pytestmark = pytest.mark.deep

HARNESS = Path(__file__).with_name("fuzz_codes.py")
SECONDS = 60
# Any text, anything behind our prefix, and bytes that have the length and kind of one of ours.
TEXTS = st.one_of(
    st.text(max_size=400),
    st.text(alphabet=base45.ALPHABET, max_size=220).map(lambda rest: "DW1:" + rest),
    st.sampled_from([(1, 76), (2, 86), (3, 16)]).flatmap(
        lambda form: st.binary(min_size=form[1], max_size=form[1]).map(
            lambda rest: "DW1:" + base45.encode(bytes([form[0]]) + rest)
        )
    ),
)
LONG = settings(
    max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def gate(backend: FakeBackend, open_gate: OpenGate) -> GateClient:
    backend.add_phone(backend.add_person(), Phone(backend.roster.community))
    gate = open_gate()
    assert gate.start(wait=120)
    return gate


@LONG
@given(text=TEXTS, pin=st.one_of(st.none(), st.text(max_size=20)))
def test_no_made_up_text_opens_or_breaks_a_gate(gate: GateClient, text: str, pin: str | None) -> None:
    assert gate.decide_qr(text, pin=pin).outcome is Outcome.DENY


@LONG
@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading_of_keys(data: bytes) -> None:
    try:
        key = canonical_key(data)
    except ValueError:
        return
    assert canonical_key(key) == key


def test_guided_fuzzing_finds_nothing(tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("ATHERIS IS NOT INSTALLED (no wheel for this platform or Python): guided fuzzing did NOT run")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        [sys.executable, str(HARNESS), f"-max_total_time={SECONDS}", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=SECONDS * 10,
        check=False,
        cwd=tmp_path,
        env=environment,
    )
    assert ran.returncode == 0, ran.stderr[-2_000:]

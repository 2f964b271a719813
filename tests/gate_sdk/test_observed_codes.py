"""Codes that are held into the camera's picture."""

import io
import json
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import segno
from numpy.typing import NDArray
from PIL import Image

from gate_sdk import CodeReaderMissingError, Decision, GateClient, Outcome, Reason, Via
from gate_sdk._codes import reader
from gate_sdk._codes.reader import read_texts
from gate_sdk.commands import run
from gate_sdk.testing import FakeBackend, Phone
from gate_sdk.testing import synthetic as syn
from tests.gate_sdk.conftest import HandClock, OpenGate

Frame = NDArray[np.uint8]


@pytest.fixture
def backend(clock: HandClock) -> FakeBackend:
    return FakeBackend(now_us=lambda: clock.wall_us)


def picture(*texts: str) -> Frame:
    """A 720p frame with these codes side by side; nobody's face is in it."""
    frame = np.full((720, 1280, 3), 90, dtype=np.uint8)
    for at, text in enumerate(texts):
        out = io.BytesIO()
        segno.make(text, error="m", micro=False).save(out, kind="png", scale=6, border=4)
        code = np.asarray(Image.open(out).convert("RGB"))
        frame[200 : 200 + code.shape[0], 100 + 500 * at : 100 + 500 * at + code.shape[1]] = code
    return frame


def watched(gate: GateClient, clock: HandClock, frames: list[Frame]) -> list[Decision]:
    """What the gate says of these frames, fifteen a second."""

    def run() -> Iterator[Decision]:
        for frame in frames:
            decision = gate.observe(frame)
            clock.pass_(1 / 15)
            if decision is not None:
                yield decision

    return list(run())


def test_a_phone_held_into_the_picture_opens_once(backend: FakeBackend, open_gate: OpenGate, clock: HandClock) -> None:
    phone = Phone(backend.roster.community)
    backend.add_phone(backend.add_person(), phone)
    gate = open_gate(clock=clock)
    assert gate.start(wait=60)
    shown = picture(phone.code(clock.wall_us))
    (decision,) = watched(gate, clock, [shown] * 30)
    assert (decision.outcome, decision.via) == (Outcome.ALLOW, Via.QR)
    # The next code of a phone that never left the picture is the same approach.
    clock.wall_us += 30_000_000
    assert watched(gate, clock, [picture(phone.code(clock.wall_us))] * 4) == []
    away = [np.zeros((720, 1280, 3), dtype=np.uint8)] * 60
    assert watched(gate, clock, away) == []
    assert len(watched(gate, clock, [picture(phone.code(clock.wall_us))] * 4)) == 1


def test_a_payment_code_is_passed_over(backend: FakeBackend, open_gate: OpenGate, clock: HandClock) -> None:
    phone = Phone(backend.roster.community)
    backend.add_phone(backend.add_person(), phone)
    gate = open_gate(clock=clock)
    assert gate.start(wait=60)
    assert watched(gate, clock, [picture("https://example.com/pay?to=somebody")] * 10) == []
    both = picture("https://example.com/pay?to=somebody", phone.code(clock.wall_us))
    (decision,) = watched(gate, clock, [both] * 10)
    assert decision.allowed


def test_a_face_is_decided_about_as_before(backend: FakeBackend, open_gate: OpenGate, clock: HandClock) -> None:
    backend.add_person(syn.template(1))
    gate = open_gate(clock=clock)
    assert gate.start(wait=60)
    (decision,) = watched(gate, clock, [syn.frame(1)] * 30)
    assert (decision.reason, decision.via) == (Reason.MATCHED, Via.FACE)


def test_codes_may_be_left_out(backend: FakeBackend, open_gate: OpenGate, clock: HandClock) -> None:
    phone = Phone(backend.roster.community)
    backend.add_phone(backend.add_person(), phone)
    gate = open_gate(clock=clock, codes=False)
    assert gate.start(wait=60)
    assert watched(gate, clock, [picture(phone.code(clock.wall_us))] * 10) == []


def test_without_the_library_the_error_says_what_to_install(
    open_gate: OpenGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_gate().close()
    monkeypatch.setitem(sys.modules, "zxingcpp", None)
    reader._zxing.cache_clear()
    try:
        with pytest.raises(CodeReaderMissingError) as refused:
            open_gate(codes=True)
        assert "doorward-gate[qr]" in refused.value.remedy
        with pytest.raises(CodeReaderMissingError):
            read_texts(picture("x"))
    finally:
        monkeypatch.undo()
        reader._zxing.cache_clear()


@pytest.mark.parametrize("shape", [(1, 1, 3), (16, 64, 3), (720, 1280), (7, 3000, 3)])
def test_frames_of_any_size(shape: tuple[int, ...]) -> None:
    assert read_texts(np.random.default_rng(1).integers(0, 255, shape, dtype=np.uint8)) == []


def test_the_command_takes_codes_of_another_reader(backend: FakeBackend, open_gate: OpenGate, clock: HandClock) -> None:
    phone = Phone(backend.roster.community)
    guest = backend.add_person()
    backend.add_phone(guest, phone)
    token = backend.issue_token(guest, clock.wall_us, clock.wall_us + 3_600_000_000, uses=1)
    card = backend.issue_card(guest, "493817")
    gate = open_gate(clock=clock)
    assert gate.start(wait=60)
    lines = [
        f"qr:{phone.code(clock.wall_us)}",
        f"qr:{token}",
        f"qr:{card}",
        "pin:493817",
        "qr:nothing of ours",
        "pin:1",
    ]
    out = io.StringIO()
    run._answer(io.StringIO("\n".join(lines)), gate, run._Lines(out), run._decide)
    said = [json.loads(line) for line in out.getvalue().splitlines()]
    reasons = ["matched", "matched", "pin_needed", "matched", "code_unreadable"]
    assert [one["reason"] for one in said[:5]] == reasons
    assert [one["allowed"] for one in said[:5]] == [True, True, False, True, False]

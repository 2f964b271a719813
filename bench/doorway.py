"""One gate with the real SDK, its camera, and one guest whom it knows."""

import io
import threading
import time
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageEnhance
from skimage import data

from bench.guest import Guest
from bench.measure import Figure, Tell, Times
from gate_sdk import GateClient

__all__ = ["doorway"]

_REVOCATIONS = 20
_APPROACHES = 15
_FRAMES_PER_S = 15
# The face is gone for longer than the tracker waits for it, so that each approach is one.
_EMPTY_FRAMES = 18
_FACE_FRAMES = 18
_APPROACH_BAR_MS = 700.0
_PATIENCE_S = 20.0


def doorway(client: GateClient, guest: Guest, section: str, tell: Tell) -> Iterator[Figure]:
    """From the call to the refusal, and from the first frame to the open command."""
    client.load()
    assert client.start(wait=_PATIENCE_S)
    _decide_until(client, guest, allowed=True)
    tell(f"{_REVOCATIONS} revocations at one gate")
    yield _refusals(client, guest, section)
    tell(f"{_APPROACHES} approaches at {_FRAMES_PER_S} frames per second")
    yield _approaches(client, section)


def _refusals(client: GateClient, guest: Guest, section: str) -> Figure:
    seconds, decisions = [], []
    for _ in range(_REVOCATIONS):
        decisions.append(client.decide(guest.picture).ms.total / 1000)
        begin = time.perf_counter()
        # The call in a thread of its own: the gate may refuse before the host has read the answer.
        call = threading.Thread(target=guest.move_away)
        call.start()
        _decide_until(client, guest, allowed=False)
        seconds.append(time.perf_counter() - begin)
        call.join()
        guest.move_back()
        _decide_until(client, guest, allowed=True)
    times = Times.of(seconds)
    return Figure(
        section=section, name="revocation: API call to refusal at a gate", value=times.median_ms, unit="ms",
        detail=f"longest of {times.runs} {times.p99_ms:.0f} ms; the gate decides all the time",
        beside=f"one decision {Times.of(decisions).median_ms:.0f} ms",
    )  # fmt: skip


def _decide_until(client: GateClient, guest: Guest, *, allowed: bool) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while client.decide(guest.picture).allowed is not allowed:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the gate did not decide {'allow' if allowed else 'deny'}")


def _approaches(client: GateClient, section: str) -> Figure:
    empty = [_encoded(np.full((480, 640, 3), 110, dtype=np.uint8))] * _EMPTY_FRAMES
    seconds, frames = [], []
    for approach in range(_APPROACHES):
        took, used = _approach(client, empty, _walk(approach))
        seconds.append(took)
        frames.append(used)
    times = Times.of(seconds)
    return Figure(
        section=section, name=f"first face frame to open command, {_FRAMES_PER_S} frames/s", value=times.p95_ms,
        unit="ms", detail=f"p95 of {times.runs}, median {times.median_ms:.0f} ms, {max(frames)} frames at most",
        bar=f"p95 ≤ {_APPROACH_BAR_MS:.0f} ms", met=times.p95_ms <= _APPROACH_BAR_MS,
    )  # fmt: skip


def _approach(client: GateClient, empty: Sequence[bytes], walk: Sequence[bytes]) -> tuple[float, int]:
    """Seconds from the capture of the first frame with a face to the decision, and how many frames it took."""
    pictures = [*empty, *walk]
    begin = time.monotonic()
    number = -1
    while True:
        # A camera gives its newest frame: those that came while the gate was busy are lost.
        number = max(number + 1, int((time.monotonic() - begin) * _FRAMES_PER_S))
        captured = begin + number / _FRAMES_PER_S
        time.sleep(max(0.0, captured - time.monotonic()))
        decision = client.observe(pictures[number], at=captured)
        if decision is not None:
            assert decision.allowed, decision.reason
            return time.monotonic() - (begin + len(empty) / _FRAMES_PER_S), decision.frames


def _walk(seed: int) -> list[bytes]:
    """Somebody comes nearer: the free portrait, larger from frame to frame, swaying, in changing light."""
    portrait = Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]  # scikit-image has no types
    random = np.random.default_rng(seed)
    turn, light, x = random.uniform(-8, 8), random.uniform(0.7, 1.2), random.uniform(-40, 40)
    frames = []
    for number in range(_FACE_FRAMES):
        turn, x = turn + random.normal(0, 1), x + random.normal(0, 3)
        side = int(512 * (0.85 + 0.02 * number))
        picture = portrait.rotate(turn, resample=Image.Resampling.BILINEAR, center=(222, 118))
        picture = ImageEnhance.Brightness(picture.resize((side, side))).enhance(light + random.normal(0, 0.03))
        frame = Image.new("RGB", (640, 480), (110, 110, 110))
        frame.paste(picture, (int(320 - side / 2 + x), int(random.normal(10, 2))))
        frames.append(_encoded(np.asarray(frame)))
    return frames


def _encoded(frame: np.typing.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()

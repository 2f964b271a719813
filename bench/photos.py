"""The photograph's check while the person waits: over HTTP, beside the pipeline alone on the same bytes."""

import io
import time
from collections.abc import Callable

import numpy as np
from PIL import Image
from skimage import data

from backend.enrolment.faces import check_photo
from bench.box import Household
from bench.measure import Figure, Tell, Times
from gate_sdk.face import FaceEngine, ModelPack

__all__ = ["photo_check", "twelve_megapixels"]

_RUNS = 40
_P50_BAR_MS = 250.0
_P99_BAR_MS = 800.0
_WIDTH, _HEIGHT = 4000, 3000
# Of a phone's sensor in a lit room; without it the file would be a fifth of a real one and as much faster to decode.
_NOISE = 4.0


def photo_check(home: Household, section: str, tell: Tell) -> Figure:
    """One person takes the same picture again and again, three slots in turn."""
    tell("photo check over HTTP, 12 MP")
    photo = twelve_megapixels()
    engine = FaceEngine(ModelPack.load())
    tenant = home.tenant
    tenant.consent()
    address = f"/enrolments/{tenant.call('POST', '/enrolments', {})['enrolment_id']}/photos"

    def over_http(run: int) -> None:
        tenant.call("PUT", f"{address}/{run % 3 + 1}", content=photo, headers={"Content-Type": "image/jpeg"})

    def alone(_: int) -> None:
        check_photo(engine, photo, "image/jpeg")

    http, pipeline = _in_turns((over_http, alone))
    return Figure(
        section=section, name="photo check over HTTP, 12 MP JPEG", value=http.median_ms, unit="ms",
        detail=f"p99 {http.p99_ms:.0f} ms, {len(photo) / 1e6:.1f} MB, {http.runs} runs",
        beside=f"pipeline alone {pipeline.median_ms:.0f} ms", ratio=http.median_ms / pipeline.median_ms,
        bar=f"p50 ≤ {_P50_BAR_MS:.0f} ms, p99 ≤ {_P99_BAR_MS:.0f} ms",
        met=http.median_ms <= _P50_BAR_MS and http.p99_ms <= _P99_BAR_MS,
    )  # fmt: skip


def twelve_megapixels() -> bytes:
    """The free portrait that scikit-image ships as a phone's picture of 4000×3000: its face is 900 pixels wide."""
    portrait = Image.fromarray(data.astronaut()[:384])  # type: ignore[no-untyped-call]  # scikit-image has no types
    picture = np.asarray(portrait.resize((_WIDTH, _HEIGHT), Image.Resampling.BICUBIC), dtype=np.float32)
    noise = np.random.default_rng(1).standard_normal(picture.shape, dtype=np.float32) * _NOISE
    buffer = io.BytesIO()
    Image.fromarray(np.clip(picture + noise, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _in_turns(works: tuple[Callable[[int], None], ...]) -> list[Times]:
    seconds: tuple[list[float], ...] = tuple([] for _ in works)
    for run in range(-2, _RUNS):
        for work, times in zip(works, seconds, strict=True):
            begin = time.perf_counter()
            work(run)
            if run >= 0:
                times.append(time.perf_counter() - begin)
    return [Times.of(times) for times in seconds]

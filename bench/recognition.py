"""The steps of recognition, each beside the bare ONNX Runtime time of the same models on the same input."""

import io
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from bench.measure import Figure, Tell, interleave
from gate_sdk._face import FaceRecognition
from gate_sdk.face import FaceEngine, Gallery, ModelPack, align, choose, decode, pack_template

SECTION = "recognition"
_RUNS = 200
_SIZES = (2_254, 10_000, 133_000)
_BARS_MS = {10_000: 0.3, 133_000: 10.0}


def frame_640() -> NDArray[np.uint8]:
    """A 640×480 frame with one face about 110 pixels wide: the free portrait that scikit-image ships."""
    portrait = data.astronaut()  # type: ignore[no-untyped-call]  # scikit-image has no types
    frame = np.full((480, 640, 3), 128, dtype=np.uint8)
    frame[:, 64:576] = portrait[:480]
    return frame


def close_up() -> NDArray[np.uint8]:
    """A 640×480 frame of the same portrait twice as near: a face about 210 pixels wide."""
    portrait = Image.fromarray(data.astronaut()[:240, 62:382])  # type: ignore[no-untyped-call]  # scikit-image has no types
    return np.asarray(portrait.resize((640, 480), Image.Resampling.BICUBIC))


def jpeg(frame: NDArray[np.uint8], *, size: tuple[int, int] | None = None) -> bytes:
    """The frame as JPEG, resized to ``size`` (width, height) where given."""
    picture = Image.fromarray(frame)
    if size is not None:
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def unit_vectors(count: int, dims: int, *, seed: int = 1) -> NDArray[np.float32]:
    """Random directions: (count, dims), unit length. As hard for a matrix product as real templates."""
    vectors = np.random.default_rng(seed).standard_normal((count, dims)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def run(tell: Tell) -> Iterator[Figure]:
    """Every step, one thread."""
    tell("steps and bare models in turns")
    engine = FaceEngine(ModelPack.load(), threads=1)
    frame = frame_640()
    photo = jpeg(frame, size=(1280, 720))
    face = choose(engine.detect(frame), frame.shape)
    assert face is not None
    aligned = align(frame, face.landmarks)
    bare_detect, bare_embed = _bare(engine, frame, aligned)
    gate = FaceRecognition.load(None)
    close = close_up()
    roster = gate.gallery([(uuid4(), pack_template(vector)) for vector in unit_vectors(2_254, engine.pack.dims)])

    def decide(picture: NDArray[np.uint8]) -> object:
        """What a gate does with a frame, by the SDK's own steps."""
        found = gate.choose(gate.detect(picture), picture, None)
        assert found is not None
        return roster.search(gate.fuse([gate.embed(gate.align(picture, found))]))

    def bare() -> None:
        bare_detect()
        bare_embed()

    times = interleave(
        {
            "decode": lambda: decode(photo),
            "detect": lambda: engine.detect(frame),
            "bare detect": bare_detect,
            "align": lambda: align(frame, face.landmarks),
            "embed": lambda: engine.embed_aligned(aligned),
            "bare embed": bare_embed,
            "whole": lambda: decide(frame),
            "close": lambda: decide(close),
            "bare": bare,
        },
        runs=_RUNS,
        warm=10,
    )
    yield _step("decode 1280×720 JPEG", times["decode"].median_ms)
    yield _step("detect", times["detect"].median_ms, times["bare detect"].median_ms)
    yield _step("align", times["align"].median_ms)
    yield _step("embed", times["embed"].median_ms, times["bare embed"].median_ms)
    ratio = times["whole"].median_ms / times["bare"].median_ms
    yield Figure(
        section=SECTION, name="one frame 640×480, 2,254 people", value=times["whole"].median_ms, unit="ms",
        detail=f"p99 {times['whole'].p99_ms:.1f} ms", beside=f"bare models {times['bare'].median_ms:.2f} ms",
        ratio=ratio, bar="within 10 % of bare; p99 < 100 ms", met=ratio <= 1.10 and times["whole"].p99_ms < 100,
    )  # fmt: skip
    yield Figure(
        section=SECTION, name="the same, a face of 210 px", value=times["close"].median_ms, unit="ms",
        detail="looked at twice, for its landmarks", beside=f"bare models {times['bare'].median_ms:.2f} ms",
        ratio=times["close"].median_ms / times["bare"].median_ms,
    )  # fmt: skip
    for size in _SIZES:
        tell(f"matching 1:{size:,}")
        yield _matching(size, engine.pack.dims)


def _step(name: str, ms: float, bare_ms: float | None = None) -> Figure:
    if bare_ms is None:
        return Figure(section=SECTION, name=name, value=ms, unit="ms")
    return Figure(
        section=SECTION, name=name, value=ms, unit="ms", beside=f"bare model {bare_ms:.2f} ms", ratio=ms / bare_ms
    )


def _matching(size: int, dims: int) -> Figure:
    vectors = unit_vectors(size, dims)
    gallery = Gallery(list(range(size)), vectors)
    probe = unit_vectors(1, dims, seed=2)[0]
    times = interleave({"search": lambda: gallery.search(probe), "product": lambda: vectors @ probe}, runs=100, warm=5)
    bar = _BARS_MS.get(size)
    return Figure(
        section=SECTION, name=f"match 1:{size:,}", value=times["search"].median_ms, unit="ms",
        beside=f"bare product {times['product'].median_ms:.3f} ms",
        ratio=times["search"].median_ms / times["product"].median_ms,
        bar="" if bar is None else f"≤ {bar} ms", met=None if bar is None else times["search"].median_ms <= bar,
    )  # fmt: skip


def _bare(engine: FaceEngine, frame: NDArray[np.uint8], aligned: NDArray[np.uint8]) -> tuple[Any, Any]:
    """The two models alone, on inputs of the shapes and types that the engine gives them."""
    recorded: dict[str, dict[str, Any]] = {}

    class Recorder:
        def __init__(self, name: str, session: Any) -> None:
            self._name, self.session = name, session

        def run(self, outputs: Any, inputs: dict[str, Any]) -> Any:
            recorded[self._name] = {"outputs": outputs, "inputs": inputs}
            return self.session.run(outputs, inputs)

    detector, embedder = engine._detector, engine._embedder  # noqa: SLF001 - the bare sessions are what is measured
    engine._detector, engine._embedder = Recorder("detect", detector), Recorder("embed", embedder)  # noqa: SLF001 - they
    # are called by the engine alone, and with what, only the engine knows.
    try:
        engine.detect(frame)
        engine.embed_aligned(aligned)
    finally:
        engine._detector, engine._embedder = detector, embedder  # noqa: SLF001 - put back as they were
    first, second = recorded["detect"], recorded["embed"]
    return (
        lambda: detector.run(first["outputs"], first["inputs"]),
        lambda: embedder.run(second["outputs"], second["inputs"]),
    )

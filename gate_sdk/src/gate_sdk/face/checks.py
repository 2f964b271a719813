"""Checks a pack by running it: does each model do what its manifest says. Needs no `onnx`."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gate_sdk.face.align import SIDE
from gate_sdk.face.arrays import Frame
from gate_sdk.face.default_pack import DEFAULT_MANIFEST, KNOWN_EMBEDDINGS
from gate_sdk.face.engine import FaceEngine
from gate_sdk.face.errors import PackDamaged
from gate_sdk.face.manifest import Manifest
from gate_sdk.face.packs import ModelPack, read_folder, store

#: Cosine of found and expected embedding: the mean and the worst of the probes must reach these.
MIN_MEAN_COSINE = 0.995
MIN_COSINE = 0.98
_PROBES = 12


def probe_pictures(count: int = _PROBES, side: int = SIDE) -> list[Frame]:
    """Draw pictures that are the same on every machine: smooth waves of colour, no photograph of anybody.

    Args:
        count: of pictures.
        side: in pixels.

    Returns:
        uint8 (side, side, 3) each.
    """
    rows, columns = np.mgrid[:side, :side].astype(np.int64)
    pictures = []
    for number in range(1, count + 1):
        # Integer arithmetic only: sines differ in their last bit between platforms.
        waves = [
            (columns * (number + 2 * channel) + rows * (3 * number - channel) * 2) * 256 // side for channel in range(3)
        ]
        pictures.append(np.stack([np.abs(wave % 510 - 255) for wave in waves], axis=2).astype(np.uint8))
    return pictures


def add_folder(folder: Path, *, cache: Path | None = None) -> ModelPack:
    """Add a pack of one's own: hashes checked, models opened and tried, copied into the cache.

    Args:
        folder: with `manifest.json` and the files it names.
        cache: where packs live; `packs.cache_directory()` without it.

    Raises:
        PackError: one of its kinds says what is wrong; the cache is unchanged then.
    """
    manifest, files = read_folder(folder)
    check_runs(ModelPack(manifest=manifest, folder=folder))
    return store(manifest, files, cache=cache)


def verify(pack: ModelPack) -> Manifest:
    """Check an installed pack: hashes, models open and run, and for the default pack its known embeddings.

    Raises:
        PackMissing: a file is not there.
        PackDamaged: a file or what its model computes is not what it should be.
    """
    engine = check_runs(pack)
    if pack.id == DEFAULT_MANIFEST.id:
        vectors = np.stack([engine.embed_aligned(face).vector for face in probe_pictures(len(KNOWN_EMBEDDINGS))])
        check_cosines(vectors, known_embeddings(), "the known embeddings")
    return pack.manifest


def known_embeddings() -> NDArray[np.float32]:
    """Give the default pack's embeddings of the first probe pictures, float32 (n, 128), unit length."""
    stored = b"".join(base64.b85decode(text) for text in KNOWN_EMBEDDINGS)
    raw = np.frombuffer(stored, dtype=np.int8).astype(np.float32).reshape(len(KNOWN_EMBEDDINGS), -1)
    scaled: NDArray[np.float32] = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    return scaled


def check_runs(pack: ModelPack) -> FaceEngine:
    """Open a pack's models and run each once.

    Raises:
        PackMissing: a file is not there.
        PackDamaged: a model cannot be opened, or takes or gives something else than the manifest says.
    """
    engine = FaceEngine(pack)
    try:
        engine.detect(np.zeros((480, 640, 3), dtype=np.uint8))
        engine.embed_aligned(probe_pictures(1)[0])
    except PackDamaged:
        raise
    except Exception as error:  # onnxruntime's own classes share no base but Exception
        raise PackDamaged(f"pack {pack.id!r}: its models do not run as its manifest says") from error
    return engine


def check_cosines(found: NDArray[np.float32], expected: NDArray[np.float32], what: str) -> None:
    """Compare embeddings with expected ones, float32 (n, dims) both.

    Raises:
        PackDamaged: the cosines fall short.
    """
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    cosines = np.einsum("ij,ij->i", found, expected) / lengths
    mean, least = float(cosines.mean()), float(cosines.min())
    if not (mean >= MIN_MEAN_COSINE and least >= MIN_COSINE):
        raise PackDamaged(f"the embedder differs from {what}: cosine {mean:.4f} in the mean, {least:.4f} at worst")

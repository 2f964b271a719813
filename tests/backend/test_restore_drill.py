"""The restore drill, as an operator runs it: on a box of its own, and where something is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.backend.test_cli import ROOT, create, run

pytestmark = pytest.mark.deep


def drill(box: Path, work: Path) -> "subprocess.CompletedProcess[str]":
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")}
    path = os.pathsep.join((str(ROOT), str(ROOT / "gate_sdk" / "src")))
    return subprocess.run(
        [ROOT / "infra" / "restore-drill", box, work],
        env={**inherited, "PYTHONPATH": path, "PROGRAM": f"{sys.executable} -m backend.cli"},
        cwd=work.parent, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A box that somebody has used."""
    place = tmp_path / "box"
    for phone in ("+12025550100", "+12025550101"):
        made = run([*create(phone), "--data-dir", str(place)], tmp_path)
        assert made.returncode == 0, made.stderr
    return place


def everything(folder: Path) -> dict[str, bytes]:
    """Its files but the database's own."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "postgres" not in path.parts
    }


def test_a_box_comes_back_with_its_trail_and_nothing_is_left_of_the_drill(box: Path, tmp_path: Path) -> None:
    before = everything(box)
    done = drill(box, tmp_path / "work")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "drill passed" in done.stdout
    # Of the copy: both administrators' entries.
    assert "platform  2 entries" in done.stdout
    assert "every entry is as it was written" in done.stdout
    assert not (tmp_path / "work").exists()
    assert everything(box) == before


def test_without_the_master_key_it_fails_and_leaves_nothing(box: Path, tmp_path: Path) -> None:
    (box / "master.key").rename(tmp_path / "elsewhere.key")
    failed = drill(box, tmp_path / "work")
    assert failed.returncode != 0
    assert "drill passed" not in failed.stdout
    assert not (tmp_path / "work").exists()


def test_it_takes_no_directory_that_is_there_already(box: Path, tmp_path: Path) -> None:
    kept = tmp_path / "work"
    kept.mkdir()
    (kept / "file").touch()
    assert drill(box, kept).returncode != 0
    assert (kept / "file").exists()

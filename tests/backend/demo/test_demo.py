import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from PIL import Image

from backend.demo.cast import FEWEST_ENROLLED, NotEnoughFaces, choose_cast
from backend.demo.gate import GateVerdict
from backend.demo.page import write_page
from backend.demo.report import Approach, DemoReport, Expected, summarise, what_failed


def _folder(root: Path, photos_of: dict[str, int]) -> Path:
    for name, count in photos_of.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            (root / name / f"{number}.jpg").write_bytes(b"")
    return root


def _approach(role: str, expected: Expected, outcome: str, *, photo: str = "x.jpg", who: str = "P") -> Approach:
    verdict = GateVerdict(outcome=outcome, reason="matched", ms={"total": 10.0}, score=0.6, threshold=0.5)
    return Approach(who=who, role=role, expected=expected, photo=photo, verdict=verdict)


def test_the_same_seed_gives_the_same_cast_and_another_seed_another(tmp_path: Path) -> None:
    folder = _folder(tmp_path, {f"member{i:03d}": 5 for i in range(200)} | {f"stranger{i:03d}": 1 for i in range(300)})
    assert choose_cast(folder, seed=1) == choose_cast(folder, seed=1)
    assert choose_cast(folder, seed=1) != choose_cast(folder, seed=2)


def test_a_large_folder_is_sampled_to_at_least_forty_people_and_a_hundred_strangers(tmp_path: Path) -> None:
    folder = _folder(tmp_path, {f"member{i:03d}": 5 for i in range(200)} | {f"stranger{i:03d}": 1 for i in range(300)})
    cast = choose_cast(folder, seed=1)
    assert len(cast.members) >= 40
    assert len(cast.strangers) == 100
    assert {player.name for player in cast.members}.isdisjoint(player.name for player in cast.strangers)
    assert all(player.name.startswith("member") for player in cast.members)


@pytest.mark.parametrize("able", [0, FEWEST_ENROLLED - 1])
def test_too_few_people_are_refused_with_what_is_needed(tmp_path: Path, able: int) -> None:
    folder = _folder(tmp_path, {f"member{i}": 4 for i in range(able)} | {"once": 1})
    with pytest.raises(NotEnoughFaces, match=f"has {able} people"):
        choose_cast(folder, seed=1)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughFaces, match="not a folder"):
        choose_cast(tmp_path / "nowhere", seed=1)


def test_who_lost_his_right_and_was_let_in_fails_the_demo() -> None:
    approaches = (
        *(_approach("resident", "allow", "allow") for _ in range(50)),
        _approach("resident who has moved out", "deny", "allow"),
    )
    assert what_failed(approaches) == "resident who has moved out was let in"


def test_recognition_may_err_within_a_bound_and_not_beyond() -> None:
    fine = (*(_approach("resident", "allow", "allow") for _ in range(18)), _approach("resident", "allow", "deny"))
    assert what_failed(fine) is None
    broken = (*fine, *(_approach("resident", "allow", "deny") for _ in range(5)))
    assert "6 of 24" in (what_failed(broken) or "")
    strangers = tuple(_approach("stranger", "deny", "allow") for _ in range(3))
    assert "3 of 3 strangers" in (what_failed((*fine, *strangers)) or "")


def test_the_page_shows_names_as_text(tmp_path: Path) -> None:
    photo = tmp_path / "p.jpg"
    Image.new("RGB", (40, 40)).save(photo)
    approaches = (_approach("resident", "allow", "deny", photo=str(photo), who="<script>alert(1)</script>"),)
    report = DemoReport(
        ok=False,
        failure="<b>why</b>",
        note="note",
        capture_policy="photos",
        enrolled=1,
        failed_to_enrol=0,
        approaches=approaches,
        summary=summarise(approaches),
        move_out_to_refusal_s=None,
        erasure=None,
        certificate=None,
        seconds={},
    )
    page = tmp_path / "page.html"
    write_page(report, page)
    text = page.read_text(encoding="utf-8")
    assert "<script>" not in text
    assert "&lt;b&gt;why" in text
    assert "Wrong decisions (1)" in text


@pytest.mark.deep
def test_the_demo_runs_with_one_free_photograph_and_leaves_nothing_behind(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    before = {process.pid for process in psutil.process_iter()}
    done = subprocess.run(
        [sys.executable, "-m", "backend.cli", "demo", "--once", "--report", str(report)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.rstrip().splitlines()[-1] == "DEMO OK"
    told = json.loads(report.read_text())
    assert told["ok"] is True
    assert told["erasure"]["state"] == "completed"
    assert {a["role"] for a in told["approaches"] if a["expected"] == "deny"} == {
        "stranger",
        "resident who has moved out",
        "guest whose time is over",
    }
    assert report.with_suffix(".html").exists()
    left = [
        process
        for process in psutil.process_iter(["pid", "cmdline"])
        if process.pid not in before and str(tmp_path) in " ".join(process.info["cmdline"] or [])
    ]
    assert left == []


@pytest.mark.deep
def test_ctrl_c_ends_a_demo_that_serves_on_as_it_says(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "backend.cli", "demo", "--report", str(tmp_path / "report.json")],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    ) as demo:  # fmt: skip
        assert demo.stdout is not None
        assert any(line.startswith("Serving on ") for line in demo.stdout)
        os.killpg(demo.pid, signal.SIGINT)  # as a terminal does: everything that it started gets it too
        assert demo.stdout.read().rstrip().splitlines()[-1] == "DEMO OK"
    assert demo.returncode == 0


@pytest.mark.deep
def test_a_folder_without_faces_ends_the_demo_with_the_reason(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "backend.cli", "demo", "--once", "--faces", str(tmp_path), "--report",
         str(tmp_path / "report.json")],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout.rstrip().splitlines()[-1].startswith("DEMO FAILED: ")

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gate_sdk.__main__ import main
from gate_sdk.face import Embedding, FaceEngine, ModelPack, unit
from gate_sdk.face.evaluation.protocol import lay_out
from gate_sdk.face.evaluation.run import EvaluationInvalid, evaluate, read_groups
from gate_sdk.face.evaluation.scores import compare
from tests import data

TOP = {"fte", "gallery", "probes", "strangers", "rank1", "fnir_at_fpir", "operating_point", "by_group", "latency_ms"}


def test_report_of_photographs_on_disk(engine: FaceEngine, tmp_path: Path) -> None:
    people = tmp_path / "people"
    for name, count in (("a", 3), ("x", 1)):
        (people / name).mkdir(parents=True)
        for number in range(count):
            (people / name / f"{number}.jpg").write_bytes(data.encoded(data.astronaut(), quality=70 + 5 * number))
    (people / "a" / "9-damaged.jpg").write_bytes(b"\xff\xd8\xff damaged")
    (people / "a" / "note.txt").write_text("no photograph")
    seen: list[tuple[int, int]] = []
    report = evaluate(people, engine, enrol=1, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (5, 5)
    assert (report.gallery, report.probes, report.strangers) == (1, 3, 1)
    assert report.fta == pytest.approx(1 / 5)
    assert report.rank1 == pytest.approx(2 / 3)
    assert report.operating_point.fpir == 1.0  # the stranger is the same photograph
    assert set(report.latency_ms) == {"decode", "detect", "align", "embed", "match"}


@pytest.mark.parametrize("inside", [None, "empty"])
def test_a_folder_without_photographs_is_refused(engine: FaceEngine, tmp_path: Path, inside: str | None) -> None:
    if inside:
        (tmp_path / "people" / inside).mkdir(parents=True)
    with pytest.raises(EvaluationInvalid):
        evaluate(tmp_path / "people", engine)


def test_groups_with_and_without_a_heading(tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_text("\ufeffperson,group\na,one\n\n b , two \n", encoding="utf-8")
    assert read_groups(path) == {"a": "one", "b": "two"}
    path.write_text("a,one\n")
    assert read_groups(path) == {"a": "one"}


@pytest.mark.parametrize("text", ["a\n", "a,one,more\n", "a,\n"])
def test_a_malformed_groups_file_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "groups.csv"
    path.write_text("b,two\n" + text)
    with pytest.raises(EvaluationInvalid, match="line 2"):
        read_groups(path)
    with pytest.raises(EvaluationInvalid):
        read_groups(tmp_path / "missing.csv")


def test_people_of_the_test_data_are_recognised(
    pack: ModelPack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = data.faces_dir()
    folders = sorted(source.iterdir())
    enrolled = [folder for folder in folders if len(list(folder.iterdir())) >= 5][:12]
    strangers = [folder for folder in folders if len(list(folder.iterdir())) == 1][:20]
    for folder in enrolled + strangers:
        shutil.copytree(folder, tmp_path / "people" / folder.name)
    groups = tmp_path / "groups.csv"
    groups.write_text("".join(f"{folder.name},{number % 2}\n" for number, folder in enumerate(enrolled)))
    target = tmp_path / "report.json"
    code = main(
        [
            "evaluate",
            str(tmp_path / "people"),
            "--groups",
            str(groups),
            "--json",
            str(target),
            "--cache",
            str(pack.folder.parent),
        ]
    )
    assert code == 0
    report = json.loads(target.read_bytes())
    assert set(report) >= TOP
    assert (report["gallery"], report["strangers"]) == (12, 20)
    assert report["fte"] == 0.0
    assert report["rank1"] > 0.95
    assert report["fnir_at_fpir"]["0.01"] < 0.1
    assert report["operating_point"]["threshold"] >= 0.5
    assert set(report["by_group"]) == {"0", "1"}
    assert "FNIR at FPIR" in capsys.readouterr().out


def test_command_says_what_is_wrong(pack: ModelPack, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = ["--cache", str(pack.folder.parent)]
    assert main(["evaluate", str(tmp_path / "nowhere"), *cache]) == 1
    assert "evaluation_invalid" in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path), "--enrol", "0", *cache]) == 1
    assert "1 or more" in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path), "--cache", str(tmp_path / "empty")]) == 1
    assert "doorward-gate models install" in capsys.readouterr().err


def test_thousands_of_people_are_compared_in_pieces() -> None:

    random = np.random.default_rng(2)
    people = [
        (f"{number:05}", [Embedding(vector=vector, norm=10.0) for vector in unit(random.normal(size=(4, 128)))])
        for number in range(3000)
    ]
    scores = compare(lay_out(people, enrol=3, frames=1), {})
    assert scores.impostor.total == 3000 * 2999

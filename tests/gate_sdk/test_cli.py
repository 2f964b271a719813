"""`doorward-gate` as a process, on photographs and the installed models."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gate_sdk.face import FaceEngine, choose, decode, pack_template, template
from gate_sdk.testing import FakeBackend
from tests import data
from tests.gate_sdk.gate_process import command, running


@pytest.fixture
def url(backend: FakeBackend) -> Iterator[str]:
    with backend.serve() as address:
        yield address


def read(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    answer: dict[str, Any] = json.loads(process.stdout.readline())
    return answer


def ask(process: subprocess.Popen[str], name: object) -> dict[str, Any]:
    assert process.stdin is not None
    process.stdin.write(f"{name}\n")
    process.stdin.flush()
    return read(process)


def provision(backend: FakeBackend, url: str, gate_dir: Path) -> None:
    done = command("provision", url, backend.claim(), "--data", str(gate_dir))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Front gate" in done.stdout


def test_wrong_code_is_two_lines_and_exit_code_1(url: str, gate_dir: Path) -> None:
    done = command("provision", url, "wrong", "--data", str(gate_dir))
    assert done.returncode == 1
    assert done.stderr.startswith("provision-refused: ")
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("name", ["status", "events", "run"])
def test_directory_without_a_gate_is_not_taken_for_one_without_events(name: str, tmp_path: Path) -> None:
    done = command(name, "--data", str(tmp_path / "mistyped"))
    assert (done.returncode, done.stdout, done.stderr.split(":")[0]) == (1, "", "not-provisioned")


def test_status_as_table_and_as_json(backend: FakeBackend, url: str, gate_dir: Path) -> None:
    backend.add_person(None)
    provision(backend, url, gate_dir)
    with running("run", "--sync-only", "--data", str(gate_dir)) as process:
        assert read(process)["event"] == "ready"
        status = json.loads(command("status", "--data", str(gate_dir), "--json").stdout)
    assert (status["count"], status["version"], status["pending"]) == (1, 1, 0)
    table = command("status", "--data", str(gate_dir)).stdout
    assert "count             1\n" in table
    assert command("events", "--data", str(gate_dir)).stdout == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_cleanly(backend: FakeBackend, url: str, gate_dir: Path, number: signal.Signals) -> None:
    provision(backend, url, gate_dir)
    with running("run", "--sync-only", "--data", str(gate_dir)) as process:
        assert read(process)["event"] == "ready"
        process.send_signal(number)
        assert process.wait(120) == 0


def test_revoked_gate_ends_with_exit_code_1(backend: FakeBackend, url: str, gate_dir: Path) -> None:
    provision(backend, url, gate_dir)
    with running("run", "--sync-only", "--data", str(gate_dir)) as process:
        assert read(process)["event"] == "ready"
        backend.revoke_gates()
        assert process.wait(120) == 1
    assert json.loads(command("status", "--data", str(gate_dir), "--json").stdout)["state"] == "revoked"


def test_photographs_are_decided_line_by_line(backend: FakeBackend, url: str, gate_dir: Path, tmp_path: Path) -> None:
    people = sorted(folder for folder in data.faces_dir().iterdir() if len(list(folder.glob("*.jpg"))) >= 4)[:4]
    pack = data.default_pack()
    engine = FaceEngine(pack)

    def embedding(photo: Path) -> Any:
        frame = decode(photo.read_bytes())
        face = choose(engine.detect(frame), frame.shape)
        assert face is not None
        return engine.embed(frame, face)

    backend.pack = pack.id
    photos = [sorted(folder.glob("*.jpg")) for folder in people]
    subjects = [
        backend.add_person(pack_template(template([embedding(photo) for photo in shots[:3]]))) for shots in photos[:3]
    ]
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff broken")
    provision(backend, url, gate_dir)
    with running("run", "--data", str(gate_dir), models=pack.folder.parent) as process:
        ready = read(process)
        assert (ready["event"], ready["version"], ready["count"], ready["matchable"]) == ("ready", 3, 3, 3)
        answers = [ask(process, shots[3]) for shots in photos]
        assert ask(process, broken)["reason"] == "not_a_picture"
        assert ask(process, tmp_path / "missing.jpg")["code"] == "unreadable-file"
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(120) == 0
    assert [one["subject"] for one in answers] == [*map(str, subjects), None]
    assert [one["allowed"] for one in answers] == [True, True, True, False]
    first = answers[0]
    assert first["frame"] == str(photos[0][3])
    assert set(first["ms"]) == {"decode", "detect", "align", "embed", "live", "match", "total"}
    assert len(first["box"]) == 4
    assert first["event"] == "decision"


def test_line_of_any_bytes_is_answered_and_the_next_one_too(
    backend: FakeBackend, url: str, gate_dir: Path, tmp_path: Path
) -> None:
    pack = data.default_pack()
    backend.pack = pack.id
    provision(backend, url, gate_dir)
    lines = tmp_path / "lines"
    lines.write_bytes(b"qr:\xff\xfe\nqr:a\x00b\n\xff.jpg\na\x00b.jpg\n" + b"x" * 5_000 + b"\n/\nqr:end\n")
    arguments = ("run", "--data", str(gate_dir), "--frames", str(lines))
    with running(*arguments, models=pack.folder.parent) as process:
        assert read(process)["event"] == "ready"
        answers = [read(process) for _ in range(7)]
        assert process.wait(120) == 0
    assert [one.get("code") or one["reason"] for one in answers] == [
        "code_unreadable",
        "code_unreadable",
        *["unreadable-file"] * 4,
        "code_unreadable",
    ]
    assert answers[2]["frame"] == "\ufffd.jpg"


@pytest.mark.parametrize("arguments", [["status"], ["status", "--json"]])
def test_reader_that_has_seen_enough_ends_it_without_a_traceback(
    backend: FakeBackend, url: str, gate_dir: Path, arguments: list[str]
) -> None:
    provision(backend, url, gate_dir)
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = command(*arguments, "--data", str(gate_dir), stdout=writing)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")

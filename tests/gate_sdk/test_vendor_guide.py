"""The vendors' guide is run, not only read."""

import functools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate_sdk import GateClient, Reason
from gate_sdk.face import FaceEngine, choose, pack_template
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from tests import data
from tests.gate_sdk.gate_process import command

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "vendor-guide.md"


README = Path(__file__).resolve().parents[2] / "gate_sdk" / "README.md"


def snippets(page: Path = GUIDE, language: str = "python") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


class Door:
    def __init__(self) -> None:
        self.opened = 0

    def open(self) -> None:
        self.opened += 1


class Screen:
    def __init__(self) -> None:
        self.shown: list[Reason] = []

    def show(self, reason: Reason) -> None:
        self.shown.append(reason)


@pytest.fixture
def program() -> dict[str, Any]:
    scope: dict[str, Any] = {}
    exec(compile(snippets()[0], str(GUIDE), "exec"), scope)
    return scope


def test_the_whole_program_is_short() -> None:
    lines = [line for line in snippets()[0].splitlines() if line.strip()]
    assert len(lines) <= 15


def test_the_whole_program_opens_for_a_resident_and_not_after_he_left(
    backend: FakeBackend, gate_dir: Path, monkeypatch: pytest.MonkeyPatch, program: dict[str, Any]
) -> None:
    pack = data.default_pack()
    monkeypatch.setenv("DOORWARD_MODELS", str(pack.folder.parent))
    engine, frame = FaceEngine(pack), data.astronaut()
    face = choose(engine.detect(frame), frame.shape)
    assert face is not None
    backend.pack = pack.id
    resident = backend.add_person(pack_template(engine.embed(frame, face).vector))
    nobody = np.zeros((480, 640, 3), dtype=np.uint8)
    with backend.serve() as url:
        GateClient.provision(url, backend.claim(), data_dir=gate_dir).close()
        door, screen = Door(), Screen()
        program["run"](gate_dir, [nobody, *[frame] * 8, nobody, data.encoded(frame)], door, screen)
        assert (door.opened, screen.shown) == (1, [])
        backend.revoke(resident)
        backend.add_person()
        program["run"](gate_dir, [frame] * 10, door, screen)
        assert (door.opened, screen.shown) == (1, [Reason.ROSTER_EMPTY])
        assert backend.wait_for(lambda: len(backend.events) == 1)


def test_from_install_to_the_first_decision_the_readme_takes_fifteen_lines(
    backend: FakeBackend, tmp_path: Path
) -> None:
    install, program = snippets(README, "sh")[0], snippets(README)[0]
    lines = [line for line in f"{install}\n{program}".splitlines() if line.strip()]
    assert len(lines) <= 15
    assert lines[0].startswith("pip install")
    assert "gate.observe(frame)" in program
    backend.add_person(syn.template(1))
    GateClient.provision("https://fake", backend.claim(), data_dir=tmp_path, transport=backend.transport).close()
    opened = functools.partial(GateClient, transport=backend.transport, recognition=syn.SyntheticRecognition())
    door = Door()
    scope = {"camera": [syn.frame(1)] * 12, "door": door}
    text = program.replace("from gate_sdk import GateClient\n", "").replace("/var/lib/gate", str(tmp_path))
    exec(compile(text, str(README), "exec"), {**scope, "GateClient": opened})
    assert door.opened == 1


@pytest.mark.parametrize("name", ["test_resident_is_let_in_until_he_moves_out", "test_a_phone_opens_once"])
def test_the_examples_of_tests_pass(tmp_path: Path, name: str) -> None:
    (snippet,) = (one for one in snippets() if f"def {name}" in one)
    scope: dict[str, Any] = {}
    exec(compile(snippet, str(GUIDE), "exec"), scope)
    scope[name](tmp_path)


def test_commands_of_the_guide_exist() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    named = set(re.findall(r"doorward-gate (\w+)", text)) - {"run"}
    listed = command("--help").stdout
    assert named
    assert all(name in listed for name in named)
    options = set(re.findall(r"`(--[\w-]+)", text))
    run_help = command("run", "--help").stdout
    assert all(option in run_help for option in options)

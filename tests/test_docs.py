"""What is written for operators is held against the programs: commands, targets, routes, settings and numbers exist."""

import argparse
import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias
from uuid import uuid4

import msgspec
import pytest

from backend.cli import command_line
from backend.settings import PREFIX, Settings
from gate_sdk.__main__ import parser as gate_command_line
from tests.test_observability import series

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("*.md"),
        ROOT / "gate_sdk/README.md",
        ROOT / "infra/terraform/README.md",
    ]
)
# Where programs themselves say what to run.
SOURCES = sorted(
    [*(ROOT / "backend").rglob("*.py"), *(ROOT / "gate_sdk/src").rglob("*.py"), *(ROOT / "infra").rglob("*.tf")]
)
PROGRAMS = {"doorward": command_line, "doorward-gate": gate_command_line}
_COMMAND = r"(?:\S*/)?(doorward(?:-gate)?) +(?=[a-z-])"
_INLINE = re.compile(rf"`+({_COMMAND}[^`]+)`+")
_LINE = re.compile(rf"^(?: {{4}})?(?:\$ )?(?:echo \S+ \| )?({_COMMAND}.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```\w*\n(.*?)^```|((?:^ {4}\S.*\n)+)", re.MULTILINE | re.DOTALL)
# Of others than the processes: tests', the Makefile's and the gate's.
_OTHER_SETTINGS = {"DOORWARD_TEST_DATA", "DOORWARD_MODELS", "DOORWARD_GATE_SECRET"}
# As it is typed, or as a sentence names it.
Form: TypeAlias = Literal["whole", "named"]
_ROLES = {"doorward_api", "doorward_worker", "doorward_owner", "doorward_keys", "doorward_audit"}


class Misused(Exception):
    """The command line refuses the arguments."""


@pytest.fixture(autouse=True)
def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: argparse.ArgumentParser, message: str) -> None:
        raise Misused(message)

    monkeypatch.setattr(argparse.ArgumentParser, "error", refuse)


def in_blocks(text: str) -> Iterator[str]:
    """Whole commands, as they are typed."""
    for block in _BLOCK.finditer(text):
        for line in _LINE.finditer(block[1] or block[2]):
            yield line[1]


def inline(text: str) -> Iterator[str]:
    """Commands that a sentence names, perhaps without all that they need."""
    for span in _INLINE.finditer(re.sub(r"^```\w*\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)):
        yield " ".join(span[1].split())


def check(command: str, form: Form) -> None:
    """Have the program's own parser read it.

    Raises:
        Misused: it is not a command of ours, or not with these arguments.
    """
    # Brackets stand around what may be left out, braces in our own sources around what is not known yet.
    words = shlex.split(re.sub(r"[\[\]]|\{(?:[^{}]|\{[^{}]*\})*\}", "", command), comments=True)
    words = words[: next((at for at, word in enumerate(words) if word in {">", ">>", "|"}), len(words))]
    if words[-1] == "…" and not words[-2].startswith("--"):
        words, form = words[:-1], "named"
    program = PROGRAMS[Path(words[0]).name]
    try:
        program().parse_args([str(uuid4()) if word == "ID" else word for word in words[1:]])
    except Misused as refused:
        if form == "whole" or not re.search("required|expected one argument", str(refused)):
            raise


def found() -> list[tuple[str, str, Form]]:
    every: set[tuple[str, str, Form]] = set()
    for page in PAGES:
        every |= {(str(page.relative_to(ROOT)), one, "whole") for one in in_blocks(page.read_text("utf-8"))}
    for page in [*PAGES, *SOURCES]:
        every |= {(str(page.relative_to(ROOT)), one, "named") for one in inline(page.read_text("utf-8"))}
    return sorted(every)


@pytest.mark.parametrize("place,command,form", found(), ids=lambda value: str(value)[:60])
def test_a_command_that_somebody_is_told_to_run_is_one_that_the_program_takes(
    place: str, command: str, form: Form
) -> None:
    check(command, form)


def test_commands_are_found_in_every_form_in_which_they_are_written() -> None:
    commands = {(place, command.split("#")[0].strip()) for place, command, _ in found()}
    assert {
        ("README.md", ".venv/bin/doorward up"),
        ("docs/runbook.md", "doorward migrate --pre"),
        ("docs/runbook.md", "doorward keys rotate --community ID"),
        ("docs/runbook.md", "doorward audit export --to /mnt/elsewhere/audit"),
        ("docs/vendor-guide.md", "doorward-gate run --data /var/lib/gate"),
        ("backend/embedded/box.py", "doorward restore"),
    } <= commands


@pytest.mark.parametrize(
    "command,form",
    [
        ("doorward status", "named"),
        ("doorward migrate --post", "named"),
        ("doorward keys rotate", "whole"),
        ("doorward keys rotate --community 17", "named"),
        ("doorward backup", "whole"),
        ("doorward-gate provision https://doorward.example", "whole"),
    ],
)
def test_a_command_that_does_not_exist_or_lacks_something_is_refused(command: str, form: Form) -> None:
    with pytest.raises(Misused):
        check(command, form)


@cache
def routes() -> frozenset[str]:
    """Method and path of every route of the five surfaces, without the names of what stands in the path."""
    return frozenset(
        f"{method.upper()} {unnamed(path)}"
        for file in (ROOT / "openapi").glob("*.json")
        for path, methods in json.loads(file.read_text("utf-8"))["paths"].items()
        for method in methods
    )


def unnamed(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path.partition("?")[0])


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_route_that_a_page_names_in_full_exists(page: Path) -> None:
    named = re.findall(
        r"\b(GET|POST|PUT|PATCH|DELETE)\s+(/(?:resident|visitor|partner|gate|staff)/v1/[^\s`,;)]+)",
        page.read_text("utf-8"),
    )
    assert {f"{method} {unnamed(path)}" for method, path in named} <= routes()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_setting_a_number_or_a_target_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    settings = {PREFIX + field.name.upper() for field in msgspec.structs.fields(Settings)}
    # One that ends in an underline stands for all that begin so.
    named = {name for name in re.findall(rf"\b{PREFIX}[A-Z0-9_]+", text) if not name.endswith("_")}
    assert named <= settings | _OTHER_SETTINGS
    # A histogram goes by its own name too.
    numbers = series() | {name.removesuffix("_bucket") for name in series()}
    assert set(re.findall(r"\bdoorward_[a-z_]*[a-z]\b", text)) - _ROLES <= numbers
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)) <= targets

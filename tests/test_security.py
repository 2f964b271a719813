"""SECURITY.md names, for each threat, a test that exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_ATTACKERS = {
    "Lost phone",
    "Hostile guest",
    "Subletter",
    "Hostile courier company",
    "Stolen gate",
    "Curious staff",
    "Database leak",
    "Backup leak",
    "Insider operator",
    "Network attacker",
    "Malicious gate vendor",
    "OTP pumper",
}


def threats(text: str) -> dict[str, list[list[str]]]:
    """The rows of each table of threats, cell by cell, by its heading."""
    found: dict[str, list[list[str]]] = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, below = section.partition("\n")
        _, _, table = below.partition("| threat | measure | test |\n|---|---|---|\n")
        rows = table.partition("\n\n")[0].splitlines()
        found[heading] = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]
    return found


@cache
def _tests_of(path: str) -> frozenset[str]:
    """The tests that a file defines, in classes too."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(one.name for one in ast.walk(tree) if isinstance(one, kinds) and one.name.startswith("test_"))


def unkept(text: str) -> list[str]:
    """What the page promises and no test keeps."""
    wrong = []
    for heading, rows in threats(text).items():
        for cells in rows:
            named = _NAMED.findall(cells[-1])
            if len(cells) != 3 or not named:
                wrong.append(f"{heading}: {cells[0]}: names no test")
            for path, name in named:
                if not (ROOT / path).is_file() or name not in _tests_of(path):
                    wrong.append(f"{heading}: {path}::{name} does not exist")
    return wrong


def test_every_threat_names_tests_that_exist() -> None:
    assert not unkept((ROOT / "SECURITY.md").read_text("utf-8"))


def test_no_attacker_is_without_threats() -> None:
    rows = threats((ROOT / "SECURITY.md").read_text("utf-8"))
    assert {heading for heading, found in rows.items() if found} == {*_ATTACKERS, "Surfaces"}


@pytest.mark.parametrize(
    "cell,wrong",
    [
        ("`tests/test_security.py::test_that_nobody_wrote`", "does not exist"),
        ("`tests/no_such_file.py::test_something`", "does not exist"),
        ("see the code", "names no test"),
    ],
)
def test_a_promise_without_a_test_is_named(cell: str, wrong: str) -> None:
    page = f"## Somebody\n\n| threat | measure | test |\n|---|---|---|\n| he comes | a wall | {cell} |\n"
    assert [wrong in line for line in unkept(page)] == [True]

"""No pinned package has a weakness that security/advisories.toml names; read without a network."""

import re
import tomllib
from datetime import date
from pathlib import Path

import msgspec
import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
_PIN = re.compile(r"^([a-z0-9][a-z0-9-]*)==([^\s;\\]+)", re.MULTILINE)


class Advisory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which versions of a package have which weakness; with ``accepted``, why the project lives with it."""

    id: str
    package: str
    affected: str
    what: str
    accepted: str = ""


class Advisories(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known, and the day up to which somebody looked."""

    as_of: date
    advisory: list[Advisory]


def advisories() -> Advisories:
    return msgspec.convert(tomllib.loads((ROOT / "security" / "advisories.toml").read_text("utf-8")), Advisories)


def weak(requirements: str, known: list[Advisory]) -> list[str]:
    """Each pin that an advisory names, as `package version: id, what it is`."""
    return [
        f"{name} {version}: {one.id}, {one.what}"
        for name, version in _PIN.findall(requirements)
        for one in known
        if one.package == name
        and not one.accepted
        # Ranges pass over versions before a release unless told otherwise.
        and SpecifierSet(one.affected).contains(Version(version), prereleases=True)
    ]


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.stem)
def test_no_pin_has_a_known_weakness(path: Path) -> None:
    requirements = path.read_text("utf-8")
    assert _PIN.search(requirements)
    assert not weak(requirements, advisories().advisory)


def test_every_entry_is_one_that_a_pin_can_have() -> None:
    known = advisories()
    pinned = {name for path in (ROOT / "requirements").glob("*.txt") for name, _ in _PIN.findall(path.read_text())}
    # A misspelt name or a range that nothing lies in would never find anything.
    assert {one.package for one in known.advisory} <= pinned
    assert all(len(SpecifierSet(one.affected)) for one in known.advisory)
    assert len({one.id for one in known.advisory}) == len(known.advisory)


def test_a_pin_that_goes_back_is_named() -> None:
    known = [Advisory("CVE-0", "some-thing", ">=2.0,<2.3", "a hole")]
    assert weak("other==2.1\nsome-thing==2.2.9 ; python_version < '3.12' \\\n    --hash=sha256:00\n", known) == [
        "some-thing 2.2.9: CVE-0, a hole"
    ]
    assert weak("some-thing==2.2rc1 \\\nsome-thing==1.9\nsome-thing-else==2.2\nsome-thing==2.3.0\n", known) == [
        "some-thing 2.2rc1: CVE-0, a hole"
    ]
    assert not weak("some-thing==2.2\n", [msgspec.structs.replace(known[0], accepted="it is not called")])

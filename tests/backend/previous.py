"""The release before this one, out of the repository's history."""

import subprocess
from pathlib import Path

import msgspec
import pytest

__all__ = ["Previous", "unpack_previous"]

ROOT = Path(__file__).resolve().parents[2]
# Where no release has a tag yet: so many changes of the schema ago. Before them statements asked for every column there
# is, and none could be added beneath them.
_BACK = 3


class Previous(msgspec.Struct, frozen=True):
    """Its code and the migrations that it knows."""

    name: str
    code: Path

    @property
    def migrations(self) -> Path:
        return self.code / "migrations"

    @property
    def environment(self) -> dict[str, str]:
        """What makes Python import this code and not that of the folder in which it is started."""
        return {"PYTHONPATH": f"{self.code}:{self.code / 'gate_sdk' / 'src'}", "PYTHONSAFEPATH": "1"}


def names(folder: Path) -> set[str]:
    """Its migrations."""
    return {path.name for path in folder.glob("*/*.sql")}


def unpack_previous(folder: Path) -> Previous:
    """The newest release that knows fewer migrations than there are now, unpacked into ``folder``.

    Skips where there is no history.
    """
    for commit in _candidates():
        code = folder / commit.replace("/", "-").replace("^", "")
        code.mkdir()
        with (folder / "archive.tar").open("wb") as archive:
            packed = subprocess.run(["git", "archive", "--format=tar", commit], cwd=ROOT, stdout=archive, check=False)
        if packed.returncode != 0:
            continue  # a history that was cut off before it
        subprocess.run(["tar", "-xf", folder / "archive.tar", "-C", code], check=True)
        # What was renamed since belongs to no release: nobody can come from there.
        if names(code / "migrations") < names(ROOT / "migrations"):
            return Previous(commit, code)
    pytest.skip("THE RELEASE BEFORE WAS NOT TESTED: there is no history of one with fewer migrations here")


def _candidates() -> list[str]:
    tags = _git("tag", "--list", "v*", "--sort=-version:refname", "--merged", "HEAD")
    if tags:
        return tags
    changes = _git("log", "--diff-filter=A", "--format=%H", "--", "migrations/data", "migrations/keys")
    # The first of them has nothing before it.
    before = [f"{commit}^" for commit in changes[:-1]]
    return before[:_BACK][::-1]


def _git(*arguments: str) -> list[str]:
    asked = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return asked.stdout.split() if asked.returncode == 0 else []

"""Nothing personal in logs: what the tests use is remembered, and looked for in whatever was written meanwhile.

The `api` fixture's requests and answers tell which telephone numbers, names and tokens there are; pytest's own capture
has what this process and its children wrote to their outputs, and children with a file for it have `*.log` in a
temporary folder. At the end of the session of each test process everything is searched; a hit is an error of the last
test, and so of the whole run, under xdist too.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

__all__ = ["Watch", "pytest_runtest_logreport", "watch", "watched_logs"]

_NUMBER = re.compile(r"\d{9,15}")
_WORD = re.compile(r"[A-Za-z0-9_.+/=-]{16,}")
_TOKENS = frozenset(
    {"access_token", "refresh_token", "token", "secret", "client_secret", "claim_code", "download_token", "link_token"}
)
_PHONES = frozenset({"phone", "new_phone", "guest_phone", "to"})
_NAMES = frozenset({"name", "names", "guest_name", "member_name", "child_name"})
#: Surfaces on which a name is always a person's; staff name gates, doors and companies too.
_PEOPLE = ("/resident/", "/visitor/")
_PEOPLE_OF_STAFF = re.compile(r"^/staff/v1/staff|/(members|residents|wards|children)(/|$)")


class Watch:
    """What must not be written, and what was."""

    def __init__(self) -> None:
        self.numbers: set[str] = set()
        self.names: set[str] = set()
        self.tokens: set[str] = set()
        self.written: set[str] = set()

    def phone(self, text: str) -> None:
        """A telephone number, E.164; found without its plus as well."""
        digits = "".join(filter(str.isdigit, text))
        if _NUMBER.fullmatch(digits):
            self.numbers.add(digits)

    def name(self, text: str) -> None:
        """Somebody's name. One of three Latin letters or fewer is part of too many words to be looked for."""
        text = text.strip()
        if len(text) > 3 or (len(text) > 1 and not text.isascii()):
            self.names.add(text)

    def token(self, text: str) -> None:
        """Something that opens anything."""
        if _WORD.fullmatch(text):
            self.tokens.add(text)

    def write(self, text: str) -> None:
        """What was written to a log; each line once."""
        self.written.update(text.splitlines())

    def body(self, path: str, value: object) -> None:
        """Everything of that kind in the body of a request or an answer."""
        if isinstance(value, list):
            for one in value:
                self.body(path, one)
        elif isinstance(value, dict):
            for key, one in value.items():
                if not isinstance(one, str):
                    self.body(path, one)
                elif key in _PHONES:
                    self.phone(one)
                elif key in _TOKENS:
                    self.token(one)
                elif key in _NAMES and (path.startswith(_PEOPLE) or _PEOPLE_OF_STAFF.search(path)):
                    self.name(one)

    def found(self) -> list[str]:
        """The lines with something personal, and of which kind; never the value a second time."""
        names = re.compile("|".join(map(_whole, sorted(self.names)))) if self.names else None
        hits = []
        for line in self.written:
            if any(number in self.numbers for number in _NUMBER.findall(line)):
                hits.append(("a number", line))
            if any(word in self.tokens or word.rpartition("=")[2] in self.tokens for word in _WORD.findall(line)):
                hits.append(("a token", line))
            # JSON writes other scripts' letters by their numbers.
            if names and (names.search(line) or ("\\u" in line and names.search(_unescaped(line)))):
                hits.append(("a name", line))
        return [f"{kind} in: {line[:60]}…" for kind, line in hits]


def _whole(name: str) -> str:
    # Placeholders such as "Member" begin the names of errors, too. Chinese has no blanks between words.
    return rf"(?<!\w){re.escape(name)}(?!\w)" if name.isascii() else re.escape(name)


def _unescaped(line: str) -> str:
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), line)


watch = Watch()


async def sent(request: httpx.Request) -> None:
    """What a request carries. One whose body is streamed carries a file."""
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    watch.token(bearer)
    try:
        watch.body(request.url.path, _json(request.content))
    except httpx.RequestNotRead:
        return


async def answered(response: httpx.Response) -> None:
    """What an answer carries."""
    if response.headers.get("content-type", "").startswith("application/json"):
        watch.body(response.request.url.path, _json(await response.aread()))


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep what was written during a test by this process and whoever shares its outputs."""
    for name, text in report.sections:
        # Not standard output: commands answer there, to whoever asked.
        if name.startswith("Captured stderr"):
            watch.write(text)


def read_logs(folders: Iterable[Path]) -> None:
    """Keep what children wrote to files of their own."""
    for folder in folders:
        for file in folder.rglob("*.log"):
            if file.is_file():
                watch.write(file.read_text("utf-8", "replace"))


@pytest.fixture(autouse=True, scope="session")
def watched_logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Search everything at the end. A test's own leak is found even where that test was content."""
    yield
    read_logs([tmp_path_factory.getbasetemp()])
    found = watch.found()
    assert not found, f"personal data in logs, {len(found)} lines:\n" + "\n".join(sorted(found)[:20])
